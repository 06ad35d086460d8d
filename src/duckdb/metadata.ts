import type { DuckDBConnection } from '@duckdb/node-api';
import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import type { Cut, NewWarehouse } from '../sink/destination.ts';
import type { PartitionOffset } from '../sink/record-source.ts';
import { type ControlRecord, parseControlRecord } from '../topic/control-record.ts';
import type { Topic } from '../topic/topic-name.ts';
import { INTERNAL_SCHEMA, type StoredTable } from '../view/stored-table.ts';
import { duckdbDialect } from './duckdb-dialect.ts';

const { text, sequence } = duckdbDialect;

/** Of the tables in this file. */
const LAYOUT_VERSION = 2;

const CREATE = [
  `CREATE SCHEMA ${INTERNAL_SCHEMA}`,
  `CREATE TABLE ${INTERNAL_SCHEMA}.checkpoint (layout INTEGER, warehouse_id VARCHAR, pipeline VARCHAR, prefix VARCHAR,
     start_sequence VARCHAR, commit_ordinal BIGINT, last_sequence VARCHAR, cut_seq HUGEINT, committed_at_us BIGINT, gtid_set VARCHAR)`,
  `CREATE TABLE ${INTERNAL_SCHEMA}.offsets (topic VARCHAR, "partition" INTEGER, next_offset BIGINT, topic_id VARCHAR)`,
  `CREATE TABLE ${INTERNAL_SCHEMA}.tables (name VARCHAR, status VARCHAR, watermark VARCHAR, definition VARCHAR)`,
  `CREATE TABLE ${INTERNAL_SCHEMA}.pending_control (seq VARCHAR, record VARCHAR)`,
  `CREATE VIEW _cdc_status AS
     SELECT t.name AS table_name, t.status, t.status = 'consistent' AS consistent,
       make_timestamptz(p.committed_at_us) AS committed_at, p.commit_ordinal, p.gtid_set
     FROM ${INTERNAL_SCHEMA}.tables AS t, ${INTERNAL_SCHEMA}.checkpoint AS p`,
];

export interface WarehouseIdentity {
  readonly layout: number;
  readonly warehouseId: string;
  readonly pipeline: string;
  readonly prefix: string;
}

/** Everything the sink knows of the warehouse, as of the last commit. */
export interface StoredState {
  readonly offsets: ReadonlyMap<string, PartitionOffset>;
  readonly cut: Cut | undefined;
  /** End of the cut that the warehouse began at; `undefined` when with the first record of every topic. */
  readonly start: Sequence | undefined;
  readonly tables: ReadonlyMap<TableName, StoredTable>;
  /** Behind the cut, in sequence order. */
  readonly pending: readonly ControlRecord[];
}

/** Makes the bookkeeping tables of an empty file, in one transaction. */
export async function createMetadata(
  connection: DuckDBConnection,
  identity: Omit<WarehouseIdentity, 'layout'>,
  start: NewWarehouse['start'],
): Promise<void> {
  const { warehouseId, pipeline, prefix } = identity;
  const row = [LAYOUT_VERSION, ...[warehouseId, pipeline, prefix].map(text)].join(', ');
  const statements = [
    ...CREATE,
    `INSERT INTO ${INTERNAL_SCHEMA}.checkpoint (layout, warehouse_id, pipeline, prefix) VALUES (${row})`,
    ...(start ? startStatements(start) : []),
  ];
  await connection.run(['BEGIN', ...statements, 'COMMIT'].join(';\n'));
}

function startStatements({ cut, offsets }: NonNullable<NewWarehouse['start']>): readonly string[] {
  const values = offsets.map(offsetRow).join(', ');
  return [
    `UPDATE ${INTERNAL_SCHEMA}.checkpoint SET start_sequence = ${text(cut.lastSequence)}`,
    cutChange(cut),
    ...(offsets.length === 0 ? [] : [`INSERT INTO ${INTERNAL_SCHEMA}.offsets VALUES ${values}`]),
  ];
}

/** `undefined` for a file that no sink has written to. */
export async function readIdentity(
  connection: DuckDBConnection,
): Promise<WarehouseIdentity | undefined> {
  const schemas = await rows(
    connection,
    `SELECT schema_name FROM duckdb_schemas() WHERE database_name = current_database() AND schema_name = ${text(INTERNAL_SCHEMA)}`,
  );
  if (schemas.length === 0) return undefined;
  const [row] = await rows(
    connection,
    `SELECT layout, warehouse_id, pipeline, prefix FROM ${INTERNAL_SCHEMA}.checkpoint`,
  );
  const [layout, warehouseId, pipeline, prefix] = row ?? [];
  return {
    layout: Number(layout),
    warehouseId: String(warehouseId),
    pipeline: String(pipeline),
    prefix: String(prefix),
  };
}

export function isReadable({ layout }: WarehouseIdentity): boolean {
  return layout === LAYOUT_VERSION;
}

export async function readState(connection: DuckDBConnection): Promise<StoredState> {
  const [checkpoint] = await rows(
    connection,
    `SELECT commit_ordinal, last_sequence, committed_at_us, gtid_set, start_sequence FROM ${INTERNAL_SCHEMA}.checkpoint`,
  );
  const offsets = await rows(connection, `SELECT * FROM ${INTERNAL_SCHEMA}.offsets`);
  const tables = await rows(connection, `SELECT definition FROM ${INTERNAL_SCHEMA}.tables`);
  const pending = await rows(
    connection,
    `SELECT record FROM ${INTERNAL_SCHEMA}.pending_control ORDER BY seq`,
  );
  return {
    offsets: new Map(
      offsets.map(([topic, partition, offset, topicId]) => [
        `${String(topic)}/${String(partition)}`,
        {
          topic: topic as Topic,
          partition: Number(partition),
          offset: Number(offset),
          ...(typeof topicId === 'string' ? { topicId } : {}),
        },
      ]),
    ),
    cut: cutOf(checkpoint ?? []),
    start: typeof checkpoint?.[4] === 'string' ? (checkpoint[4] as Sequence) : undefined,
    tables: new Map(
      tables.map(([definition]) => {
        const table = JSON.parse(String(definition)) as StoredTable;
        return [table.name, table];
      }),
    ),
    pending: pending.map(([record]) => parseControlRecord(String(record))),
  };
}

function cutOf([ordinal, lastSequence, committedAtUs, gtidSet]: readonly unknown[]):
  | Cut
  | undefined {
  if (ordinal === null || ordinal === undefined) return undefined;
  return {
    commitOrdinal: Number(ordinal),
    lastSequence: String(lastSequence) as Sequence,
    committedAtUs: Number(committedAtUs),
    gtidSet: String(gtidSet),
  };
}

/** Statements that bring the bookkeeping from one state to the next. */
export function stateChanges(from: StoredState, to: StoredState): readonly string[] {
  return [
    ...offsetChanges(from, to),
    ...tableChanges(from, to),
    ...pendingChanges(from, to),
    ...(to.cut && to.cut !== from.cut ? [cutChange(to.cut)] : []),
  ];
}

function cutChange({ commitOrdinal, lastSequence, committedAtUs, gtidSet }: Cut): string {
  return `UPDATE ${INTERNAL_SCHEMA}.checkpoint SET commit_ordinal = ${commitOrdinal}, last_sequence = ${text(lastSequence)},
    cut_seq = ${sequence(lastSequence)}, committed_at_us = ${committedAtUs}, gtid_set = ${text(gtidSet)}`;
}

function offsetChanges(from: StoredState, to: StoredState): readonly string[] {
  const moved = [...to.offsets].filter(
    ([id, { offset }]) => from.offsets.get(id)?.offset !== offset,
  );
  const fresh = moved.filter(([id]) => !from.offsets.has(id));
  const known = moved.filter(([id]) => from.offsets.has(id));
  const values = (list: typeof moved): string =>
    list.map(([, offset]) => offsetRow(offset)).join(', ');
  return [
    ...(known.length === 0
      ? []
      : [
          `UPDATE ${INTERNAL_SCHEMA}.offsets AS o SET next_offset = v.c, topic_id = v.d FROM (VALUES ${values(known)}) AS v(a, b, c, d) WHERE o.topic = v.a AND o."partition" = v.b`,
        ]),
    ...(fresh.length === 0
      ? []
      : [`INSERT INTO ${INTERNAL_SCHEMA}.offsets VALUES ${values(fresh)}`]),
  ];
}

function offsetRow({ topic, partition, offset, topicId }: PartitionOffset): string {
  const id = topicId === undefined ? 'CAST(NULL AS VARCHAR)' : text(topicId);
  return `(${text(topic)}, ${partition}, ${offset}, ${id})`;
}

function tableChanges(from: StoredState, to: StoredState): readonly string[] {
  return [...to.tables.values()]
    .filter((table) => from.tables.get(table.name) !== table)
    .map((table) => {
      const [name, status, watermark] = [table.name, table.status, table.watermark].map(text);
      const definition = text(JSON.stringify(table));
      return from.tables.has(table.name)
        ? `UPDATE ${INTERNAL_SCHEMA}.tables SET status = ${status}, watermark = ${watermark}, definition = ${definition} WHERE name = ${name}`
        : `INSERT INTO ${INTERNAL_SCHEMA}.tables VALUES (${name}, ${status}, ${watermark}, ${definition})`;
    });
}

function pendingChanges(from: StoredState, to: StoredState): readonly string[] {
  const left = new Set(to.pending);
  const had = new Set(from.pending);
  const done = from.pending.filter((record) => !left.has(record));
  const fresh = to.pending.filter((record) => !had.has(record));
  const seqs = done.map(({ seq }) => text(seq)).join(', ');
  const values = fresh.map((r) => `(${text(r.seq)}, ${text(JSON.stringify(r))})`).join(', ');
  return [
    ...(done.length === 0
      ? []
      : [`DELETE FROM ${INTERNAL_SCHEMA}.pending_control WHERE seq IN (${seqs})`]),
    ...(fresh.length === 0
      ? []
      : [`INSERT INTO ${INTERNAL_SCHEMA}.pending_control VALUES ${values}`]),
  ];
}

async function rows(connection: DuckDBConnection, sql: string): Promise<readonly unknown[][]> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRowsJson();
}
