import type { Sequence } from '../change/sequence.ts';
import type { SchemaId, TableName } from '../change/table.ts';
import type { StandingChange } from '../sink/continuity.ts';
import type { NoticedGap } from '../sink/control-effects.ts';
import type { Topic } from '../topic/topic-name.ts';
import { text, timestamp } from './bigquery-dialect.ts';
import { OTHER_WRITER } from './bigquery-error.ts';
import { moveCheckpoint, OWN, ownTable, type StoredState, standingColumns } from './metadata.ts';
import type { BigQueryLayout } from './names.ts';

/** Rows that a commit puts into a changelog. */
export interface AddedRows {
  readonly name: TableName;
  readonly rows: number;
}

export interface RefusedRow {
  readonly table: TableName;
  readonly seq: Sequence;
  readonly op: string;
  readonly position: string;
  readonly topic: Topic;
  readonly partition: number;
  readonly offset: number;
  readonly schemaId: SchemaId;
  readonly reason: string;
}

export interface LoadedFile {
  readonly table: TableName;
  readonly jobId: string;
  readonly rows: number;
  readonly fileBytes: number;
}

export interface Commit {
  readonly warehouseId: string;
  readonly to: Omit<StoredState, 'tables'>;
  readonly atUs: number;
  /** Deletes by truncate and sweep, in sequence order. */
  readonly massDeletes: readonly string[];
  readonly added: readonly AddedRows[];
  readonly standings: readonly StandingChange[];
  readonly refused: readonly RefusedRow[];
  readonly gaps: readonly NoticedGap[];
  readonly loaded: readonly LoadedFile[];
}

/**
 * The transaction that makes a commit: it is void unless the checkpoint is the one it was planned
 * on, and moves offsets, cut and everything that becomes true with them. Rows were loaded before;
 * they show with the cut.
 */
export function commitScript(layout: BigQueryLayout, commit: Commit): string {
  return transaction([
    assertCheckpoint(layout, commit.warehouseId, commit.to.commit - 1),
    ...commit.massDeletes,
    ...addRows(layout, commit.added),
    ...saveStandings(layout, commit.standings),
    ...inserts(layout, commit),
    moveCheckpoint(layout, commit.to, commit.atUs),
  ]);
}

export function transaction(statements: readonly string[]): string {
  return ['BEGIN TRANSACTION', ...statements, 'COMMIT TRANSACTION'].map((s) => `${s};`).join('\n');
}

function assertCheckpoint(layout: BigQueryLayout, warehouseId: string, commit: number): string {
  return assertOne(
    `${ownTable(layout, OWN.checkpoints)} AS p WHERE p.warehouse_id = ${text(warehouseId)} AND p.commit_number = ${commit}`,
  );
}

/** Ends the script, and so rolls the transaction back, unless there is exactly one such row. */
export function assertOne(rows: string): string {
  return `SELECT IF((SELECT COUNT(*) FROM ${rows}) = 1, TRUE, ERROR(${text(OTHER_WRITER)})) AS is_expected`;
}

function addRows(layout: BigQueryLayout, added: readonly AddedRows[]): readonly string[] {
  if (added.length === 0) return [];
  const values = added.map(({ name, rows }) => `STRUCT(${text(name)} AS name, ${rows} AS added)`);
  return [
    `UPDATE ${ownTable(layout, OWN.tables)} AS t SET delta_rows = t.delta_rows + v.added` +
      ` FROM UNNEST([${values.join(', ')}]) AS v WHERE t.name = v.name`,
  ];
}

function saveStandings(
  layout: BigQueryLayout,
  standings: readonly StandingChange[],
): readonly string[] {
  const tables = ownTable(layout, OWN.tables);
  const known = standings.filter(({ isNew }) => !isNew);
  const fresh = standings.filter(({ isNew }) => isNew);
  const updates = known.length === 0 ? [] : [updateStandings(tables, known)];
  const columns = fresh.map((change) => ({
    name: text(change.table),
    delta_rows: '0',
    state_rows: '0',
    ...standingColumns(change),
  }));
  const names = Object.keys(columns[0] ?? {}).join(', ');
  return [
    ...updates,
    ...insert(
      tables,
      names,
      columns.map((row) => Object.values(row)),
    ),
  ];
}

function updateStandings(tables: string, standings: readonly StandingChange[]): string {
  const rows = standings.map((change) => ({
    name: text(change.table),
    ...standingColumns(change),
  }));
  const values = rows.map((row) => {
    const fields = Object.entries(row).map(([name, value]) => `${value} AS ${name}`);
    return `STRUCT(${fields.join(', ')})`;
  });
  const set = Object.keys(rows[0] ?? {})
    .filter((name) => name !== 'name')
    .map((name) => `${name} = v.${name}`);
  return (
    `UPDATE ${tables} AS t SET ${set.join(', ')}` +
    ` FROM UNNEST([${values.join(', ')}]) AS v WHERE t.name = v.name`
  );
}

function inserts(
  layout: BigQueryLayout,
  { atUs, refused, gaps, loaded }: Commit,
): readonly string[] {
  const at = timestamp(atUs);
  return [
    ...insert(
      ownTable(layout, OWN.rejects),
      'table_name, topic, topic_partition, topic_offset, seq, op, position, schema_id, reason, rejected_at',
      refused.map((row) => [
        ...[row.table, row.topic].map(text),
        String(row.partition),
        String(row.offset),
        ...[row.seq, row.op, row.position, row.schemaId, row.reason].map(text),
        at,
      ]),
    ),
    ...insert(
      ownTable(layout, OWN.gaps),
      'seq, cause, from_gtid_set, to_gtid_set, noticed_at',
      gaps.map(({ seq, cause, from, to }) => [...[seq, cause, from, to].map(text), at]),
    ),
    ...insert(
      ownTable(layout, OWN.loads),
      'table_name, job_id, row_count, file_bytes, loaded_at',
      loaded.map((file) => [
        text(file.table),
        text(file.jobId),
        String(file.rows),
        String(file.fileBytes),
        at,
      ]),
    ),
  ];
}

function insert(
  table: string,
  columns: string,
  rows: readonly (readonly string[])[],
): readonly string[] {
  if (rows.length === 0) return [];
  const values = rows.map((row) => `(${row.join(', ')})`).join(', ');
  return [`INSERT INTO ${table} (${columns}) VALUES ${values}`];
}
