import type { TableName } from '../change/table.ts';
import type { StoredTable, ViewSuffix } from '../view/stored-table.ts';
import { bigQueryDialect, timestamp } from './bigquery-dialect.ts';
import { OWN, ownTable } from './metadata.ts';
import type { BigQueryLayout } from './names.ts';

type Row = readonly (string | null)[];

/** Load jobs of a table on one day of UTC. */
export interface DailyLoads {
  readonly table: TableName;
  readonly day: string;
  readonly loads: number;
  readonly rows: number;
  readonly fileBytes: number;
  readonly firstMs: number;
}

/** A file whose rows were all refused is on record and was no job. */
export function dailyLoadsQuery(layout: BigQueryLayout, sinceMs: number): string {
  return (
    `SELECT l.table_name, CAST(DATE(l.loaded_at) AS STRING) AS loaded_on, COUNTIF(l.row_count > 0) AS loads,` +
    ` SUM(l.row_count) AS loaded_rows, SUM(l.file_bytes) AS file_bytes, MIN(UNIX_MILLIS(l.loaded_at)) AS first_ms` +
    ` FROM ${ownTable(layout, OWN.loads)} AS l WHERE l.loaded_at >= ${timestamp(sinceMs * 1000)}` +
    ` GROUP BY l.table_name, loaded_on ORDER BY loaded_on, l.table_name`
  );
}

export function parseDailyLoads([table, day, loads, rows, fileBytes, firstMs]: Row): DailyLoads {
  return {
    table: String(table) as TableName,
    day: String(day),
    loads: Number(loads),
    rows: Number(rows),
    fileBytes: Number(fileBytes),
    firstMs: Number(firstMs),
  };
}

/** Compactions of a table on one day of UTC. */
export interface DailyCompactions {
  readonly table: TableName;
  readonly day: string;
  readonly compactions: number;
  readonly changes: number;
  readonly bytesBilled: number;
  readonly firstMs: number;
}

export function dailyCompactionsQuery(layout: BigQueryLayout, sinceMs: number): string {
  return (
    `SELECT f.table_name, CAST(DATE(f.compacted_at) AS STRING) AS compacted_on, COUNT(*) AS compactions,` +
    ` SUM(f.changes) AS changes, SUM(f.bytes_billed) AS bytes_billed, MIN(UNIX_MILLIS(f.compacted_at)) AS first_ms` +
    ` FROM ${ownTable(layout, OWN.compactions)} AS f WHERE f.compacted_at >= ${timestamp(sinceMs * 1000)}` +
    ` GROUP BY f.table_name, compacted_on ORDER BY compacted_on, f.table_name`
  );
}

export function parseDailyCompactions([
  table,
  day,
  compactions,
  changes,
  bytesBilled,
  firstMs,
]: Row): DailyCompactions {
  return {
    table: String(table) as TableName,
    day: String(day),
    compactions: Number(compactions),
    changes: Number(changes),
    bytesBilled: Number(bytesBilled),
    firstMs: Number(firstMs),
  };
}

export interface DailyCommits {
  readonly day: string;
  readonly commits: number;
}

/** All files of a commit are recorded with its time. */
export function dailyCommitsQuery(layout: BigQueryLayout, sinceMs: number): string {
  return (
    `SELECT CAST(DATE(l.loaded_at) AS STRING) AS loaded_on, COUNT(DISTINCT l.loaded_at) AS commits` +
    ` FROM ${ownTable(layout, OWN.loads)} AS l WHERE l.loaded_at >= ${timestamp(sinceMs * 1000)}` +
    ` GROUP BY loaded_on ORDER BY loaded_on`
  );
}

export function parseDailyCommits([day, commits]: Row): DailyCommits {
  return { day: String(day), commits: Number(commits) };
}

/** What the cost of a table depends on beside its records. */
export type MeasuredTable = Pick<StoredTable, 'name' | 'id' | 'key'> & {
  readonly stateRows: number;
};

export function measuredTablesQuery(layout: BigQueryLayout): string {
  return `SELECT t.definition, t.state_rows FROM ${ownTable(layout, OWN.tables)} AS t ORDER BY t.name`;
}

export function parseMeasuredTable([definition, stateRows]: Row): MeasuredTable {
  const { name, id, key } = JSON.parse(String(definition)) as StoredTable;
  return { name, id, key, stateRows: Number(stateRows) };
}

export interface ViewQuery {
  readonly suffix: ViewSuffix;
  readonly sql: string;
}

/** Those that show rows as they are or were; the changes are read by the history. */
const VIEWS: readonly ViewSuffix[] = ['', '__latest', '__history', '__as_of'];

/** Everything that each view of a table shows; to be estimated, not to be run. */
export function viewQueries(
  layout: BigQueryLayout,
  { id }: Pick<StoredTable, 'id'>,
  nowMs: number,
): readonly ViewQuery[] {
  const { view } = bigQueryDialect(layout);
  return VIEWS.map((suffix) => {
    const argument = suffix === '__as_of' ? `(${timestamp(nowMs * 1000)})` : '';
    return { suffix, sql: `SELECT v.* FROM ${view({ id }, suffix)}${argument} AS v` };
  });
}
