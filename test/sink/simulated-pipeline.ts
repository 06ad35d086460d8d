import type { RowValues } from '../../src/change/column-value.ts';
import { formatSequence, type Sequence } from '../../src/change/sequence.ts';
import { type TableName, type TableSchema, tableName } from '../../src/change/table.ts';
import { type ControlRecord, formatControlRecord } from '../../src/topic/control-record.ts';
import type { TableRoute } from '../../src/topic/envelope.ts';
import { SEQUENCE_HEADER } from '../../src/topic/publisher.ts';
import { tableTopic } from '../../src/topic/topic-name.ts';
import { appendChange, type ChangeContext } from '../support/append-change.ts';
import {
  CONTROL,
  CollectingBatch,
  checkpointAt,
  PREFIX,
  type SimulatedTopics,
} from './simulated-topics.ts';

/** id, number, text */
export type Row = readonly [id: number, number: number | bigint, text: string];

export type SourceStep =
  | { readonly kind: 'transaction'; readonly changes: readonly SourceChange[] }
  | { readonly kind: 'truncate'; readonly table: number }
  /** Rows vanish without a trace in the log. */
  | { readonly kind: 'loseRow'; readonly table: number; readonly id: number }
  /** Reads every row again, then sweeps what is older than its beginning. */
  | { readonly kind: 'snapshot'; readonly table: number };

export interface SourceChange {
  readonly table: number;
  readonly id: number;
  /** Delete, or what the row becomes; with `newId` under another key. */
  readonly to:
    | 'delete'
    | { readonly number: number | bigint; readonly text: string; readonly newId?: number };
}

export const SCHEMAS: readonly TableSchema[] = ['orders', 'it"ems'].map((table) => ({
  id: { database: 'shop', table },
  columns: [
    { name: 'id', type: { kind: 'integer', bytes: 4, unsigned: true }, nullable: false },
    { name: 'number', type: { kind: 'integer', bytes: 8, unsigned: false }, nullable: true },
    { name: 'text', type: { kind: 'text', charset: 'utf8mb4' }, nullable: true },
  ],
  key: [0],
}));

const PARTITIONS = 3;
const START_US = Date.UTC(2026, 0, 1) * 1000;

type Tables = ReadonlyMap<TableName, ReadonlyMap<number, Row>>;

/**
 * Source and writer in one: applies steps to tables, writes their records into simulated topics in
 * Kafka transactions that need not end where source transactions do, and remembers what the tables
 * held after every commit ordinal.
 */
export class SimulatedPipeline {
  readonly #topics: SimulatedTopics;
  readonly #routes: readonly TableRoute[];
  /** What the log says each table holds after a commit ordinal; lost rows are still in it. */
  readonly statesByOrdinal = new Map<number, Tables>();
  readonly seqs = new Map<TableName, Sequence[]>();
  #source: Map<TableName, Map<number, Row>>;
  #told: Map<TableName, Map<number, Row>>;
  #ordinal = 0;
  #batch = new CollectingBatch();

  constructor(topics: SimulatedTopics) {
    this.#topics = topics;
    this.#routes = SCHEMAS.map((schema) => {
      const topic = tableTopic(PREFIX, schema.id);
      topics.createTopic(topic, PARTITIONS);
      const schemaId = topics.recordSchema(schema);
      return { table: tableName(schema.id), topic, partitions: PARTITIONS, schema, schemaId };
    });
    this.#source = new Map(SCHEMAS.map((schema) => [tableName(schema.id), new Map()]));
    this.#told = copy(this.#source);
    this.statesByOrdinal.set(0, copy(this.#told));
    for (const name of this.#source.keys()) this.seqs.set(name, []);
    for (const [index, { schema, schemaId }] of this.#routes.entries())
      this.#control({
        kind: 'schema',
        seq: seqOf(1, 2 * index),
        table: tableName(schema.id),
        schemaId,
      });
    this.#commit();
    this.#flush('commit');
  }

  /** @param cutAfter  number of changes after which a Kafka transaction ends in the middle of the source's */
  step(step: SourceStep, cutAfter: number, outcome: 'commit' | 'abort'): void {
    switch (step.kind) {
      case 'transaction':
        this.#transaction(step.changes, cutAfter, outcome);
        break;
      case 'truncate': {
        const name = this.#name(step.table);
        this.#source.get(name)?.clear();
        this.#told.get(name)?.clear();
        this.#control({ kind: 'truncate', seq: seqOf(this.#ordinal + 1, 0), table: name });
        this.#commit();
        break;
      }
      case 'loseRow':
        this.#source.get(this.#name(step.table))?.delete(step.id);
        return;
      case 'snapshot':
        this.#snapshot(step.table);
        break;
    }
    this.#flush('commit');
  }

  #transaction(
    changes: readonly SourceChange[],
    cutAfter: number,
    outcome: 'commit' | 'abort',
  ): void {
    const tsUs = START_US + this.#ordinal * 1000;
    changes.forEach((change, rowOrdinal) => {
      this.#change(change, rowOrdinal, tsUs);
      if (rowOrdinal + 1 !== cutAfter) return;
      const written = this.#batch.list;
      this.#flush(outcome);
      if (outcome === 'commit') return;
      this.#batch = new CollectingBatch();
      this.#batch.list.push(...written);
    });
    this.#commit();
  }

  #change({ table, id, to }: SourceChange, rowOrdinal: number, tsUs: number): void {
    const name = this.#name(table);
    const rows = this.#source.get(name)!;
    const told = this.#told.get(name)!;
    const before = rows.get(id);
    if (to === 'delete') {
      if (!before) return;
      rows.delete(id);
      told.delete(id);
      this.#append(table, 'd', before, undefined, rowOrdinal, tsUs);
      return;
    }
    const newId = to.newId !== undefined && before && !rows.has(to.newId) ? to.newId : id;
    const after: Row = [newId, to.number, to.text];
    rows.delete(id);
    told.delete(id);
    rows.set(newId, after);
    told.set(newId, after);
    this.#append(table, before ? 'u' : 'c', before, after, rowOrdinal, tsUs);
  }

  #snapshot(table: number): void {
    const name = this.#name(table);
    const beganAt = seqOf(this.#ordinal + 1, 0);
    const snapshotId = `s${this.#ordinal}`;
    this.#control({ kind: 'snapshotBegin', seq: beganAt, table: name, snapshotId });
    this.#commit();
    const live = [...this.#source.get(name)!.values()];
    live.forEach((row, index) => {
      this.#append(table, 'r', undefined, row, index, START_US + this.#ordinal * 1000);
      this.#told.get(name)!.set(row[0], row);
    });
    this.#commit();
    this.#control({
      kind: 'sweep',
      seq: seqOf(this.#ordinal + 1, 0),
      table: name,
      olderThan: beganAt,
    });
    this.#control({
      kind: 'snapshotEnd',
      seq: seqOf(this.#ordinal + 1, 2),
      table: name,
      snapshotId,
    });
    this.#told.set(name, new Map(this.#source.get(name)));
    this.#commit();
  }

  #append(
    table: number,
    op: ChangeContext['op'],
    before: RowValues | undefined,
    after: RowValues | undefined,
    rowOrdinal: number,
    tsUs: number,
  ): void {
    const route = this.#routes[table]!;
    const from = this.#batch.list.length;
    appendChange(
      this.#batch,
      route,
      { before, after },
      {
        epoch: 1,
        commitOrdinal: this.#ordinal + 1,
        rowOrdinal,
        op,
        source: {
          pipeline: PREFIX,
          tsUs,
          snapshot: op === 'r',
          ...route.schema.id,
          serverId: 1,
          gtid: null,
          file: 'binlog.000001',
          pos: 4 + this.#ordinal,
          threadId: 1,
          nowMs: 0,
        },
        rowInEvent: rowOrdinal,
        timestampMs: Math.floor(tsUs / 1000),
      },
    );
    for (const { value, headers } of this.#batch.list.slice(from))
      if (value !== null)
        this.seqs
          .get(tableName(route.schema.id))!
          .push(new Map(headers).get(SEQUENCE_HEADER) as Sequence);
  }

  #control(record: ControlRecord): void {
    this.#batch.append({
      topic: CONTROL,
      partition: 0,
      key: null,
      value: formatControlRecord(record),
      headers: [],
      timestampMs: 0,
    });
  }

  #commit(): void {
    this.#ordinal += 1;
    this.statesByOrdinal.set(this.#ordinal, copy(this.#told));
  }

  #flush(outcome: 'commit' | 'abort'): void {
    const checkpoint = checkpointAt(this.#ordinal, START_US + this.#ordinal * 1000);
    this.#topics.write(this.#batch.list, checkpoint, outcome);
    this.#batch = new CollectingBatch();
  }

  #name(table: number): TableName {
    return tableName(SCHEMAS[table]!.id);
  }
}

function seqOf(commitOrdinal: number, row: number): Sequence {
  return formatSequence({ epoch: 1, commitOrdinal, row });
}

function copy(tables: Tables): Map<TableName, Map<number, Row>> {
  return new Map([...tables].map(([name, rows]) => [name, new Map(rows)]));
}
