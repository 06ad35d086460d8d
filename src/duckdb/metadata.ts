import type { DuckDBConnection } from '@duckdb/node-api';
import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import {
  type Continuity,
  type ContinuityMap,
  factsOfStatus,
  standingChanges,
} from '../sink/continuity.ts';
import type { NoticedGap } from '../sink/control-effects.ts';
import type { Cut, NewWarehouse } from '../sink/destination.ts';
import type { PartitionOffset } from '../sink/record-source.ts';
import type { Stops, TableStop } from '../sink/table-stop.ts';
import { type ControlRecord, parseControlRecord } from '../topic/control-record.ts';
import type { Topic } from '../topic/topic-name.ts';
import { namesOf } from '../view/naming-rules.ts';
import { INTERNAL_SCHEMA, type StoredTable } from '../view/stored-table.ts';
import { duckdbDialect } from './duckdb-dialect.ts';
import { DUCKDB_NAMING } from './names.ts';

const { text, sequence } = duckdbDialect;

/** Of the tables in this file. */
const LAYOUT_VERSION = 4;

/** Layouts of earlier versions that are taken over: 2 lacks what 3 adds, 3 has no names on record. */
const LAYOUTS_BEFORE: readonly number[] = [2, 3];

const CREATE = [
  `CREATE SCHEMA ${INTERNAL_SCHEMA}`,
  `CREATE TABLE ${INTERNAL_SCHEMA}.checkpoint (layout INTEGER, warehouse_id VARCHAR, pipeline VARCHAR, prefix VARCHAR,
     start_sequence VARCHAR, commit_ordinal BIGINT, last_sequence VARCHAR, cut_seq HUGEINT, committed_at_us BIGINT, gtid_set VARCHAR)`,
  `CREATE TABLE ${INTERNAL_SCHEMA}.offsets (topic VARCHAR, "partition" INTEGER, next_offset BIGINT, topic_id VARCHAR)`,
  `CREATE TABLE ${INTERNAL_SCHEMA}.tables (name VARCHAR, status VARCHAR, watermark VARCHAR, definition VARCHAR)`,
  `CREATE TABLE ${INTERNAL_SCHEMA}.pending_control (seq VARCHAR, record VARCHAR)`,
];

/** What layout 3 adds to layout 2. A table without a definition is one that nothing was made for. */
const ADD_CONTINUITY = [
  ...[
    'continuity VARCHAR',
    'since_seq VARCHAR',
    'since_at_us BIGINT',
    'code VARCHAR',
    'reason VARCHAR',
  ].map((column) => `ALTER TABLE ${INTERNAL_SCHEMA}.tables ADD COLUMN ${column}`),
  `CREATE TABLE ${INTERNAL_SCHEMA}.stopped (name VARCHAR, commit_ordinal BIGINT, committed_at_us BIGINT, stop VARCHAR)`,
  `CREATE TABLE _cdc_gaps (seq VARCHAR, cause VARCHAR, from_gtid_set VARCHAR, to_gtid_set VARCHAR, noticed_at TIMESTAMPTZ)`,
];

/** For people: one row for each table that the source has. */
const STATUS_VIEW = `VIEW _cdc_status AS
     SELECT t.name AS table_name, t.status,
       t.status = 'consistent' AND p.commit_ordinal IS NOT NULL AS consistent,
       t.since_seq AS not_consistent_since, make_timestamptz(t.since_at_us) AS not_consistent_since_time,
       t.code, t.reason,
       make_timestamptz(CASE WHEN s.name IS NULL THEN p.committed_at_us ELSE s.committed_at_us END) AS committed_at,
       CASE WHEN s.name IS NULL THEN p.commit_ordinal ELSE s.commit_ordinal END AS commit_ordinal,
       CASE WHEN s.name IS NULL THEN p.gtid_set END AS gtid_set,
       json_extract_string(t.definition, '$.names.schema') AS view_schema,
       json_extract_string(t.definition, '$.names.view') AS view_name
     FROM ${INTERNAL_SCHEMA}.tables AS t CROSS JOIN ${INTERNAL_SCHEMA}.checkpoint AS p
     LEFT JOIN ${INTERNAL_SCHEMA}.stopped AS s ON s.name = t.name
     WHERE t.status IS NOT NULL`;

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
  /** Beyond the cut, or of tables that have stopped; in sequence order. */
  readonly pending: readonly ControlRecord[];
  readonly stopped: Stops;
  /** Also of tables that nothing was made for. */
  readonly continuity: ContinuityMap;
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
    ...ADD_CONTINUITY,
    // A file may hold what somebody else has made.
    `CREATE ${STATUS_VIEW}`,
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
  return layout === LAYOUT_VERSION || LAYOUTS_BEFORE.includes(layout);
}

/** Brings the bookkeeping of an earlier layout up to date, in one transaction. */
export async function takeOver(
  connection: DuckDBConnection,
  { layout }: WarehouseIdentity,
): Promise<void> {
  if (layout === LAYOUT_VERSION) return;
  const definitions = await rows(
    connection,
    `SELECT definition FROM ${INTERNAL_SCHEMA}.tables WHERE definition IS NOT NULL`,
  );
  const statements = [
    ...(layout < 3 ? ADD_CONTINUITY : []),
    ...definitions.map(([definition]) => nameRecord(JSON.parse(String(definition)) as StoredTable)),
    `CREATE OR REPLACE ${STATUS_VIEW}`,
    `UPDATE ${INTERNAL_SCHEMA}.checkpoint SET layout = ${LAYOUT_VERSION}`,
  ];
  await connection.run(['BEGIN', ...statements, 'COMMIT'].join(';\n'));
}

/** What a table is called that has no names on record. */
function nameRecord(table: StoredTable): string {
  const named = { ...table, names: namesOf(DUCKDB_NAMING, table) };
  return `UPDATE ${INTERNAL_SCHEMA}.tables SET definition = ${text(JSON.stringify(named))} WHERE name = ${text(table.name)}`;
}

export async function readState(connection: DuckDBConnection): Promise<StoredState> {
  const [checkpoint] = await rows(
    connection,
    `SELECT commit_ordinal, last_sequence, committed_at_us, gtid_set, start_sequence FROM ${INTERNAL_SCHEMA}.checkpoint`,
  );
  const offsets = await rows(connection, `SELECT * FROM ${INTERNAL_SCHEMA}.offsets`);
  const tables = await rows(
    connection,
    `SELECT name, definition, status, continuity FROM ${INTERNAL_SCHEMA}.tables ORDER BY name`,
  );
  const stopped = await rows(
    connection,
    `SELECT stop FROM ${INTERNAL_SCHEMA}.stopped ORDER BY name`,
  );
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
      tables.flatMap(([, definition]) => {
        if (typeof definition !== 'string') return [];
        const table = JSON.parse(definition) as StoredTable;
        return [[table.name, table]];
      }),
    ),
    stopped: new Map(
      stopped.map(([text]) => {
        const stop = JSON.parse(String(text)) as TableStop;
        return [stop.table, stop];
      }),
    ),
    continuity: new Map(
      tables.map(([name, , status, facts]) => [
        name as TableName,
        // What layout 2 wrote has a status alone.
        typeof facts === 'string'
          ? (JSON.parse(facts) as Continuity)
          : factsOfStatus(String(status)),
      ]),
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

/** A table has one row, whichever is known first: its form, or what a control record says of it. */
function tableChanges(from: StoredState, to: StoredState): readonly string[] {
  const forms = [...to.tables.values()].filter((table) => from.tables.get(table.name) !== table);
  const standings = standingChanges(from, to);
  const named = new Set([...from.continuity.keys(), ...from.tables.keys()]);
  const fresh = new Set(
    [...forms.map(({ name }) => name), ...standings.map(({ table }) => table)].filter(
      (name) => !named.has(name),
    ),
  );
  return [
    ...[...fresh].map(
      (name) => `INSERT INTO ${INTERNAL_SCHEMA}.tables (name) VALUES (${text(name)})`,
    ),
    ...forms.map((table) => {
      const definition = text(JSON.stringify(table));
      return `UPDATE ${INTERNAL_SCHEMA}.tables SET watermark = ${text(table.watermark)}, definition = ${definition} WHERE name = ${text(table.name)}`;
    }),
    ...standings.map(
      ({ table, facts, standing }) =>
        `UPDATE ${INTERNAL_SCHEMA}.tables SET status = ${orNull(standing?.status)}, continuity = ${text(JSON.stringify(facts))},
    since_seq = ${orNull(standing?.since)}, since_at_us = ${standing?.sinceUs ?? 'NULL'},
    code = ${orNull(standing?.code)}, reason = ${orNull(standing?.reason)} WHERE name = ${text(table)}`,
    ),
    ...stopChanges(from, to),
  ];
}

const orNull = (value: string | undefined): string => (value === undefined ? 'NULL' : text(value));

function stopChanges(
  { stopped: from }: StoredState,
  { stopped: to }: StoredState,
): readonly string[] {
  const changed = [...to.values()].filter((stop) => from.get(stop.table) !== stop);
  const gone = [...from.keys()].filter((name) => to.get(name) !== from.get(name));
  return [
    ...gone.map((name) => `DELETE FROM ${INTERNAL_SCHEMA}.stopped WHERE name = ${text(name)}`),
    ...changed.map(({ table, cut, ...stop }) => {
      const shown = [cut?.commitOrdinal, cut?.committedAtUs].map((value) => value ?? 'NULL');
      const fields = [text(table), ...shown, text(JSON.stringify({ table, cut, ...stop }))];
      return `INSERT INTO ${INTERNAL_SCHEMA}.stopped VALUES (${fields.join(', ')})`;
    }),
  ];
}

/** What was never read, for people. */
export function gapStatements(gaps: readonly NoticedGap[], atUs: number): readonly string[] {
  return gaps.map(
    ({ seq, cause, from, to }) =>
      `INSERT INTO _cdc_gaps VALUES (${[seq, cause, from, to].map(text).join(', ')}, make_timestamptz(${atUs}))`,
  );
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
