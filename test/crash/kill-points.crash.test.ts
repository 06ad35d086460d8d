import { describe, expect, it } from 'vitest';
import { HUGE_TRANSACTION } from '../../demo/shop-transactions.ts';
import { CAPTURE_KILL_POINTS } from '../../src/capture/kill-points.ts';
import { KAFKA_KILL_POINTS } from '../../src/kafka/kill-points.ts';
import { SINK_KILL_POINTS } from '../../src/sink/kill-points.ts';
import {
  expectEverythingEqual,
  givenServers,
  openShop,
  SOON_MS,
  STACK_TEST_MS,
  writeTo,
} from '../support/shop-harness.ts';

const POINTS = [...CAPTURE_KILL_POINTS, ...KAFKA_KILL_POINTS, ...SINK_KILL_POINTS];

/** Points that not every second of life passes: what brings the worker there. */
const BATCHES_INSIDE_TRANSACTIONS = { maxBatchRows: 500, heartbeatTimeoutMs: 2_500 };

describe.skipIf(!givenServers())('a worker that dies at an awkward instant', () => {
  it.each(POINTS)(
    'loses and repeats nothing: %s',
    async (point) => {
      await using scope = await openShop({
        scale: 0.02,
        settings: { stream: BATCHES_INSIDE_TRANSACTIONS },
      });
      const { shop } = scope;
      const doomed = shop.startWorker({ SLUICE_KILL_AT: point });
      await shop.apply();
      const workload = await writeTo(shop);
      // 50,000 rows: more than a batch, and more than the warehouse keeps unfolded.
      await workload.happen(HUGE_TRANSACTION);
      await workload.during(within(SOON_MS, `the worker to reach ${point}`, doomed.exited));
      expect(doomed.running).toBe(false);

      shop.startWorker();
      await workload.during(shop.snapshotEnded(SOON_MS));
      await workload.stop();
      await expectEverythingEqual(shop);
    },
    STACK_TEST_MS,
  );
});

async function within(ms: number, what: string, waiting: Promise<void>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`waited ${ms / 1_000} s in vain for ${what}`)),
    ms,
  );
  try {
    await Promise.race([waiting, late]);
  } finally {
    clearTimeout(timer);
  }
}
