import { describe, expect, it } from 'vitest';
import { RARE_EVENTS } from '../../demo/shop-transactions.ts';
import {
  captureGoesOn,
  diesAt,
  dyingAt,
  expectEverythingEqual,
  givenServers,
  openShop,
  SOON_MS,
  STACK_TEST_MS,
  writeTo,
} from '../support/shop-harness.ts';

const KILLS_IN_STREAM = 3;
/** One of its some forty chunks: a snapshot of this size is over before anybody could look at it. */
const AMID_SNAPSHOT = { point: 'captureChunkEmitted', nth: 12 };

describe.skipIf(!givenServers())('a worker that is killed again and again', () => {
  it(
    'neither loses nor repeats a change, from the snapshot to the warehouse',
    async () => {
      await using scope = await openShop();
      const { shop } = scope;
      const doomed = shop.startWorker(dyingAt(AMID_SNAPSHOT.point, AMID_SNAPSHOT.nth));
      await shop.apply();
      const workload = await writeTo(shop, { events: RARE_EVENTS });
      await workload.during(diesAt(AMID_SNAPSHOT.point, doomed));
      let worker = shop.startWorker();
      await workload.during(shop.snapshotEnded(SOON_MS));
      for (let kill = 1; kill <= KILLS_IN_STREAM; kill += 1) {
        await workload.during(captureGoesOn(shop));
        await worker.kill();
        worker = shop.startWorker();
      }
      await workload.eventsDone;
      await workload.stop();
      expect(workload.counts['TRUNCATE']).toBe(1);
      await expectEverythingEqual(shop);
    },
    STACK_TEST_MS,
  );
});
