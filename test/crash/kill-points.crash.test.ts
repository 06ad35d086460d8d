import { describe, it } from 'vitest';
import { HUGE_TRANSACTION, HUGE_UPDATE } from '../../demo/shop-transactions.ts';
import type { CaptureKillPoint } from '../../src/capture/kill-points.ts';
import type { KafkaKillPoint } from '../../src/kafka/kill-points.ts';
import type { SinkKillPoint } from '../../src/sink/kill-points.ts';
import {
  diesAt,
  dyingAt,
  expectEverythingEqual,
  givenServers,
  openShop,
  SOON_MS,
  STACK_TEST_MS,
  writeTo,
} from '../support/shop-harness.ts';

type KillPoint = CaptureKillPoint | KafkaKillPoint | SinkKillPoint;

/**
 * At which of its arrivals at a point the worker dies; each number is a test. The first Kafka
 * transaction is the first checkpoint, with no position to go back to; the later ones hold chunks of
 * the snapshot, changes, or part of a source transaction.
 */
const ARRIVALS: Readonly<Record<KillPoint, readonly number[]>> = {
  captureFenced: [1],
  captureBeforeFirstCheckpoint: [1],
  captureBeforePublish: [2],
  capturePublished: [4],
  captureChunkRead: [3],
  captureChunkEmitted: [5],
  captureCutInsideTransaction: [1, 40],
  captureHeartbeatPending: [9],
  kafkaBegun: [1, 12],
  kafkaRowsSent: [1, 16],
  kafkaCommitSent: [1, 20],
  kafkaCommitted: [1, 24],
  sinkPreparing: [1],
  sinkPrepared: [1],
  sinkBeforeApply: [2],
  sinkMidTransaction: [2],
  // Passed by a sink into BigQuery alone: test/bigquery/commit-steps.bigquery.test.ts.
  sinkDeletesWritten: [],
  sinkBeforeCommit: [3],
  sinkCommitted: [2],
  sinkCompacting: [1],
};

const DEATHS = Object.entries(ARRIVALS).flatMap(([point, arrivals]) =>
  arrivals.map((nth) => ({ point, nth })),
);

/** So small that a large transaction is cut many times. */
const STREAM = { maxBatchRows: 500, heartbeatTimeoutMs: 2_500 };

describe.skipIf(!givenServers()).concurrent('a worker that dies at an awkward instant', () => {
  it.each(DEATHS)(
    'loses and repeats nothing: $point, arrival $nth',
    async ({ point, nth }) => {
      await using scope = await openShop({ scale: 0.02, settings: { stream: STREAM } });
      const { shop } = scope;
      const doomed = shop.startWorker(dyingAt(point, nth));
      await shop.apply();
      const workload = await writeTo(shop);
      // What is committed before the stream begins comes by the snapshot alone.
      await workload.during(Promise.race([shop.commitOrdinal(SOON_MS), doomed.exited]));
      await workload.happen(HUGE_TRANSACTION);
      // Together more than the warehouse keeps unfolded.
      if (point === 'sinkCompacting') await workload.happen(HUGE_UPDATE);
      await workload.during(diesAt(point, doomed));

      shop.startWorker();
      await workload.during(shop.snapshotEnded(SOON_MS));
      await workload.stop();
      await expectEverythingEqual(shop);
    },
    STACK_TEST_MS,
  );
});
