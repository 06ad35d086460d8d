import { inLanes } from '../async/lanes.ts';
import type { TableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { StoredTable, ViewSuffix } from '../view/stored-table.ts';
import { bigQueryDialect, timestamp } from './bigquery-dialect.ts';
import type { DayOfTable, ReadEstimates, SinkUsage } from './cost.ts';
import type { BigQueryService } from './job.ts';
import {
  checkpointQuery,
  formsQuery,
  OWN,
  ownTable,
  parseState,
  type TableEntry,
} from './metadata.ts';
import type { BigQueryLayout } from './names.ts';

/** Of a view that somebody dropped or replaced; what a dry run says of a network or a quota is another matter. */
const UNASKABLE: ReadonlySet<string> = new Set(['bigquery.not-found', 'bigquery.failed']);

/** Dry runs at once. */
const CONCURRENT_ESTIMATES = 8;

/**
 * Loads and compactions since a time, by table and day. A file whose rows were all refused was no job;
 * the name of a stream stands in the place of a job's id, which has no slash.
 */
export function usageQuery(layout: BigQueryLayout, sinceMs: number): string {
  const since = timestamp(sinceMs * 1000);
  return (
    `SELECT u.table_name, CAST(u.on_day AS STRING) AS day_text, SUM(u.loads) AS loads, SUM(u.row_count) AS row_count,` +
    ` SUM(u.file_bytes) AS file_bytes, SUM(u.stream_bytes) AS stream_bytes, SUM(u.compactions) AS compactions, SUM(u.bytes_billed) AS bytes_billed` +
    ` FROM (SELECT l.table_name, DATE(l.loaded_at) AS on_day, IF(l.row_count > 0, 1, 0) AS loads, l.row_count, l.file_bytes, IF(STARTS_WITH(l.job_id, 'projects/'), l.file_bytes, 0) AS stream_bytes, 0 AS compactions, 0 AS bytes_billed` +
    ` FROM ${ownTable(layout, OWN.loads)} AS l WHERE l.loaded_at >= ${since}` +
    ` UNION ALL SELECT c.table_name, DATE(c.compacted_at) AS on_day, 0 AS loads, 0 AS row_count, 0 AS file_bytes, 0 AS stream_bytes, IF(c.kind = 'expire', 0, 1) AS compactions, c.bytes_billed` +
    ` FROM ${ownTable(layout, OWN.compactions)} AS c WHERE c.compacted_at >= ${since}) AS u` +
    ` GROUP BY u.table_name, u.on_day ORDER BY u.table_name, u.on_day`
  );
}

/**
 * Commits that loaded rows since a time, whose loads have one time; and the first ever, which tells a
 * young warehouse from one that was quiet. It reads one column.
 */
export function commitsQuery(layout: BigQueryLayout, sinceMs: number): string {
  return (
    `SELECT COUNT(DISTINCT IF(l.loaded_at >= ${timestamp(sinceMs * 1000)}, l.loaded_at, NULL)) AS commits,` +
    ` UNIX_MILLIS(MIN(l.loaded_at)) AS first_ms FROM ${ownTable(layout, OWN.loads)} AS l`
  );
}

/** What is on record of the sink since a time; `undefined` when there is no warehouse yet. */
export async function readUsage(
  service: BigQueryService,
  layout: BigQueryLayout,
  { sinceMs, nowMs }: { readonly sinceMs: number; readonly nowMs: number },
): Promise<SinkUsage | undefined> {
  if (!(await service.hasTable(layout.internal, OWN.checkpoints))) return undefined;
  const [days, [[commits = '0', firstMs = null] = []]] = await Promise.all([
    service.rows(usageQuery(layout, sinceMs)),
    service.rows(commitsQuery(layout, sinceMs)),
  ]);
  return {
    days: days.map(parseDay),
    commits: Number(commits),
    sinceMs: firstMs === null ? undefined : Math.max(sinceMs, Number(firstMs)),
    nowMs,
  };
}

function parseDay(row: readonly (string | null)[]): DayOfTable {
  const [table, day, ...numbers] = row;
  const [loads = 0, rows = 0, loadedBytes = 0, streamedBytes = 0, ...folds] = numbers.map(Number);
  const [compactions = 0, compactionBytes = 0] = folds;
  return {
    table: table as TableName,
    day: day ?? '',
    ...{ loads, rows, loadedBytes, streamedBytes, compactions, compactionBytes },
  };
}

/** Every table that the sink knows of. */
export async function readTables(
  service: BigQueryService,
  layout: BigQueryLayout,
): Promise<ReadonlyMap<TableName, TableEntry>> {
  const [checkpoint] = await service.rows(checkpointQuery(layout));
  if (!checkpoint) return new Map();
  return parseState(checkpoint, await service.rows(formsQuery(layout))).tables;
}

/** By dry runs, which are free, of what `SELECT *` of every view of the tables would be billed for. */
export async function estimateReads(
  service: BigQueryService,
  layout: BigQueryLayout,
  chosen: readonly StoredTable[],
): Promise<ReadonlyMap<TableName, ReadEstimates>> {
  const found = new Map<TableName, ReadEstimates>();
  await inLanes(CONCURRENT_ESTIMATES, chosen, async (table) => {
    const bytes = (suffix: ViewSuffix): Promise<number | undefined> =>
      readBytes(service, selectAll(layout, table, suffix));
    const [now, latest] = [await bytes(''), await bytes('__latest')];
    const [history, asOf] = [await bytes('__history'), await bytes('__as_of')];
    found.set(table.name, {
      ...(now === undefined ? {} : { now }),
      ...(latest === undefined ? {} : { latest }),
      ...(history === undefined ? {} : { history }),
      ...(asOf === undefined ? {} : { asOf }),
    });
  });
  return found;
}

export function selectAll(layout: BigQueryLayout, table: StoredTable, suffix: ViewSuffix): string {
  const view = bigQueryDialect(layout).view(table, suffix);
  return `SELECT v.* FROM ${view}${suffix === '__as_of' ? '(CURRENT_TIMESTAMP())' : ''} AS v`;
}

/** `undefined` for a view that cannot be asked, for instance because somebody dropped it. */
async function readBytes(service: BigQueryService, sql: string): Promise<number | undefined> {
  try {
    return await service.dryRun(sql);
  } catch (error) {
    if (error instanceof SluiceError && UNASKABLE.has(error.code)) return undefined;
    throw error;
  }
}
