import { describe, expect, it } from 'vitest';
import type { ShopPipeline } from '../../demo/shop-pipeline.ts';
import {
  captureGoesOn,
  expectEverythingEqual,
  givenServers,
  openShop,
  SOON_MS,
  STACK_TEST_MS,
  writeTo,
} from '../support/shop-harness.ts';

const KILLS = 2;
/** 1,000 accounts and 1,000 savings of 1,000.00 each; transfers keep the sum. */
const TOTAL = '2000000.00';

describe.skipIf(!givenServers())('the sum over two tables between which money moves', () => {
  it(
    'is the same at every look at the warehouse, while the worker is killed and started again',
    async () => {
      await using scope = await openShop({ scale: 0.01 });
      const { shop } = scope;
      let worker = shop.startWorker();
      await shop.apply();
      const workload = await writeTo(shop, { transactionsPerSecond: 80 });
      await workload.during(shop.snapshotEnded(SOON_MS));
      await workload.during(shop.settled(SOON_MS));

      const looking = look(shop);
      for (let kill = 1; kill <= KILLS; kill += 1) {
        await workload.during(captureGoesOn(shop));
        await worker.kill();
        worker = shop.startWorker();
      }
      await workload.during(captureGoesOn(shop));
      await workload.during(shop.settled(SOON_MS));
      const looks = await looking.stop();
      await workload.stop();

      expect(new Set(looks.map(({ total }) => total))).toEqual(new Set([TOTAL]));
      // The looks were at different moments: transfers came in between.
      expect(new Set(looks.map(({ moves }) => moves)).size).toBeGreaterThan(10);
      await expectEverythingEqual(shop);
    },
    STACK_TEST_MS,
  );
});

interface Look {
  readonly total: string | null | undefined;
  readonly moves: string | null | undefined;
}

/** Looks again and again, whenever a worker answers, until it is stopped. */
function look(shop: ShopPipeline): { stop(): Promise<readonly Look[]> } {
  const looks: Look[] = [];
  const state = { stopped: false };
  const both = `(SELECT * FROM "${shop.name}".accounts UNION ALL SELECT * FROM "${shop.name}".savings)`;
  const sql = `SELECT CAST(sum(balance) AS VARCHAR), CAST(sum(moves) AS VARCHAR) FROM ${both}`;
  const looking = (async () => {
    while (!state.stopped) {
      const [row] = await shop.query(sql).catch(() => shop.workerAnswers());
      if (row !== undefined) looks.push({ total: row[0], moves: row[1] });
    }
  })();
  return {
    stop: async () => {
      state.stopped = true;
      await looking;
      return looks;
    },
  };
}
