import { crc32c } from '@node-rs/crc32';
import {
  parseCheckpoint,
  parseTable,
  parseTopics,
  readRecord,
} from '../capture/position-records.ts';
import type { SchemaId, TableSchema } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type {
  CommittedPosition,
  PartitionOffset,
  RecordRun,
  RecordSource,
} from '../sink/record-source.ts';
import { POSITION_KEYS } from '../topic/publisher.ts';
import type { BatchRecord } from '../topic/record-batch-reader.ts';
import { parseSchemaRecord } from '../topic/schema-record.ts';
import { internalTopics, type Topic } from '../topic/topic-name.ts';
import { Cluster } from './cluster.ts';
import { CommittedReader, type PartitionId } from './committed-reader.ts';
import type { KafkaConnection } from './connection-options.ts';
import { type RangeToRead, readRanges } from './range-reader.ts';
import { TopicFollower, type TopicListener } from './topic-follower.ts';

export interface RecordSourceOptions extends KafkaConnection {
  readonly prefix: string;
  /** A run is handed over when its keys and values reach this. */
  readonly maxRunBytes?: number;
  /** How long `schema` waits for an id. */
  readonly schemaTimeoutMs?: number;
}

const REQUEST_TIMEOUT_MS = 30_000;
const DEFAULT_RUN_BYTES = 256 << 10;
const DEFAULT_SCHEMA_TIMEOUT_MS = 30_000;

/** A pipeline's topics as a sink reads them. Connects on first use. */
export class KafkaRecordSource implements RecordSource {
  readonly #maxRunBytes: number;
  readonly #schemaTimeoutMs: number;
  readonly #dataCluster: Cluster;
  readonly #reader: CommittedReader;
  /** Long polls have connections of their own: they would hold up fetches. */
  readonly #pollCluster: Cluster;
  readonly #positions: PositionFold;
  readonly #schemas: SchemaFold;
  readonly #positionFollower: TopicFollower;
  readonly #schemaFollower: TopicFollower;

  constructor(options: RecordSourceOptions) {
    this.#maxRunBytes = options.maxRunBytes ?? DEFAULT_RUN_BYTES;
    this.#schemaTimeoutMs = options.schemaTimeoutMs ?? DEFAULT_SCHEMA_TIMEOUT_MS;
    this.#dataCluster = new Cluster(options, REQUEST_TIMEOUT_MS);
    this.#reader = new CommittedReader(this.#dataCluster);
    this.#pollCluster = new Cluster(options, REQUEST_TIMEOUT_MS);
    const { positions, schemas } = internalTopics(options.prefix);
    this.#positions = new PositionFold();
    this.#schemas = new SchemaFold();
    this.#positionFollower = new TopicFollower(
      this.#pollCluster,
      positions,
      crc32c,
      this.#positions,
    );
    this.#schemaFollower = new TopicFollower(this.#pollCluster, schemas, crc32c, this.#schemas);
  }

  async newestPosition(
    waitMs: number,
    signal: AbortSignal,
  ): Promise<CommittedPosition | undefined> {
    const deadlineMs = Date.now() + waitMs;
    for (;;) {
      const present = await this.#positionFollower.poll(deadlineMs, signal);
      if (this.#positions.isNewer || !present || Date.now() >= deadlineMs) break;
    }
    return this.#positions.take();
  }

  /** Topic ids are asked for each time: by its name alone a topic that was made anew looks like the old one. */
  async highWatermarks(of: readonly PartitionId[]): Promise<readonly PartitionOffset[]> {
    const topics = [...new Set(of.map(({ topic }) => topic))];
    const present = await this.#dataCluster.describe(topics);
    return this.#reader.endOffsets(
      of.map(({ topic, partition }) => {
        const topicId = present.get(topic)?.id;
        return { topic, partition, ...(topicId === undefined ? {} : { topicId }) };
      }),
      'highWatermark',
    );
  }

  logStarts(of: readonly PartitionId[]): Promise<readonly PartitionOffset[]> {
    return this.#reader.earliestOffsets(of.map(({ topic, partition }) => ({ topic, partition })));
  }

  read(ranges: readonly RangeToRead[], signal: AbortSignal): AsyncIterable<RecordRun> {
    return readRanges(this.#reader, ranges, this.#maxRunBytes, crc32c, signal);
  }

  async schema(id: SchemaId, signal: AbortSignal): Promise<TableSchema> {
    const deadlineMs = Date.now() + this.#schemaTimeoutMs;
    for (;;) {
      const schema = this.#schemas.get(id);
      if (schema) return schema;
      if (Date.now() >= deadlineMs) throw unknownSchema(id, this.#schemaTimeoutMs);
      await this.#schemaFollower.poll(deadlineMs, signal);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#dataCluster.close(), this.#pollCluster.close()]);
  }
}

/** Moves to a transaction's records only when the transaction has ended, so that they are taken together. */
class PositionFold implements TopicListener {
  readonly #topics = new Map<Topic, number>();
  #arriving: BatchRecord[] = [];
  #checkpoint: Buffer | undefined;
  #taken: Buffer | undefined;
  #position: CommittedPosition | undefined;

  get isNewer(): boolean {
    return this.#checkpoint !== this.#taken;
  }

  record(record: BatchRecord): void {
    this.#arriving.push(record);
  }

  settled(): void {
    for (const { key, value } of this.#arriving)
      if (key && value) this.#keep(key.toString(), value);
    this.#arriving = [];
  }

  #keep(key: string, value: Buffer): void {
    if (key === POSITION_KEYS.checkpoint) this.#checkpoint = value;
    else if (key === POSITION_KEYS.topics)
      for (const [topic, { partitions }] of readRecord(key, value.toString(), parseTopics))
        this.#topics.set(topic, partitions);
    else if (key.startsWith(POSITION_KEYS.table)) {
      const { topic } = readRecord(key, value.toString(), parseTable);
      if (topic) this.#topics.set(topic.name, topic.partitions);
    }
  }

  take(): CommittedPosition | undefined {
    const checkpoint = this.#checkpoint;
    if (checkpoint && checkpoint !== this.#taken) {
      const text = checkpoint.toString();
      this.#position = {
        checkpoint: readRecord(POSITION_KEYS.checkpoint, text, parseCheckpoint),
        topics: new Map(this.#topics),
      };
      this.#taken = checkpoint;
    }
    return this.#position;
  }
}

class SchemaFold implements TopicListener {
  readonly #texts = new Map<string, string>();
  readonly #schemas = new Map<SchemaId, TableSchema>();

  record({ key, value }: BatchRecord): void {
    if (key && value) this.#texts.set(key.toString(), value.toString());
  }

  settled(): void {
    // An id stands for one schema for ever, so there is nothing to take together.
  }

  get(id: SchemaId): TableSchema | undefined {
    const known = this.#schemas.get(id);
    if (known) return known;
    const text = this.#texts.get(id);
    if (text === undefined) return undefined;
    const schema = parseSchemaRecord(text);
    this.#schemas.set(id, schema);
    return schema;
  }
}

function unknownSchema(id: SchemaId, waitedMs: number): SluiceError {
  return new SluiceError(
    'sink.unknown-schema',
    `Schema ${id} did not appear in the schemas topic within ${waitedMs} ms.`,
    { facts: { schemaId: id } },
  );
}
