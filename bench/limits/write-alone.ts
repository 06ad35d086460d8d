import { KafkaPipelineLog } from '../../src/kafka/pipeline-log.ts';
import { deleteTopics } from '../../src/kafka/topic-admin.ts';
import { partitionOf } from '../../src/topic/partition.ts';
import { type OutgoingRecord, SCHEMA_HEADER, SEQUENCE_HEADER } from '../../src/topic/publisher.ts';
import { internalTopics, type Topic } from '../../src/topic/topic-name.ts';
import { expectedOrder } from '../order-data.ts';
import type { LimitTask } from './limit-process.ts';

const PREFIX = 'limit-write';
const TOPIC = `${PREFIX}.bench.orders` as Topic;
const PARTITIONS = 3;
/** Made before the clock starts; written again and again. */
const DISTINCT_RECORDS = 20_000;
/** The worker's own defaults. */
const MAX_BATCH_BYTES = 4 << 20;
const MAX_BATCH_ROWS = 50_000;

/** Ready records appended, compressed and committed in transactions; filling goes on meanwhile. */
export async function writeAlone({ brokers, rows }: LimitTask): Promise<number> {
  const log = new KafkaPipelineLog({
    brokers,
    prefix: PREFIX,
    pipeline: PREFIX,
    partitions: PARTITIONS,
    replication: 1,
    compression: 'zstd',
  });
  await log.peek();
  await log.fence();
  await log.load();
  await log.ensureTopics([TOPIC], new Map());
  const records = Array.from({ length: DISTINCT_RECORDS }, (_, index) => recordOf(index + 1));
  const startedAtMs = performance.now();
  let publishing: Promise<void> = Promise.resolve();
  let batch = log.newBatch();
  for (let row = 0; row < rows; row++) {
    const record = records[row % DISTINCT_RECORDS];
    if (record) batch.append(record);
    const isFull = batch.records >= MAX_BATCH_ROWS || batch.bytes >= MAX_BATCH_BYTES;
    if (!isFull && row < rows - 1) continue;
    await publishing;
    publishing = log.publish(batch);
    batch = log.newBatch();
  }
  await publishing;
  const tookMs = performance.now() - startedAtMs;
  await log.close();
  await deleteTopics({ brokers }, [TOPIC, ...Object.values<Topic>({ ...internalTopics(PREFIX) })]);
  return (rows * 1_000) / tookMs;
}

/** As capture writes an order, in form and size. */
function recordOf(id: number): OutgoingRecord {
  const nowMs = 1_800_000_000_000 + id;
  const after = {
    ...expectedOrder(id),
    amount: 'AJiWfw==',
    note: `note for order ${id} ${(id * 2_654_435_761).toString(16).padStart(32, '0')}`,
    created_at: 1_767_225_600_000_000 + id,
    updated_at: '2026-01-01T00:00:00Z',
  };
  const source = {
    version: '0.1.0',
    connector: 'mysql',
    name: PREFIX,
    ts_ms: nowMs,
    snapshot: 'false',
    db: 'bench_bulk',
    sequence: null,
    ts_us: nowMs * 1_000,
    ts_ns: nowMs * 1_000_000,
    table: 'orders',
    server_id: 1,
    gtid: `3e11fa47-71ca-11e1-9e33-c80aa9429562:${id}`,
    file: 'binlog.000004',
    pos: 4 + id * 110,
    row: id % 80,
    thread: 10,
    query: null,
  };
  const key = JSON.stringify({ id });
  return {
    topic: TOPIC,
    partition: partitionOf(key, PARTITIONS),
    key,
    value: JSON.stringify({
      before: null,
      after,
      source,
      transaction: null,
      op: 'c',
      ts_ms: nowMs,
      ts_us: nowMs * 1_000,
      ts_ns: nowMs * 1_000_000,
    }),
    headers: [
      [SEQUENCE_HEADER, `00000001/${id.toString(16).padStart(16, '0')}/00000001`],
      [SCHEMA_HEADER, '5f3a9c1d20b84e76'],
    ],
    timestampMs: nowMs,
  };
}
