import { type Connection, listOffsetsV7, ResponseError } from '@platformatic/kafka';
import { SluiceError } from '../errors/error.ts';
import type { Topic } from '../topic/topic-name.ts';
import type { Cluster } from './cluster.ts';
import {
  type FetchedPartition,
  type FetchLimits,
  type FetchPosition,
  fetchEncoded,
} from './fetch-request.ts';

export interface PartitionId {
  readonly topic: Topic;
  readonly partition: number;
}

const FETCH = 1;
const OFFSET_OUT_OF_RANGE = 1;
const ISOLATION = { highWatermark: 0, lastStable: 1 } as const;
const TIMESTAMP = { latest: -1n, earliest: -2n } as const;

/** Offsets and fetches over the whole cluster; follows leaders and reconnects, each try bounded. */
export class CommittedReader {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** The end of each partition: behind its last record, or behind its last ended transaction. */
  endOffsets<P extends PartitionId>(
    partitions: readonly P[],
    which: keyof typeof ISOLATION,
  ): Promise<readonly (P & { readonly offset: number })[]> {
    return this.#listOffsets(partitions, ISOLATION[which], TIMESTAMP.latest);
  }

  earliestOffsets<P extends PartitionId>(
    partitions: readonly P[],
  ): Promise<readonly (P & { readonly offset: number })[]> {
    return this.#listOffsets(partitions, ISOLATION.highWatermark, TIMESTAMP.earliest);
  }

  /**
   * One round: what every leader has for these positions now, or after at most `maxWaitMs`.
   * @throws {SluiceError} `sink.offset-out-of-range` | `kafka.unreachable` | `kafka.refused`
   */
  async fetch(
    positions: readonly (PartitionId & FetchPosition)[],
    limits: FetchLimits,
    signal?: AbortSignal,
  ): Promise<readonly FetchedPartition[]> {
    return this.#cluster.patiently(
      'fetching',
      async () => {
        const leaders = await this.#cluster.leaders(positions);
        const answers = [...leaders].map(([connection, led]) =>
          fetchEncoded.async(connection, limits, led),
        );
        const fetched = (await abortable(Promise.all(answers), signal)).flat();
        for (const partition of fetched) refuseError(partition, positions);
        return fetched;
      },
      signal,
    );
  }

  async #listOffsets<P extends PartitionId>(
    partitions: readonly P[],
    isolation: number,
    timestamp: bigint,
  ): Promise<readonly (P & { readonly offset: number })[]> {
    if (partitions.length === 0) return [];
    const offsets = await this.#cluster.patiently('listing offsets', async () => {
      const leaders = await this.#cluster.leaders(partitions);
      const answers = await Promise.all(
        [...leaders].map(([connection, led]) => askOffsets(connection, led, isolation, timestamp)),
      );
      return new Map(answers.flatMap((answer) => [...answer]));
    });
    return partitions.map((partition) => {
      const offset = offsets.get(`${partition.topic}/${partition.partition}`);
      if (offset === undefined) throw missingAnswer(partition);
      return { ...partition, offset };
    });
  }
}

async function askOffsets(
  connection: Connection,
  partitions: readonly PartitionId[],
  isolation: number,
  timestamp: bigint,
): Promise<ReadonlyMap<string, number>> {
  const byTopic = Map.groupBy(partitions, ({ topic }) => topic);
  const { topics } = await listOffsetsV7.api.async(
    connection,
    -1,
    isolation,
    [...byTopic].map(([name, of]) => ({
      name,
      partitions: of.map(({ partition }) => ({
        partitionIndex: partition,
        currentLeaderEpoch: -1,
        timestamp,
      })),
    })),
  );
  return new Map(
    topics.flatMap(({ name, partitions: answered }) =>
      answered.map(({ partitionIndex, offset }) => [`${name}/${partitionIndex}`, Number(offset)]),
    ),
  );
}

function refuseError(
  { topic, partition, errorCode, logStartOffset, highWatermark }: FetchedPartition,
  positions: readonly FetchPosition[],
): void {
  if (errorCode === 0) return;
  if (errorCode === OFFSET_OUT_OF_RANGE) {
    const asked = positions.find((p) => p.topic === topic && p.partition === partition)?.offset;
    throw new SluiceError(
      'sink.offset-out-of-range',
      `Offset ${asked} of ${topic} partition ${partition} is not there any more: the retention of the topic was shorter than the pause, or the topic was recreated.`,
      { facts: { topic, partition, offset: asked ?? -1, logStartOffset, highWatermark } },
    );
  }
  throw new ResponseError(FETCH, 12, { [`/${topic}/${partition}`]: [errorCode, null] }, undefined);
}

function missingAnswer({ topic, partition }: PartitionId): SluiceError {
  return new SluiceError(
    'kafka.unreachable',
    `The broker answered without ${topic} partition ${partition}.`,
  );
}

/** Rejects with the signal's reason as soon as it is aborted; the answer is then ignored. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      promise.catch(() => undefined);
      reject(signal.reason);
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
