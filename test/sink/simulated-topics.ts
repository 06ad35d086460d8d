import type { Checkpoint } from '../../src/change/checkpoint.ts';
import type { GtidSetText } from '../../src/change/gtid.ts';
import type { SchemaId, TableSchema } from '../../src/change/table.ts';
import { SluiceError } from '../../src/errors/error.ts';
import type {
  CommittedPosition,
  PartitionOffset,
  RecordRun,
  RecordSource,
  TopicRecord,
} from '../../src/sink/record-source.ts';
import type { EncodedRecord, OutgoingBatch, OutgoingRecord } from '../../src/topic/publisher.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import { internalTopics, type Topic } from '../../src/topic/topic-name.ts';
import { decodedRecord } from '../support/decoded-record.ts';

export const PREFIX = 'p';

/** What lies at one offset. A marker and an aborted record take offsets and give no record. */
type Slot = { readonly record: OutgoingRecord; readonly transaction: number } | 'marker';

export class CollectingBatch implements OutgoingBatch {
  readonly list: OutgoingRecord[] = [];
  get records(): number {
    return this.list.length;
  }
  get heldBytes(): number {
    return this.bytes;
  }
  get bytes(): number {
    return this.list.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
  }
  append(record: OutgoingRecord): void {
    this.list.push(record);
  }
  appendEncoded(record: EncodedRecord): void {
    this.list.push(decodedRecord(record));
  }
}

/** The topics of a pipeline: logs with transactions whose markers may come late, positions and schemas. */
export class SimulatedTopics {
  readonly #logs = new Map<string, Slot[]>();
  readonly #outcomes = new Map<number, 'commit' | 'abort'>();
  readonly #schemas = new Map<SchemaId, TableSchema>();
  readonly #topics = new Map<Topic, number>();
  readonly #logStarts = new Map<string, number>();
  #open:
    | {
        readonly id: number;
        readonly records: readonly OutgoingRecord[];
        readonly settle: () => void;
      }
    | undefined;
  #transactions = 0;
  #lives = 1;
  position: CommittedPosition | undefined;

  createTopic(topic: Topic, partitions: number): void {
    this.#topics.set(topic, partitions);
  }

  recordSchema(schema: TableSchema): SchemaId {
    this.#schemas.set(schemaIdOf(schema), schema);
    return schemaIdOf(schema);
  }

  schema(id: SchemaId): TableSchema | undefined {
    return this.#schemas.get(id);
  }

  /** Writes the records of a transaction; its markers follow with {@link settle}, at the latest before the next one. */
  write(
    records: readonly OutgoingRecord[],
    checkpoint: Checkpoint,
    outcome: 'commit' | 'abort',
  ): void {
    this.settle();
    const id = (this.#transactions += 1);
    for (const record of records)
      this.#log(record.topic, record.partition).push({ record, transaction: id });
    this.#open = {
      id,
      records,
      settle: () => {
        if (outcome === 'commit') this.position = { checkpoint, topics: new Map(this.#topics) };
        this.#outcomes.set(id, outcome);
      },
    };
  }

  /** Ends the open transaction: a marker in every partition it wrote to. */
  settle(): void {
    if (!this.#open) return;
    const touched = new Set(
      this.#open.records.map(({ topic, partition }) => `${topic}/${partition}`),
    );
    for (const id of touched) this.#logs.get(id)?.push('marker');
    this.#open.settle();
    this.#open = undefined;
  }

  end(topic: Topic, partition: number): number {
    return this.#log(topic, partition).length;
  }

  start(topic: Topic, partition: number): number {
    return this.#logStarts.get(`${topic}/${partition}`) ?? 0;
  }

  /** Retention takes everything that is there now of the tables; the control topic never expires. */
  expireAll(): void {
    for (const [id, log] of this.#logs)
      if (!id.startsWith(CONTROL)) this.#logStarts.set(id, log.length);
  }

  /** The topics are deleted and made anew. */
  emptyLogs(): void {
    this.#logs.clear();
    this.#lives += 1;
  }

  /** Stands for the topics' ids. */
  get life(): string {
    return `life ${this.#lives}`;
  }

  /** Somebody writes the open transaction's records a second time. */
  repeatLast(): void {
    for (const log of this.#logs.values()) {
      const last = log.at(-1);
      if (last !== undefined && last !== 'marker' && last.record.topic !== CONTROL) log.push(last);
    }
  }

  /** A run of at most `maxSlots` offsets from there. */
  run(topic: Topic, partition: number, from: number, until: number, maxSlots: number): RecordRun {
    const start = this.start(topic, partition);
    if (from < start)
      throw new SluiceError('sink.offset-out-of-range', `${topic} starts at ${start}`);
    this.settle();
    const nextOffset = Math.min(until, from + maxSlots);
    const slots = this.#log(topic, partition).slice(from, nextOffset);
    const records = slots.flatMap((slot, index) =>
      slot === 'marker' || this.#outcomes.get(slot.transaction) !== 'commit'
        ? []
        : [topicRecord(slot.record, from + index)],
    );
    return { topic, partition, records, nextOffset };
  }

  #log(topic: Topic, partition: number): Slot[] {
    const id = `${topic}/${partition}`;
    let log = this.#logs.get(id);
    if (!log) this.#logs.set(id, (log = []));
    return log;
  }
}

function topicRecord(record: OutgoingRecord, offset: number): TopicRecord {
  return {
    offset,
    timestampMs: record.timestampMs,
    key: record.key === null ? null : Buffer.from(record.key),
    value: record.value === null ? null : Buffer.from(record.value),
    headers: new Map(record.headers),
  };
}

export interface SourceHooks {
  /** Chooses among partitions that still have something to give. */
  readonly pick: (count: number) => number;
  readonly maxSlots: () => number;
  /** A position was given, high watermarks are asked for: the writer may go on here. */
  readonly beforeMarks: () => void;
  /** Nothing is newer than what was given last. */
  readonly onIdle: () => void;
}

/** One connection to the topics. */
export class SimulatedSource implements RecordSource {
  readonly #topics: SimulatedTopics;
  readonly #hooks: SourceHooks;
  #given: Checkpoint | undefined;

  constructor(topics: SimulatedTopics, hooks: SourceHooks) {
    this.#topics = topics;
    this.#hooks = hooks;
  }

  async newestPosition(): Promise<CommittedPosition | undefined> {
    const { position } = this.#topics;
    if (position?.checkpoint === this.#given) this.#hooks.onIdle();
    this.#given = position?.checkpoint;
    return position;
  }

  async highWatermarks(
    of: readonly { readonly topic: Topic; readonly partition: number }[],
  ): Promise<readonly PartitionOffset[]> {
    this.#hooks.beforeMarks();
    return of.map(({ topic, partition }) => ({
      topic,
      partition,
      offset: this.#topics.end(topic, partition),
      topicId: this.#topics.life,
    }));
  }

  async logStarts(
    of: readonly { readonly topic: Topic; readonly partition: number }[],
  ): Promise<readonly PartitionOffset[]> {
    return of.map(({ topic, partition }) => ({
      topic,
      partition,
      offset: this.#topics.start(topic, partition),
    }));
  }

  async *read(
    ranges: readonly (PartitionOffset & { readonly until: number })[],
  ): AsyncIterable<RecordRun> {
    const left = ranges.map((range) => ({ ...range }));
    while (left.length > 0) {
      const index = this.#hooks.pick(left.length);
      const range = left[index]!;
      const { topic, partition, offset, until } = range;
      const run = this.#topics.run(topic, partition, offset, until, this.#hooks.maxSlots());
      range.offset = run.nextOffset;
      if (range.offset >= until) left.splice(index, 1);
      yield run;
    }
  }

  async schema(id: SchemaId): Promise<TableSchema> {
    const schema = this.#topics.schema(id);
    if (!schema) throw new SluiceError('sink.unknown-schema', id);
    return schema;
  }

  async close(): Promise<void> {}
}

export const CONTROL = internalTopics(PREFIX).control;

export function checkpointAt(commitOrdinal: number, committedAtUs: number, epoch = 1): Checkpoint {
  return {
    v: 1,
    owner: 'default/cdc/p',
    epoch,
    serverUuid: '3e11fa47-71ca-11e1-9e33-c80aa9429562',
    gtidSet: `3e11fa47-71ca-11e1-9e33-c80aa9429562:1-${commitOrdinal}` as GtidSetText,
    file: 'binlog.000001',
    pos: 4,
    commitOrdinal,
    committedAtUs,
    writtenAtMs: 0,
    appliedCommands: [],
  };
}
