import { setTimeout as sleep } from 'node:timers/promises';
import { crc32c } from '@node-rs/crc32';
import type { ITopicConfig } from 'kafkajs';
import type { PipelineLog } from '../capture/pipeline-log.ts';
import { parsePositions, type StoredPipeline } from '../capture/position-records.ts';
import type { SchemaId } from '../change/table.ts';
import { InvariantBroken, type SluiceError } from '../errors/error.ts';
import { BufferPool, DEFAULT_LIMITS, RecordBatches } from '../topic/outgoing-batch.ts';
import type { OutgoingBatch } from '../topic/publisher.ts';
import type { Compression } from '../topic/record-batch.ts';
import {
  type InternalTopics,
  internalTopics,
  type Topic,
  type TopicIdentity,
} from '../topic/topic-name.ts';
import { isTransient } from './broker-error.ts';
import { Cluster } from './cluster.ts';
import { CommittedReader } from './committed-reader.ts';
import type { KafkaConnection } from './connection-options.ts';
import type { KafkaKillPoint } from './kill-points.ts';
import { KnownTopics, recreated, refuseChanged, refuseMissing } from './known-topics.ts';
import {
  createTopics,
  internalTopicConfigs,
  messageLimits,
  tableTopicConfig,
} from './topic-admin.ts';
import { foldTopic } from './topic-fold.ts';
import { TransactionProducer } from './transaction-producer.ts';

export interface PipelineLogOptions extends KafkaConnection {
  readonly prefix: string;
  readonly pipeline: string;
  /** Of table topics that have to be created. */
  readonly partitions: number;
  readonly replication: number;
  readonly compression: Compression;
  /** Called when a transaction is going to be sent again, with the reason. */
  readonly onDisturbed?: (failure: SluiceError) => void;
  /** Called at every kill point; a crash test ends the process there. */
  readonly reach?: (point: KafkaKillPoint) => void;
}

/** The prefix is part of it: two pipelines of one name may write to one cluster under two prefixes. */
export function transactionalIdOf(prefix: string, pipeline: string): string {
  return `sluice.${prefix}.${pipeline}`;
}

const REQUEST_TIMEOUT_MS = 30_000;
/** Brokers take up hundreds of new partitions one by one. */
const SERVED_WITHIN_MS = 60_000;
const SERVED_POLL_MS = 100;

/** A pipeline's topics on a Kafka cluster. Connects on first use. */
export class KafkaPipelineLog implements PipelineLog {
  readonly #options: PipelineLogOptions;
  readonly #topics: InternalTopics;
  readonly #cluster: Cluster;
  readonly #reader: CommittedReader;
  readonly #known: KnownTopics;
  readonly #producer: TransactionProducer;
  readonly #pool = new BufferPool();
  readonly #messageLimits = new Map<Topic, number>();
  #publishing = false;

  constructor(options: PipelineLogOptions) {
    this.#options = options;
    this.#topics = internalTopics(options.prefix);
    this.#cluster = new Cluster(options, REQUEST_TIMEOUT_MS);
    this.#reader = new CommittedReader(this.#cluster);
    this.#known = new KnownTopics(this.#cluster);
    this.#producer = new TransactionProducer(this.#cluster, {
      transactionalId: transactionalIdOf(options.prefix, options.pipeline),
      crc32c,
      verifyTopics: (topics) => this.#known.verify(topics),
      onDisturbed: options.onDisturbed,
      reach: options.reach,
    });
  }

  async peek(): Promise<StoredPipeline> {
    const wanted = internalTopicConfigs(this.#options.prefix, this.#options.replication);
    const names = wanted.map(({ topic }) => topic as Topic);
    const present = await this.#cluster.describe(names);
    const missing = wanted.filter(({ topic }) => !present.has(topic as Topic));
    await this.#create(missing);
    this.#known.learn(missing.length === 0 ? present : await this.#cluster.describe(names));
    return this.#read('lastStable');
  }

  fence(): Promise<void> {
    return this.#producer.fence();
  }

  load(): Promise<StoredPipeline> {
    return this.#read('highWatermark');
  }

  async ensureTopics(
    topics: readonly Topic[],
    known: ReadonlyMap<Topic, TopicIdentity>,
  ): Promise<ReadonlyMap<Topic, TopicIdentity>> {
    const present = await this.#cluster.describe(topics);
    const missing = topics.filter((topic) => !present.has(topic));
    const lost = missing.find((topic) => known.has(topic));
    if (lost !== undefined) throw recreated(lost, 'is gone');
    const { partitions, replication } = this.#options;
    await this.#create(missing.map((topic) => tableTopicConfig(topic, partitions, replication)));
    const identities = missing.length === 0 ? present : await this.#cluster.describe(topics);
    for (const topic of topics) refuseChanged(topic, identities.get(topic), known.get(topic));
    this.#known.learn(identities);
    for (const [topic, bytes] of await messageLimits(this.#options, topics))
      this.#messageLimits.set(topic, bytes);
    return identities;
  }

  newBatch(): OutgoingBatch {
    const { compression } = this.#options;
    const maxBatchBytesOf = (topic: Topic) => this.#messageLimits.get(topic);
    return new RecordBatches({ ...DEFAULT_LIMITS, compression, maxBatchBytesOf }, this.#pool);
  }

  async publish(batch: OutgoingBatch): Promise<void> {
    if (!(batch instanceof RecordBatches)) throw new InvariantBroken('a batch of another log');
    if (this.#publishing) throw new InvariantBroken('publish was called before the last one ended');
    this.#publishing = true;
    try {
      const partitions = batch.seal();
      const how = partitions.length > 0 ? await this.#producer.commit(partitions) : 'sentOnce';
      if (how === 'sentOnce') batch.release();
    } finally {
      this.#publishing = false;
    }
  }

  close(): Promise<void> {
    return this.#cluster.close();
  }

  /**
   * Returns when every partition answers: for a moment after its creation a topic has a leader that
   * does not know it yet, and a transaction that meets it there has failed.
   */
  async #create(topics: readonly ITopicConfig[]): Promise<void> {
    await createTopics(this.#options, topics, (part) =>
      this.#served(part.map(({ topic }) => topic as Topic)),
    );
  }

  async #served(topics: readonly Topic[]): Promise<void> {
    const deadlineMs = Date.now() + SERVED_WITHIN_MS;
    for (;;)
      try {
        const created = await this.#cluster.describe(topics);
        for (const topic of topics) refuseMissing(topic, created.get(topic));
        const partitions = [...created].flatMap(([topic, { partitions: count }]) =>
          Array.from({ length: count }, (_, partition) => ({ topic, partition })),
        );
        await this.#reader.endOffsets(partitions, 'highWatermark');
        return;
      } catch (error) {
        if (!isTransient(error) || Date.now() > deadlineMs) throw error;
        await sleep(SERVED_POLL_MS);
      }
  }

  async #read(upTo: 'highWatermark' | 'lastStable'): Promise<StoredPipeline> {
    const positions = await foldTopic(this.#reader, this.#topics.positions, upTo, crc32c);
    const schemas = await foldTopic(this.#reader, this.#topics.schemas, upTo, crc32c);
    const texts = new Map([...positions].map(([key, value]) => [key, value.toString()]));
    return { ...parsePositions(texts), schemaIds: new Set([...schemas.keys()] as SchemaId[]) };
  }
}
