import { describe, it } from 'vitest';
import {
  captureGoesOn,
  expectEverythingEqual,
  givenServers,
  openShop,
  SOON_MS,
  STACK_TEST_MS,
  writeTo,
} from '../support/shop-harness.ts';

describe.skipIf(!givenServers())('a worker that sleeps through its replacement', () => {
  it(
    'writes nothing twice when it wakes up and both believe the stream is theirs',
    async () => {
      await using scope = await openShop();
      const { shop } = scope;
      const sleeper = shop.startWorker();
      await shop.apply();
      const workload = await writeTo(shop);
      await workload.during(shop.snapshotEnded(SOON_MS));
      await workload.during(captureGoesOn(shop));

      sleeper.signal('SIGSTOP');
      shop.startWorker();
      await workload.during(captureGoesOn(shop));
      sleeper.signal('SIGCONT');
      await workload.during(captureGoesOn(shop));
      // Only after the sleeper has let go of its file can the other one open the warehouse.
      await workload.during(shop.settled(SOON_MS));

      await workload.stop();
      await expectEverythingEqual(shop);
    },
    STACK_TEST_MS,
  );
});
