import { crc32c } from '@node-rs/crc32';
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
import { internalTopics } from '../topic/topic-name.ts';
import { Cluster } from './cluster.ts';
import { CommittedReader, type PartitionId } from './committed-reader.ts';
import type { KafkaConnection } from './connection-options.ts';
import { type RangeToRead, readRanges } from './range-reader.ts';
import { parseCheckpoint, parseTopics } from './stored-record.ts';
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
    const present = await this.#dataCluster.patiently('describing topics', () =>
      this.#dataCluster.identities(topics),
    );
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

interface RawPosition {
  readonly checkpoint: Buffer | undefined;
  readonly topics: Buffer | undefined;
}

/** Moves to a transaction's records only when the transaction has ended, so that they are taken together. */
class PositionFold implements TopicListener {
  #arriving: RawPosition = { checkpoint: undefined, topics: undefined };
  #settled: RawPosition = this.#arriving;
  #taken: RawPosition | undefined;
  #position: CommittedPosition | undefined;

  get isNewer(): boolean {
    return this.#settled.checkpoint !== this.#taken?.checkpoint;
  }

  record({ key, value }: BatchRecord): void {
    const name = key?.toString();
    if (name === POSITION_KEYS.checkpoint) {
      this.#arriving = { ...this.#arriving, checkpoint: value ?? undefined };
    } else if (name === POSITION_KEYS.topics) {
      this.#arriving = { ...this.#arriving, topics: value ?? undefined };
    }
  }

  settled(): void {
    this.#settled = this.#arriving;
  }

  take(): CommittedPosition | undefined {
    const raw = this.#settled;
    if (raw !== this.#taken) {
      const { checkpoint, topics } = raw;
      this.#position = checkpoint && {
        checkpoint: parseCheckpoint(checkpoint),
        topics: new Map(
          [...(topics ? parseTopics(topics) : [])].map(([topic, { partitions }]) => [
            topic,
            partitions,
          ]),
        ),
      };
      this.#taken = raw;
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
