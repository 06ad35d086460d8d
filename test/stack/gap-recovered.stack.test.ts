import { describe, expect, it } from 'vitest';
import { checkAccident, isEqual } from '../../demo/check.ts';
import {
  expectEverythingEqual,
  givenServers,
  openShop,
  ownServers,
  SOON_MS,
  STACK_TEST_MS,
  writeTo,
} from '../support/shop-harness.ts';

const given = givenServers();

describe.skipIf(given === undefined)('binlogs that are purged before they were read', () => {
  it(
    'make a GAP that a plain signal repairs, rows deleted meanwhile included',
    async () => {
      if (given === undefined) return;
      // Purging would take the log away under other tests.
      await using own = await ownServers(['mysql']);
      const { mysql } = own.addresses;
      if (mysql === undefined) throw new Error('there is no MySQL');
      await using scope = await openShop({ servers: { ...given, mysql } });
      const { shop } = scope;
      shop.startWorker();
      await shop.apply();
      const workload = await writeTo(shop);
      await workload.during(shop.snapshotEnded(SOON_MS));
      await workload.stop();
      await expectEverythingEqual(shop);

      const verdicts = await checkAccident(shop, (_name, work) => work(() => undefined));
      expect(verdicts.filter((verdict) => !isEqual(verdict))).toEqual([]);
    },
    STACK_TEST_MS,
  );
});
