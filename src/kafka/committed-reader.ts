import { type Connection, listOffsetsV7, ResponseError } from '@platformatic/kafka';
import { SluiceError } from '../errors/error.ts';
import type { Topic } from '../topic/topic-name.ts';
import type { Cluster } from './cluster.ts';
import {
  FETCH,
  FETCH_VERSION,
  type FetchedPartition,
  type FetchLimits,
  type FetchPosition,
  fetchEncoded,
} from './fetch-request.ts';

export interface PartitionId {
  readonly topic: Topic;
  readonly partition: number;
}

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
        const lost = outOfRange(fetched, positions);
        if (lost) throw await this.#offsetGone(lost);
        return fetched;
      },
      signal,
    );
  }

  async #offsetGone({
    topic,
    partition,
    offset,
  }: PartitionId & FetchPosition): Promise<SluiceError> {
    const [earliest] = await this.earliestOffsets([{ topic, partition }]);
    const [end] = await this.endOffsets([{ topic, partition }], 'highWatermark');
    const facts = {
      topic,
      partition,
      offset,
      earliestOffset: earliest?.offset ?? -1,
      endOffset: end?.offset ?? -1,
    };
    return new SluiceError(
      'sink.offset-out-of-range',
      `Offset ${offset} of ${topic} partition ${partition} is not there any more, the topic holds ${facts.earliestOffset} to ${facts.endOffset}: its retention was shorter than the pause, or it was recreated.`,
      { facts },
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

/** @throws {ResponseError} for anything but an offset that is out of range, which it answers */
function outOfRange(
  fetched: readonly FetchedPartition[],
  positions: readonly (PartitionId & FetchPosition)[],
): (PartitionId & FetchPosition) | undefined {
  for (const { topic, partition, errorCode } of fetched) {
    if (errorCode === OFFSET_OUT_OF_RANGE) {
      return positions.find((each) => each.topic === topic && each.partition === partition);
    }
    if (errorCode !== 0) {
      const at = `/${topic}/${partition}`;
      throw new ResponseError(FETCH, FETCH_VERSION, { [at]: [errorCode, null] }, undefined);
    }
  }
  return undefined;
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
      reject(signal.reason as Error);
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
