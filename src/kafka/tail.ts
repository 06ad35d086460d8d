import { crc32c } from '@node-rs/crc32';
import { SluiceError } from '../errors/error.ts';
import type { BatchRecord } from '../topic/record-batch-reader.ts';
import type { Topic } from '../topic/topic-name.ts';
import { Cluster } from './cluster.ts';
import { committedBatches } from './committed-batches.ts';
import { CommittedReader } from './committed-reader.ts';
import type { KafkaConnection } from './connection-options.ts';
import type { FetchedPartition, FetchLimits } from './fetch-request.ts';

export interface TailTopicOptions extends KafkaConnection {
  readonly topic: string;
  /** Otherwise only records committed from now on. */
  readonly fromBeginning: boolean;
  /** Ends after so many records; runs until `signal` otherwise. */
  readonly limit?: number;
  readonly signal: AbortSignal;
}

/** A committed record as text, for people. */
export interface TailedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

const REQUEST_TIMEOUT_MS = 30_000;
const LIMITS: FetchLimits = { maxWaitMs: 1000, maxBytes: 4 << 20, maxPartitionBytes: 1 << 20 };

/**
 * Follows a topic read_committed, in offset order within a partition.
 * @throws {SluiceError} `kafka.no-such-topic` | `kafka.unreachable`; the signal's reason when aborted
 */
export async function* tailTopic(options: TailTopicOptions): AsyncGenerator<TailedRecord> {
  const { fromBeginning, limit = Number.POSITIVE_INFINITY, signal } = options;
  const cluster = new Cluster(options, REQUEST_TIMEOUT_MS);
  try {
    const reader = new CommittedReader(cluster);
    const partitions = await partitionsOf(cluster, options.topic as Topic);
    const starts = fromBeginning
      ? await reader.earliestOffsets(partitions)
      : await reader.endOffsets(partitions, 'lastStable');
    const offsets = starts.map(({ offset }) => offset);
    let left = limit;
    while (left > 0) {
      const positions = partitions.map((each, index) => ({ ...each, offset: offsets[index] ?? 0 }));
      for (const fetched of await reader.fetch(positions, LIMITS, signal)) {
        for (const record of newRecords(fetched, offsets)) {
          yield { partition: fetched.partition, ...asText(record) };
          if (--left === 0) return;
        }
      }
    }
  } finally {
    await cluster.close();
  }
}

/** The committed records of an answer from the partition's offset on, which moves behind them. */
function* newRecords(fetched: FetchedPartition, offsets: number[]): Generator<BatchRecord> {
  const from = offsets[fetched.partition] ?? 0;
  for (const { kind, batch } of committedBatches(fetched, crc32c)) {
    offsets[fetched.partition] = batch.lastOffset + 1;
    if (kind === 'data') yield* batch.records().filter(({ offset }) => offset >= from);
  }
}

async function partitionsOf(
  cluster: Cluster,
  topic: Topic,
): Promise<readonly { readonly topic: Topic; readonly partition: number }[]> {
  const topics = await cluster.describe([topic]);
  const partitions = topics.get(topic)?.partitions;
  if (partitions === undefined) {
    throw new SluiceError('kafka.no-such-topic', `There is no topic ${topic}.`, {
      facts: { topic },
    });
  }
  return Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
}

function asText({
  offset,
  timestampMs,
  key,
  value,
  headers,
}: BatchRecord): Omit<TailedRecord, 'partition'> {
  return {
    offset,
    timestampMs,
    key: key?.toString() ?? null,
    value: value?.toString() ?? null,
    headers: Object.fromEntries(headers),
  };
}
