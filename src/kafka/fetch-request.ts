import { createAPI, fetchV12, type Reader, ResponseError } from '@platformatic/kafka';

/** Where to read on in one partition. */
export interface FetchPosition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** A partition's answer with its record batches still encoded. */
export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  /** Everything below belongs to a transaction that has ended. */
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** Aborted transactions that reach into these batches. */
  readonly aborted: readonly AbortedTransaction[];
  readonly bytes: Buffer;
}

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

export interface FetchLimits {
  readonly maxWaitMs: number;
  readonly maxBytes: number;
  readonly maxPartitionBytes: number;
}

export const FETCH = 1;
export const FETCH_VERSION = 12;
const READ_COMMITTED = 1;
const NO_SESSION = 0;
const SESSIONLESS = -1;

/** Fetch, read_committed, without a session, leaving the record batches as they came. Partition errors are in the answer. */
export const fetchEncoded = createAPI<
  [limits: FetchLimits, positions: readonly FetchPosition[]],
  readonly FetchedPartition[]
>(
  FETCH,
  FETCH_VERSION,
  (limits: FetchLimits, positions: readonly FetchPosition[]) =>
    fetchV12.createRequest(
      limits.maxWaitMs,
      1,
      limits.maxBytes,
      READ_COMMITTED,
      NO_SESSION,
      SESSIONLESS,
      [...Map.groupBy(positions, ({ topic }) => topic)].map(([topicId, of]) => ({
        topicId,
        partitions: of.map(({ partition, offset }) => ({
          partition,
          currentLeaderEpoch: -1,
          fetchOffset: BigInt(offset),
          lastFetchedEpoch: -1,
          partitionMaxBytes: limits.maxPartitionBytes,
        })),
      })),
      [],
      '',
    ),
  parseResponse,
);

/**
 * Fetch Response (version 12): throttle_time_ms INT32, error_code INT16, session_id INT32,
 * [topic COMPACT_STRING, [partition: index INT32, error_code INT16, high_watermark INT64,
 * last_stable_offset INT64, log_start_offset INT64, [aborted: producer_id INT64, first_offset INT64],
 * preferred_read_replica INT32, records COMPACT_RECORDS]].
 */
function parseResponse(
  _correlationId: number,
  apiKey: number,
  apiVersion: number,
  reader: Reader,
): readonly FetchedPartition[] {
  reader.readInt32();
  const errorCode = reader.readInt16();
  if (errorCode !== 0) {
    throw new ResponseError(apiKey, apiVersion, { '/': [errorCode, null] }, undefined);
  }
  reader.readInt32();
  return reader
    .readArray((topics) => {
      const topic = topics.readString();
      return topics.readArray((partitions) => readPartition(topic, partitions));
    })
    .flat();
}

function readPartition(topic: string, reader: Reader): FetchedPartition {
  const partition = reader.readInt32();
  const errorCode = reader.readInt16();
  const highWatermark = Number(reader.readInt64());
  const lastStableOffset = Number(reader.readInt64());
  const logStartOffset = Number(reader.readInt64());
  const aborted = reader.readArray((entries) => ({
    producerId: entries.readInt64(),
    firstOffset: Number(entries.readInt64()),
  }));
  reader.readInt32();
  const bytes = reader.readBytes();
  return {
    topic,
    partition,
    errorCode,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    aborted,
    bytes,
  };
}
