import { setTimeout as sleep } from 'node:timers/promises';
import { crc32c } from '@node-rs/crc32';
import { Cluster } from '../src/kafka/cluster.ts';
import { committedBatches } from '../src/kafka/committed-batches.ts';
import { CommittedReader, type PartitionId } from '../src/kafka/committed-reader.ts';
import {
  createTopics,
  deleteTopics,
  listTopics,
  tableTopicConfig,
} from '../src/kafka/topic-admin.ts';
import type { BatchRecord } from '../src/topic/record-batch-reader.ts';
import type { Topic } from '../src/topic/topic-name.ts';
import { batchHeaders, type Delivery, deliveryOf, PartitionTimeline } from './timeline.ts';

const REQUEST_TIMEOUT_MS = 60_000;
const CREATE_ATTEMPTS = 10;
const CREATE_PAUSE_MS = 500;
const FETCH = { maxWaitMs: 100, maxBytes: 32 << 20, maxPartitionBytes: 16 << 20 } as const;

type PartitionOffset = PartitionId & { readonly offset: number };

/** The topics of one run, looked at as a read_committed consumer sees them. */
export class RunTopics implements AsyncDisposable {
  readonly #brokers: readonly string[];
  readonly #cluster: Cluster;
  readonly #reader: CommittedReader;
  readonly partitions: readonly PartitionId[];

  constructor(brokers: readonly string[], topics: readonly string[], partitions: number) {
    this.#brokers = brokers;
    this.#cluster = new Cluster({ brokers }, REQUEST_TIMEOUT_MS);
    this.#reader = new CommittedReader(this.#cluster);
    this.partitions = topics.flatMap((topic) =>
      Array.from({ length: partitions }, (_, partition) => ({ topic: topic as Topic, partition })),
    );
  }

  /** Makes the topics with the settings Sluice gives its own, for every program alike. */
  create(): Promise<void> {
    const counts = Map.groupBy(this.partitions, ({ topic }) => topic);
    return createPatiently(
      this.#brokers,
      [...counts].map(([topic, of]) => ({ topic, partitions: of.length })),
    );
  }

  /** Removes every topic that begins with the prefix and a dot. */
  async deleteAll(prefix: string): Promise<void> {
    const connection = { brokers: this.#brokers };
    const topics = await listTopics(connection);
    await deleteTopics(
      connection,
      topics.filter((topic) => topic.startsWith(`${prefix}.`)),
    );
  }

  /** Committed offsets of all partitions together; markers of transactions count as offsets. */
  async committedOffsets(): Promise<number> {
    return (await this.ends()).reduce((sum, { offset }) => sum + offset, 0);
  }

  /** Where every partition ends for a read_committed consumer. */
  ends(): Promise<readonly PartitionOffset[]> {
    return this.#reader.endOffsets(this.partitions, 'lastStable');
  }

  /** What arrived from there on (from the beginning unless told) and when, by the headers of all batches. */
  async delivery(from?: readonly PartitionOffset[]): Promise<Delivery | undefined> {
    const timelines = new Map<string, PartitionTimeline>();
    await this.#readAll(from, (partition, bytes) => {
      const key = `${partition.topic}/${partition.partition}`;
      const timeline = timelines.get(key) ?? new PartitionTimeline();
      timelines.set(key, timeline);
      let last = -1;
      for (const header of batchHeaders(bytes)) {
        timeline.add(header);
        last = header.lastOffset;
      }
      return last + 1;
    });
    return deliveryOf([...timelines.values()]);
  }

  /** Some committed records of every partition, from its beginning. */
  async sample(perPartition: number): Promise<readonly BatchRecord[]> {
    const limits = { ...FETCH, maxPartitionBytes: 2 << 20 };
    const positions = this.partitions.map((partition) => ({ ...partition, offset: 0 }));
    const fetched = await this.#reader.fetch(positions, limits);
    return fetched.flatMap((partition) =>
      [...committedBatches(partition, crc32c)]
        .filter(({ kind }) => kind === 'data')
        .slice(0, 1)
        .flatMap(({ batch }) => [...batch.records().take(perPartition)]),
    );
  }

  /** Calls `onRecord` for committed records as the fetch that brought them is answered. */
  async follow(
    onRecord: (record: BatchRecord, nowMs: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let positions = await this.#reader.endOffsets(this.partitions, 'lastStable');
    const limits = { ...FETCH, maxWaitMs: 500, maxPartitionBytes: 1 << 20 };
    while (!signal.aborted) {
      const fetched = await this.#reader.fetch(positions, limits, signal);
      const nowMs = performance.timeOrigin + performance.now();
      const next = new Map<string, number>();
      for (const partition of fetched)
        for (const { kind, batch } of committedBatches(partition, crc32c)) {
          next.set(`${partition.topic}/${partition.partition}`, batch.lastOffset + 1);
          if (kind === 'data') for (const record of batch.records()) onRecord(record, nowMs);
        }
      positions = positions.map((position) => ({
        ...position,
        offset: next.get(`${position.topic}/${position.partition}`) ?? position.offset,
      }));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster.close();
  }

  /** @param read answers the offset behind the last whole batch, or 0 when there was none */
  async #readAll(
    from: readonly PartitionOffset[] | undefined,
    read: (partition: PartitionId, bytes: Buffer) => number,
  ): Promise<void> {
    const begins = new Map(from?.map((at) => [`${at.topic}/${at.partition}`, at.offset]));
    let left = (await this.ends())
      .map(({ topic, partition, offset: end }) => {
        return { topic, partition, offset: begins.get(`${topic}/${partition}`) ?? 0, end };
      })
      .filter(({ offset, end }) => offset < end);
    while (left.length > 0) {
      const fetched = await this.#reader.fetch(left, FETCH);
      const next = new Map<string, number>();
      for (const { topic, partition, bytes } of fetched)
        if (bytes.length > 0)
          next.set(`${topic}/${partition}`, read({ topic: topic as Topic, partition }, bytes));
      left = left
        .map((at) => ({
          ...at,
          offset: Math.max(at.offset, next.get(`${at.topic}/${at.partition}`) ?? 0),
        }))
        .filter(({ offset, end }) => offset < end);
      if (next.size === 0) await sleep(50);
    }
  }
}

/** A broker that is still busy with topics of the run before may not know new ones at once. */
export async function createPatiently(
  brokers: readonly string[],
  topics: readonly { readonly topic: string; readonly partitions: number }[],
): Promise<void> {
  const configs = topics.map(({ topic, partitions }) =>
    tableTopicConfig(topic as Topic, partitions, 1),
  );
  for (let attempt = 1; ; attempt++)
    try {
      await createTopics({ brokers }, configs);
      return;
    } catch (error) {
      if (attempt === CREATE_ATTEMPTS) throw error;
      await sleep(CREATE_PAUSE_MS);
    }
}
