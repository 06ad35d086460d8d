import type { Sequence } from '../change/sequence.ts';
import type { SchemaId, TableName } from '../change/table.ts';
import type { StandingChange } from '../sink/continuity.ts';
import type { NoticedGap } from '../sink/control-effects.ts';
import type { Topic } from '../topic/topic-name.ts';
import { text, timestamp } from './bigquery-dialect.ts';
import { OTHER_WRITER } from './bigquery-error.ts';
import {
  moveCheckpoint,
  OWN,
  type OwnTable,
  ownTable,
  STANDING_COLUMNS,
  type StandingRow,
  type StoredState,
  standingRow,
} from './metadata.ts';
import type { BigQueryLayout } from './names.ts';
import { type RowColumns, rowsIn, type Statement, transaction } from './statement.ts';

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
  /** Deletes by truncate and sweep, in sequence order, of a plan of an earlier version. */
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
 *
 * It changes five tables, and its text is the same length for any number of them: what they get is
 * data beside it.
 */
export function commitScript(layout: BigQueryLayout, commit: Commit): Statement {
  return transaction([
    { sql: assertCheckpoint(layout, commit.warehouseId, commit.to.commit - 1) },
    ...commit.massDeletes.map((sql) => ({ sql })),
    ...changeTables(layout, commit),
    ...inserts(layout, commit),
    moveCheckpoint(layout, commit.to, commit.atUs),
  ]);
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

/** What a commit changes of a table's entry. */
interface TableChange extends Partial<StandingRow> {
  readonly name: string;
  readonly added: number;
  /** 1 where the standing moves, 0 where only rows came. */
  readonly moved: number;
}

const TABLE_CHANGE: RowColumns<TableChange> = {
  name: 'STRING',
  added: 'INT64',
  moved: 'INT64',
  ...STANDING_COLUMNS,
};

function changeTables(layout: BigQueryLayout, commit: Commit): readonly Statement[] {
  const rows = tableChanges(commit);
  if (rows.length === 0) return [];
  const standing = Object.keys(STANDING_COLUMNS);
  const set = standing.map((name) => `${name} = IF(v.moved = 1, v.${name}, t.${name})`);
  const columns = ['name', 'delta_rows', 'state_rows', ...standing];
  const values = ['v.name', '0', '0', ...standing.map((name) => `v.${name}`)];
  const sql =
    `MERGE INTO ${ownTable(layout, OWN.tables)} AS t USING (${rowsIn('tables', TABLE_CHANGE)}) AS v` +
    ` ON t.name = v.name WHEN MATCHED THEN UPDATE SET delta_rows = t.delta_rows + v.added, ${set.join(', ')}` +
    ` WHEN NOT MATCHED AND v.moved = 1 THEN INSERT (${columns.join(', ')}) VALUES (${values.join(', ')})`;
  return [{ sql, data: { tables: JSON.stringify(rows) } }];
}

/** In the order of the tables' names. */
function tableChanges({ added, standings }: Commit): readonly TableChange[] {
  const changes = new Map<string, TableChange>();
  for (const { name, rows } of added) changes.set(name, { name, added: rows, moved: 0 });
  for (const change of standings) {
    const { table: name } = change;
    const rows = changes.get(name)?.added ?? 0;
    changes.set(name, { name, added: rows, moved: 1, ...standingRow(change) });
  }
  return [...changes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

interface Reject {
  readonly table_name: string;
  readonly topic: string;
  readonly topic_partition: number;
  readonly topic_offset: number;
  readonly seq: string;
  readonly op: string;
  readonly position: string;
  readonly schema_id: string;
  readonly reason: string;
}

const REJECT: RowColumns<Reject> = {
  table_name: 'STRING',
  topic: 'STRING',
  topic_partition: 'INT64',
  topic_offset: 'INT64',
  seq: 'STRING',
  op: 'STRING',
  position: 'STRING',
  schema_id: 'STRING',
  reason: 'STRING',
};

/** As `_cdc_rejects` has it. */
export const rejectOf = (row: RefusedRow): Reject => ({
  table_name: row.table,
  topic: row.topic,
  topic_partition: row.partition,
  topic_offset: row.offset,
  seq: row.seq,
  op: row.op,
  position: row.position,
  schema_id: row.schemaId,
  reason: row.reason,
});

interface Gap {
  readonly seq: string;
  readonly cause: string;
  readonly from_gtid_set: string;
  readonly to_gtid_set: string;
}

const GAP: RowColumns<Gap> = {
  seq: 'STRING',
  cause: 'STRING',
  from_gtid_set: 'STRING',
  to_gtid_set: 'STRING',
};

interface Load {
  readonly table_name: string;
  readonly job_id: string;
  readonly row_count: number;
  readonly file_bytes: number;
}

const LOAD: RowColumns<Load> = {
  table_name: 'STRING',
  job_id: 'STRING',
  row_count: 'INT64',
  file_bytes: 'INT64',
};

function inserts(
  layout: BigQueryLayout,
  { atUs, refused, gaps, loaded }: Commit,
): readonly Statement[] {
  const gapRows = gaps.map(({ seq, cause, from, to }): Gap => {
    return { seq, cause, from_gtid_set: from, to_gtid_set: to };
  });
  const loads = loaded.map(({ table, jobId, rows, fileBytes }): Load => {
    return { table_name: table, job_id: jobId, row_count: rows, file_bytes: fileBytes };
  });
  const into = <Row>(
    name: OwnTable,
    parameter: string,
    columns: RowColumns<Row>,
    time: string,
    rows: readonly Row[],
  ): readonly Statement[] => {
    if (rows.length === 0) return [];
    const names = Object.keys(columns);
    const values = names.map((column) => `v.${column}`);
    const sql =
      `INSERT INTO ${ownTable(layout, name)} (${[...names, time].join(', ')})` +
      ` SELECT ${[...values, timestamp(atUs)].join(', ')} FROM (${rowsIn(parameter, columns)}) AS v`;
    return [{ sql, data: { [parameter]: JSON.stringify(rows) } }];
  };
  return [
    ...into(OWN.rejects, 'rejects', REJECT, 'rejected_at', refused.map(rejectOf)),
    ...into(OWN.gaps, 'gaps', GAP, 'noticed_at', gapRows),
    ...into(OWN.loads, 'loads', LOAD, 'loaded_at', loads),
  ];
}
