import { crc32c } from '@node-rs/crc32';
import type { PipelineLog, StoredPipeline } from '../capture/pipeline-log.ts';
import type { SchemaId } from '../change/table.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import { BufferPool, DEFAULT_LIMITS, RecordBatches } from '../topic/outgoing-batch.ts';
import { type OutgoingBatch, POSITION_KEYS } from '../topic/publisher.ts';
import type { Compression } from '../topic/record-batch.ts';
import { type InternalTopics, internalTopics, type Topic } from '../topic/topic-name.ts';
import { Cluster } from './cluster.ts';
import { CommittedReader } from './committed-reader.ts';
import type { KafkaConnection } from './connection-options.ts';
import type { KafkaKillPoint } from './kill-points.ts';
import { parseCheckpoint, parseSnapshotPlan, parseTopics } from './stored-record.ts';
import { createTopics, internalTopicConfigs, tableTopicConfig } from './topic-admin.ts';
import { foldTopic } from './topic-fold.ts';
import { TransactionProducer } from './transaction-producer.ts';

export interface PipelineLogOptions extends KafkaConnection {
  readonly prefix: string;
  readonly pipeline: string;
  /** Of table topics that have to be created. */
  readonly partitions: number;
  readonly replication: number;
  readonly compression: Compression;
  /** Called at every kill point; a crash test ends the process there. */
  readonly reach?: (point: KafkaKillPoint) => void;
}

/** The prefix is part of it: two pipelines of one name may write to one cluster under two prefixes. */
export function transactionalIdOf(prefix: string, pipeline: string): string {
  return `sluice.${prefix}.${pipeline}`;
}

const REQUEST_TIMEOUT_MS = 30_000;

/** A pipeline's topics on a Kafka cluster. Connects on first use. */
export class KafkaPipelineLog implements PipelineLog {
  readonly #options: PipelineLogOptions;
  readonly #topics: InternalTopics;
  readonly #cluster: Cluster;
  readonly #reader: CommittedReader;
  readonly #producer: TransactionProducer;
  readonly #pool = new BufferPool();
  #stored: StoredPipeline | undefined;
  #publishing = false;

  constructor(options: PipelineLogOptions) {
    this.#options = options;
    this.#topics = internalTopics(options.prefix);
    this.#cluster = new Cluster(options, REQUEST_TIMEOUT_MS);
    this.#reader = new CommittedReader(this.#cluster);
    const transactionalId = transactionalIdOf(options.prefix, options.pipeline);
    this.#producer = new TransactionProducer(this.#cluster, transactionalId, crc32c, options.reach);
  }

  async peek(): Promise<StoredPipeline> {
    const wanted = internalTopicConfigs(this.#options.prefix, this.#options.replication);
    const present = await this.#partitionCounts(wanted.map(({ topic }) => topic as Topic));
    const missing = wanted.filter(({ topic }) => present.get(topic as Topic) === undefined);
    await createTopics(this.#options, missing);
    return this.#read('lastStable');
  }

  fence(): Promise<void> {
    return this.#producer.fence();
  }

  async load(): Promise<StoredPipeline> {
    this.#stored = await this.#read('highWatermark');
    return this.#stored;
  }

  async ensureTopics(topics: readonly Topic[]): Promise<ReadonlyMap<Topic, number>> {
    const stored = this.#stored?.topics ?? new Map<Topic, number>();
    const present = await this.#partitionCounts(topics);
    const missing = topics.filter((topic) => present.get(topic) === undefined);
    const { partitions, replication } = this.#options;
    await createTopics(
      this.#options,
      missing.map((topic) => tableTopicConfig(topic, stored.get(topic) ?? partitions, replication)),
    );
    const counts = missing.length === 0 ? present : await this.#partitionCounts(topics);
    return new Map(
      topics.map((topic) => [topic, unchangedCount(topic, counts.get(topic), stored.get(topic))]),
    );
  }

  newBatch(): OutgoingBatch {
    const { compression } = this.#options;
    return new RecordBatches({ ...DEFAULT_LIMITS, compression }, this.#pool);
  }

  async publish(batch: OutgoingBatch): Promise<void> {
    if (!(batch instanceof RecordBatches)) throw new InvariantBroken('a batch of another log');
    if (this.#publishing) throw new InvariantBroken('publish was called before the last one ended');
    this.#publishing = true;
    try {
      const partitions = batch.seal();
      if (partitions.length > 0) await this.#producer.commit(partitions);
    } finally {
      this.#publishing = false;
      batch.release();
    }
  }

  close(): Promise<void> {
    return this.#cluster.close();
  }

  #partitionCounts(topics: readonly Topic[]): Promise<ReadonlyMap<Topic, number | undefined>> {
    return this.#cluster.patiently('describing topics', () =>
      this.#cluster.partitionCounts(topics),
    );
  }

  async #read(upTo: 'highWatermark' | 'lastStable'): Promise<StoredPipeline> {
    const positions = await foldTopic(this.#reader, this.#topics.positions, upTo, crc32c);
    const schemas = await foldTopic(this.#reader, this.#topics.schemas, upTo, crc32c);
    const checkpoint = positions.get(POSITION_KEYS.checkpoint);
    const snapshot = positions.get(POSITION_KEYS.snapshot);
    const topics = positions.get(POSITION_KEYS.topics);
    return {
      checkpoint: checkpoint && parseCheckpoint(checkpoint),
      snapshot: snapshot && parseSnapshotPlan(snapshot),
      topics: topics ? parseTopics(topics) : new Map(),
      schemaIds: new Set([...schemas.keys()] as SchemaId[]),
    };
  }
}

function unchangedCount(topic: Topic, now: number | undefined, stored: number | undefined): number {
  if (now === undefined) {
    throw new SluiceError('kafka.unreachable', `Topic ${topic} was created but is not there yet.`);
  }
  if (stored !== undefined && stored !== now) {
    throw new SluiceError(
      'kafka.partitions-changed',
      `Topic ${topic} has ${now} partitions, its records were written to ${stored}: keys would change partition and lose their order.`,
      { facts: { topic, partitions: now, storedPartitions: stored } },
    );
  }
  return now;
}
