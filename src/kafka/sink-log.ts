import { crc32c } from '@node-rs/crc32';
import type { SinkLog, SinkRecord } from '../sink/sink-log.ts';
import { BufferPool, DEFAULT_LIMITS, RecordBatches } from '../topic/outgoing-batch.ts';
import { internalTopics, type Topic } from '../topic/topic-name.ts';
import { Cluster } from './cluster.ts';
import { CommittedReader } from './committed-reader.ts';
import type { KafkaConnection } from './connection-options.ts';
import { KnownTopics } from './known-topics.ts';
import { parseSinkRecord } from './stored-record.ts';
import { createTopics, internalTopicConfigs } from './topic-admin.ts';
import { foldTopic } from './topic-fold.ts';
import { TransactionProducer } from './transaction-producer.ts';

export interface SinkLogOptions extends KafkaConnection {
  readonly prefix: string;
  readonly sinkName: string;
  /** Of the topic, when it has to be created. */
  readonly replication: number;
}

const REQUEST_TIMEOUT_MS = 30_000;

/** The slashes keep it apart from every pipeline's, whose names have none. */
function transactionalIdOf(prefix: string, sinkName: string): string {
  return `sluice.${prefix}/sink/${sinkName}`;
}

/** The record of one sink on a Kafka cluster, under a transactional id of its own. */
export class KafkaSinkLog implements SinkLog {
  readonly #topic: Topic;
  readonly #sinkName: string;
  readonly #cluster: Cluster;
  readonly #known: KnownTopics;
  readonly #producer: TransactionProducer;
  readonly #pool = new BufferPool();
  #record: SinkRecord | undefined;

  private constructor({ prefix, sinkName, ...connection }: SinkLogOptions) {
    this.#topic = internalTopics(prefix).sinks;
    this.#sinkName = sinkName;
    this.#cluster = new Cluster(connection, REQUEST_TIMEOUT_MS);
    this.#known = new KnownTopics(this.#cluster);
    this.#producer = new TransactionProducer(this.#cluster, {
      transactionalId: transactionalIdOf(prefix, sinkName),
      crc32c,
      verifyTopics: (topics) => this.#known.verify(topics),
    });
  }

  /** Fences every earlier attempt of the sink, and only then reads. Creates the topic when it is not there. */
  static async open(options: SinkLogOptions): Promise<KafkaSinkLog> {
    const log = new KafkaSinkLog(options);
    try {
      await log.#ensureTopic(options);
      await log.#producer.fence();
      log.#record = await log.#read();
      return log;
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  get record(): SinkRecord | undefined {
    return this.#record;
  }

  async save(record: SinkRecord): Promise<void> {
    const batch = new RecordBatches(DEFAULT_LIMITS, this.#pool);
    batch.append({
      topic: this.#topic,
      partition: 0,
      key: this.#sinkName,
      value: JSON.stringify(record),
      headers: [],
      timestampMs: Date.now(),
    });
    if ((await this.#producer.commit(batch.seal())) === 'sentOnce') batch.release();
    this.#record = record;
  }

  close(): Promise<void> {
    return this.#cluster.close();
  }

  async #ensureTopic(options: SinkLogOptions): Promise<void> {
    const topic = this.#topic;
    const present = await this.#cluster.describe([topic]);
    this.#known.learn(present);
    if (present.has(topic)) return;
    const configs = internalTopicConfigs(options.prefix, options.replication);
    await createTopics(
      options,
      configs.filter((config) => config.topic === topic),
    );
    this.#known.learn(await this.#cluster.describe([topic]));
  }

  async #read(): Promise<SinkRecord | undefined> {
    const reader = new CommittedReader(this.#cluster);
    const records = await foldTopic(reader, this.#topic, 'highWatermark', crc32c);
    const value = records.get(this.#sinkName);
    return value && parseSinkRecord(value);
  }
}
