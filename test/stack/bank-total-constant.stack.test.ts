import { describe, expect, it } from 'vitest';
import { Random } from '../../demo/random.ts';
import type { ShopPipeline } from '../../demo/shop-pipeline.ts';
import { KAFKA_KILL_POINTS } from '../../src/kafka/kill-points.ts';
import { SINK_KILL_POINTS } from '../../src/sink/kill-points.ts';
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

const KILLS = 4;
/** Of the kills; a failure comes again with the same one. */
const SEED = 7;
/** When a warehouse is made, and when much has come. */
const SELDOM: readonly string[] = ['sinkPreparing', 'sinkPrepared', 'sinkCompacting'];
/** Every point that small transactions pass again and again. */
const POINTS = [
  'captureBeforePublish',
  'capturePublished',
  ...KAFKA_KILL_POINTS,
  ...SINK_KILL_POINTS.filter((point) => !SELDOM.includes(point)),
] as const;
/** Arrivals at a point before the last one: a few seconds of life. */
const MAX_ARRIVALS = 8;
/** 1,000 accounts and 1,000 savings of 1,000.00 each; transfers keep the sum. */
const TOTAL = '2000000.00';

describe.skipIf(!givenServers())('the sum over two tables between which money moves', () => {
  it(
    'is the same at every look at the warehouse, while workers die at any instant',
    async () => {
      await using scope = await openShop({ scale: 0.01 });
      const { shop } = scope;
      const healthy = shop.startWorker();
      await shop.apply();
      const workload = await writeTo(shop, { transactionsPerSecond: 80 });
      await workload.during(shop.snapshotEnded(SOON_MS));
      await workload.during(shop.settled(SOON_MS));

      const looking = look(shop);
      await workload.during(captureGoesOn(shop));
      await healthy.kill();
      const random = new Random(SEED);
      for (let kill = 1; kill <= KILLS; kill += 1) {
        const point = random.pick(POINTS);
        const arrival = 1 + random.below(MAX_ARRIVALS);
        const doomed = shop.startWorker(dyingAt(point, arrival));
        await workload.during(diesAt(`${point}:${arrival}`, doomed));
      }
      shop.startWorker();
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
