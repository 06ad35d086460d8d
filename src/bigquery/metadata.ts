import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import {
  type Continuity,
  type ContinuityMap,
  factsOfStatus,
  type Standing,
} from '../sink/continuity.ts';
import type { Cut } from '../sink/destination.ts';
import type { PartitionOffset } from '../sink/record-source.ts';
import type { Stops } from '../sink/table-stop.ts';
import { type ControlRecord, parseControlRecord } from '../topic/control-record.ts';
import { namesOf } from '../view/naming-rules.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { CHECKPOINT_TABLE, identifier, text, timestamp } from './bigquery-dialect.ts';
import type { HourOfLoads } from './load-budget.ts';
import { type BigQueryLayout, bigQueryNaming } from './names.ts';
import { dataParts, type RowColumns, rowsIn, type Statement, structsIn } from './statement.ts';
import { formatOffsets, parseOffsets } from './stored-offsets.ts';
import { parseStops, STOPPED_COLUMNS, STOPPED_TYPE, stoppedRows } from './stored-stops.ts';

/** Of the tables in this file. */
export const LAYOUT_VERSION = 4;

/** Layouts of earlier versions that are taken over: 2 lacks the columns for continuity, 3 has no names on record. */
export const LAYOUTS_BEFORE: readonly number[] = [2, 3];

/** Sluice's own tables and views, in the internal dataset. */
export const OWN = {
  checkpoints: CHECKPOINT_TABLE,
  tables: '_cdc_tables',
  gaps: '_cdc_gaps',
  rejects: '_cdc_rejects',
  loads: '_cdc_loads',
  compactions: '_cdc_compactions',
  status: '_cdc_status',
} as const;

export type OwnTable = (typeof OWN)[keyof typeof OWN];

export function ownTable({ project, internal }: BigQueryLayout, name: OwnTable): string {
  return [project, internal, name].map(identifier).join('.');
}

const COLUMNS: Readonly<Record<Exclude<OwnTable, '_cdc_status'>, string>> = {
  _cdc_checkpoints: `layout INT64, warehouse_id STRING, pipeline STRING, prefix STRING, commit_number INT64,
  start_seq STRING, commit_ordinal INT64, cut_seq STRING, committed_at_us INT64, gtid_set STRING, offsets STRING,
  pending STRING, newest_seq STRING, stopped ${STOPPED_TYPE}, updated_at TIMESTAMP`,
  _cdc_tables: `name STRING, definition STRING, status STRING, watermark STRING, watermark_at_us INT64,
  delta_rows INT64, state_rows INT64, compacted_at TIMESTAMP, continuity STRING, since_seq STRING,
  since_at_us INT64, code STRING, reason STRING`,
  _cdc_gaps:
    'seq STRING, cause STRING, from_gtid_set STRING, to_gtid_set STRING, noticed_at TIMESTAMP',
  _cdc_rejects: `table_name STRING, topic STRING, topic_partition INT64, topic_offset INT64, seq STRING, op STRING,
  position STRING, schema_id STRING, reason STRING, rejected_at TIMESTAMP`,
  _cdc_loads:
    'table_name STRING, job_id STRING, row_count INT64, file_bytes INT64, loaded_at TIMESTAMP',
  _cdc_compactions: `table_name STRING, job_id STRING, kind STRING, up_to STRING, changes INT64, bytes_billed INT64,
  compacted_at TIMESTAMP`,
};

/** Columns of `_cdc_tables` that layout 2 does not have. */
const ADDED_COLUMNS = [
  'continuity STRING',
  'since_seq STRING',
  'since_at_us INT64',
  'code STRING',
  'reason STRING',
];

/** What grows with every commit: by day, and for as long as somebody may ask what it has cost. */
const DAILY: Partial<Readonly<Record<OwnTable, string>>> = {
  _cdc_loads: 'loaded_at',
  _cdc_compactions: 'compacted_at',
};
const DAILY_KEPT_DAYS = 400;

/** Statements that make the bookkeeping of a pipeline where it is not there yet. */
export function createBookkeeping(layout: BigQueryLayout): readonly string[] {
  const tables = Object.entries(COLUMNS).map(([key, columns]) => {
    const name = key as OwnTable;
    const day = DAILY[name];
    const daily =
      day === undefined
        ? ''
        : ` PARTITION BY DATE(${day}) OPTIONS (partition_expiration_days = ${DAILY_KEPT_DAYS})`;
    return `CREATE TABLE IF NOT EXISTS ${ownTable(layout, name)} (${columns})${daily}`;
  });
  return [...tables, statusView(layout)];
}

/**
 * Statements that bring bookkeeping of an earlier layout up to date; each may be run again, and the
 * last one says that it is done. Rows that nothing was written to since layout 2 have no continuity.
 *
 * @param tables  all there are
 */
export function takeoverStatements(
  layout: BigQueryLayout,
  tables: Iterable<StoredTable>,
): readonly Statement[] {
  const naming = bigQueryNaming(layout);
  const columns = ADDED_COLUMNS.map((column) => `ADD COLUMN IF NOT EXISTS ${column}`).join(', ');
  return [
    { sql: `ALTER TABLE ${ownTable(layout, OWN.tables)} ${columns}` },
    ...recordDefinitions(
      layout,
      Array.from(tables, (table) => ({ ...table, names: namesOf(naming, table) })),
    ),
    { sql: statusView(layout) },
    {
      sql: `UPDATE ${ownTable(layout, OWN.checkpoints)} AS p SET layout = ${LAYOUT_VERSION} WHERE p.layout < ${LAYOUT_VERSION}`,
    },
  ];
}

/**
 * For people: one row for each table that the source has, a stopped one with a cut of its own.
 * Nothing is known of any table before the first cut.
 */
function statusView(layout: BigQueryLayout): string {
  const checkpoints = ownTable(layout, OWN.checkpoints);
  const own = (name: string): string => `IF(x.name IS NULL, p.${name}, x.${name})`;
  const committedAt = `TIMESTAMP_MICROS(${own('committed_at_us')})`;
  return (
    `CREATE OR REPLACE VIEW ${ownTable(layout, OWN.status)} AS` +
    ` SELECT t.name AS table_name, t.status,` +
    ` t.status = 'consistent' AND p.commit_ordinal IS NOT NULL AS consistent,` +
    ` t.since_seq AS not_consistent_since, TIMESTAMP_MICROS(t.since_at_us) AS not_consistent_since_time,` +
    ` t.code, t.reason,` +
    ` ${committedAt} AS committed_at, p.updated_at AS last_commit,` +
    ` TIMESTAMP_DIFF(p.updated_at, ${committedAt}, SECOND) AS lag_seconds,` +
    ` t.state_rows, t.delta_rows, t.watermark, t.compacted_at AS last_compaction,` +
    ` ${own('commit_ordinal')} AS commit_ordinal, IF(x.name IS NULL, p.gtid_set, NULL) AS gtid_set,` +
    ` JSON_VALUE(t.definition, '$.names.schema') AS view_dataset, JSON_VALUE(t.definition, '$.names.view') AS view_name` +
    ` FROM ${ownTable(layout, OWN.tables)} AS t CROSS JOIN ${checkpoints} AS p` +
    ` LEFT JOIN (SELECT y.name, y.commit_ordinal, y.committed_at_us` +
    ` FROM ${checkpoints} AS c CROSS JOIN UNNEST(c.stopped) AS y) AS x ON x.name = t.name` +
    ` WHERE t.status IS NOT NULL`
  );
}

export interface WarehouseIdentity {
  readonly warehouseId: string;
  readonly pipeline: string;
  readonly prefix: string;
}

/** What the sink knows of a table beside its form. */
export interface TableEntry {
  readonly table: StoredTable;
  /** Changes that are not folded into the state. */
  readonly deltaRows: number;
  readonly stateRows: number;
  readonly compactedAtMs: number | undefined;
}

/** Everything the sink knows of the warehouse, as of the last commit. */
export interface StoredState {
  readonly identity: WarehouseIdentity & { readonly layout: number };
  readonly commit: number;
  readonly offsets: ReadonlyMap<string, PartitionOffset>;
  readonly cut: Cut | undefined;
  /** End of the cut that the warehouse began at; `undefined` when with the first record of every topic. */
  readonly start: Sequence | undefined;
  /** Of all rows that were loaded; those behind the cut wait for a later one. */
  readonly newest: Sequence | undefined;
  /** Beyond the cut, or of tables that have stopped; in sequence order. */
  readonly pending: readonly ControlRecord[];
  readonly stopped: Stops;
  /** Also of tables that nothing was made for. */
  readonly continuity: ContinuityMap;
  readonly tables: ReadonlyMap<TableName, TableEntry>;
}

export function checkpointQuery(layout: BigQueryLayout): string {
  return (
    `SELECT p.layout, p.warehouse_id, p.pipeline, p.prefix, p.commit_number, p.offsets, p.pending,` +
    ` p.start_seq, p.commit_ordinal, p.cut_seq, p.committed_at_us, p.gtid_set, p.newest_seq,` +
    ` TO_JSON_STRING(p.stopped) AS stopped FROM ${ownTable(layout, OWN.checkpoints)} AS p`
  );
}

export function tablesQuery(layout: BigQueryLayout): string {
  return selectTables(layout, ', t.name, t.continuity');
}

/** The same without what layout 2 does not have, for a look that must not change anything. */
export function formsQuery(layout: BigQueryLayout): string {
  return selectTables(layout, '');
}

function selectTables(layout: BigQueryLayout, more: string): string {
  return (
    `SELECT t.definition, t.status, t.watermark, t.watermark_at_us, t.delta_rows, t.state_rows,` +
    ` UNIX_MILLIS(t.compacted_at)${more} FROM ${ownTable(layout, OWN.tables)} AS t ORDER BY t.name`
  );
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Loads of the last day, by table and hour; rows that went by streams have a stream's name there. */
export function loadsQuery(layout: BigQueryLayout, nowMs: number): string {
  return (
    `SELECT l.table_name, DIV(UNIX_MILLIS(l.loaded_at), ${HOUR_MS}) AS loaded_hour, COUNT(*) AS loads` +
    ` FROM ${ownTable(layout, OWN.loads)} AS l WHERE l.loaded_at >= ${timestamp((nowMs - DAY_MS) * 1000)}` +
    ` AND l.job_id LIKE 'sluice-%'` +
    ` GROUP BY l.table_name, loaded_hour ORDER BY loaded_hour`
  );
}

export function parseLoads([table, hour, loads]: Row): HourOfLoads {
  return {
    table: table as TableName,
    endMs: (Number(hour) + 1) * HOUR_MS,
    loads: Number(loads),
  };
}

type Row = readonly (string | null)[];

/** What {@link checkpointQuery} and {@link tablesQuery} gave. */
export function parseState(checkpoint: Row, tables: readonly Row[]): StoredState {
  const [layout, warehouseId, pipeline, prefix, commit, offsets, pending, start, ...cut] =
    checkpoint;
  const list = parseOffsets(offsets ?? '[]');
  const stopped = parseStops(cut[5]);
  const waiting = (JSON.parse(pending ?? '[]') as readonly unknown[]).map((record) =>
    parseControlRecord(JSON.stringify(record)),
  );
  return {
    identity: {
      layout: Number(layout),
      warehouseId: String(warehouseId),
      pipeline: String(pipeline),
      prefix: String(prefix),
    },
    commit: Number(commit),
    offsets: new Map(list.map((offset) => [`${offset.topic}/${offset.partition}`, offset])),
    cut: parseCut(cut),
    start: typeof start === 'string' ? (start as Sequence) : undefined,
    newest: typeof cut[4] === 'string' && cut[4] !== '' ? (cut[4] as Sequence) : undefined,
    pending: waiting,
    stopped,
    continuity: new Map(tables.map(parseContinuity)),
    tables: new Map(
      tables
        .filter(([definition]) => typeof definition === 'string')
        .map(parseTable)
        .map((entry) => [entry.table.name, entry]),
    ),
  };
}

/**
 * A row that layout 2 wrote has a status alone. What a table was that is stopped there, and what
 * became of it since, is not known.
 */
function parseContinuity([, status, , , , , , name, continuity]: Row): [TableName, Continuity] {
  const facts =
    typeof continuity === 'string'
      ? (JSON.parse(continuity) as Continuity)
      : factsOfStatus(String(status));
  return [name as TableName, facts];
}

function parseCut([ordinal, lastSequence, committedAtUs, gtidSet]: Row): Cut | undefined {
  if (ordinal === null || ordinal === undefined) return undefined;
  return {
    commitOrdinal: Number(ordinal),
    lastSequence: String(lastSequence) as Sequence,
    committedAtUs: Number(committedAtUs),
    gtidSet: String(gtidSet),
  };
}

function parseTable([
  definition,
  ,
  watermark,
  watermarkAtUs,
  deltaRows,
  stateRows,
  compactedAtMs,
]: Row): TableEntry {
  const table = JSON.parse(String(definition)) as StoredTable;
  return {
    table: {
      ...table,
      watermark: watermark as Sequence,
      ...(typeof watermarkAtUs === 'string' ? { watermarkAtUs: Number(watermarkAtUs) } : {}),
    },
    deltaRows: Number(deltaRows),
    stateRows: Number(stateRows),
    compactedAtMs: typeof compactedAtMs === 'string' ? Number(compactedAtMs) : undefined,
  };
}

/** Forms that are on record already, as they are to be; statements that may be run again. */
function recordDefinitions(
  layout: BigQueryLayout,
  tables: readonly StoredTable[],
): readonly Statement[] {
  const sql =
    `UPDATE ${ownTable(layout, OWN.tables)} AS t SET definition = v.definition` +
    ` FROM (${rowsIn('definitions', FORM_ROW)}) AS v WHERE t.name = v.name`;
  const rows = tables.map((table) => ({ name: table.name, definition: definitionOf(table) }));
  return withDefinitions(sql, rows);
}

/** The statement, once for each part of the rows that it names `@definitions`. */
function withDefinitions(sql: string, rows: readonly object[]): readonly Statement[] {
  return dataParts(rows).map((part) => ({ sql, data: { definitions: JSON.stringify(part) } }));
}

const FORM_ROW: RowColumns<{ readonly name: string; readonly definition: string }> = {
  name: 'STRING',
  definition: 'STRING',
};

/** As it is stored in `_cdc_tables`. */
export function definitionOf({ watermark: _, watermarkAtUs: __, ...form }: StoredTable): string {
  return JSON.stringify(form);
}

/** A table's continuity, and what follows from it for people. */
export interface StandingEntry {
  readonly facts: Continuity;
  readonly standing: Standing | undefined;
}

/** Columns of `_cdc_tables` that move with commits. */
export interface StandingRow {
  readonly status: string | null;
  readonly continuity: string;
  readonly since_seq: string | null;
  readonly since_at_us: number | null;
  readonly code: string | null;
  readonly reason: string | null;
}

export const STANDING_COLUMNS: RowColumns<StandingRow> = {
  status: 'STRING',
  continuity: 'STRING',
  since_seq: 'STRING',
  since_at_us: 'INT64',
  code: 'STRING',
  reason: 'STRING',
};

export const standingRow = ({ facts, standing }: StandingEntry): StandingRow => ({
  status: standing?.status ?? null,
  continuity: JSON.stringify(facts),
  since_seq: standing?.since ?? null,
  since_at_us: standing?.sinceUs ?? null,
  code: standing?.code ?? null,
  reason: standing?.reason ?? null,
});

interface DefinitionRow extends StandingRow {
  readonly name: string;
  readonly definition: string;
  readonly watermark: string;
}

const DEFINITION_ROW: RowColumns<DefinitionRow> = {
  name: 'STRING',
  definition: 'STRING',
  watermark: 'STRING',
  ...STANDING_COLUMNS,
};

/**
 * The forms of tables go on record when their physical tables have them; statements that may be run
 * again. Status, continuity and watermark are columns of their own: they move with commits, a form
 * does not, so that only a table's first one brings them.
 */
export function saveDefinitions(
  layout: BigQueryLayout,
  tables: readonly (StandingEntry & { readonly table: StoredTable })[],
): readonly Statement[] {
  const columns = Object.keys(DEFINITION_ROW);
  const first = columns.filter((name) => name !== 'name').map((name) => `${name} = v.${name}`);
  const sql =
    `MERGE INTO ${ownTable(layout, OWN.tables)} AS t USING (${rowsIn('definitions', DEFINITION_ROW)}) AS v` +
    ` ON t.name = v.name WHEN MATCHED AND t.definition IS NOT NULL THEN UPDATE SET definition = v.definition` +
    ` WHEN MATCHED THEN UPDATE SET ${[...first, 'delta_rows = 0', 'state_rows = 0'].join(', ')}` +
    ` WHEN NOT MATCHED THEN INSERT (${[...columns, 'delta_rows', 'state_rows'].join(', ')})` +
    ` VALUES (${[...columns.map((name) => `v.${name}`), '0', '0'].join(', ')})`;
  const rows = tables.map(
    ({ table, ...entry }): DefinitionRow => ({
      name: table.name,
      definition: definitionOf(table),
      watermark: table.watermark,
      ...standingRow(entry),
    }),
  );
  return withDefinitions(sql, rows);
}

/** The update of the checkpoint's one row. */
export function moveCheckpoint(
  layout: BigQueryLayout,
  to: Omit<StoredState, 'tables'>,
  atUs: number,
): Statement {
  const cut = to.cut
    ? `, commit_ordinal = ${to.cut.commitOrdinal}, cut_seq = ${text(to.cut.lastSequence)},` +
      ` committed_at_us = ${to.cut.committedAtUs}, gtid_set = @gtid_set`
    : '';
  const sql =
    `UPDATE ${ownTable(layout, OWN.checkpoints)} AS p SET commit_number = ${to.commit},` +
    ` offsets = @offsets, pending = @pending, newest_seq = ${text(to.newest ?? '')},` +
    ` stopped = ${structsIn('stopped', STOPPED_COLUMNS)},` +
    ` updated_at = ${timestamp(atUs)}${cut} WHERE p.commit_number = ${to.commit - 1}`;
  const data = {
    offsets: formatOffsets(to.offsets.values()),
    pending: JSON.stringify(to.pending),
    stopped: JSON.stringify(stoppedRows(to.stopped)),
    ...(to.cut ? { gtid_set: to.cut.gtidSet } : {}),
  };
  return { sql, data };
}

export interface CompactionFacts {
  readonly jobId: string;
  readonly kind: 'append' | 'merge' | 'expire';
  readonly changes: number;
  readonly bytesBilled: number;
}

/** What a fold cost, or the removal of expired changes; for people and for sluice cost. */
export function compactionRecord(
  layout: BigQueryLayout,
  { name, watermark }: StoredTable,
  { jobId, kind, changes, bytesBilled }: CompactionFacts,
  atUs: number,
): string {
  const texts = [name, jobId, kind, watermark].map(text).join(', ');
  return (
    `INSERT INTO ${ownTable(layout, OWN.compactions)} (table_name, job_id, kind, up_to, changes, bytes_billed, compacted_at)` +
    ` VALUES (${texts}, ${changes}, ${bytesBilled}, ${timestamp(atUs)})`
  );
}
