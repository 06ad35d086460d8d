import { inLanes } from '../async/lanes.ts';
import type { CostQuestion, ViewRead, WarehouseCost } from '../control/sink-cost.ts';
import { SluiceError } from '../errors/error.ts';
import { CONCURRENT_JOBS } from './context.ts';
import { type CostRecords, measuredCost, withReads } from './cost.ts';
import { type CostSettings, costHints } from './cost-hints.ts';
import {
  dailyCommitsQuery,
  dailyCompactionsQuery,
  dailyLoadsQuery,
  type MeasuredTable,
  measuredTablesQuery,
  parseDailyCommits,
  parseDailyCompactions,
  parseDailyLoads,
  parseMeasuredTable,
  viewQueries,
} from './cost-queries.ts';
import type { BigQueryService } from './job.ts';
import { OWN } from './metadata.ts';
import type { BigQueryLayout } from './names.ts';

const DAY_MS = 86_400_000;

const UNASKABLE: ReadonlySet<string> = new Set(['bigquery.not-found', 'bigquery.failed']);

/** A warehouse whose cost is asked for. */
export interface MeasuredWarehouse {
  readonly service: BigQueryService;
  readonly layout: BigQueryLayout;
  readonly settings: CostSettings;
  readonly nowMs: number;
}

/**
 * What a warehouse has cost and reads, from its own records and from estimates of queries, which are
 * free. The records are read by four queries of a few megabytes.
 *
 * @throws {SluiceError} `bigquery.*`
 */
export async function readCost(
  warehouse: MeasuredWarehouse,
  { days, estimated }: CostQuestion,
): Promise<WarehouseCost> {
  const { service, layout, settings } = warehouse;
  if (!(await service.hasTable(layout.internal, OWN.compactions))) return { kind: 'nothingLoaded' };
  const records = await readRecords(warehouse, days);
  if (records.loads.length === 0 && records.compactions.length === 0)
    return { kind: records.tables.length === 0 ? 'nothingLoaded' : 'quiet' };
  const cost = measuredCost(records);
  const wanted = new Set<string>(
    'table' in estimated
      ? [estimated.table]
      : cost.tables.slice(0, estimated.dearest).map(({ table }) => table),
  );
  const tables = records.tables.filter(({ name }) => wanted.has(name));
  const measured = withReads(cost, await readViews(warehouse, tables));
  return { ...measured, hints: costHints(measured, settings) };
}

async function readRecords(
  { service, layout, nowMs }: MeasuredWarehouse,
  days: number,
): Promise<CostRecords> {
  const sinceMs = nowMs - (nowMs % DAY_MS) - (days - 1) * DAY_MS;
  const [loads, compactions, commits, tables] = await Promise.all([
    service.rows(dailyLoadsQuery(layout, sinceMs)),
    service.rows(dailyCompactionsQuery(layout, sinceMs)),
    service.rows(dailyCommitsQuery(layout, sinceMs)),
    service.rows(measuredTablesQuery(layout)),
  ]);
  return {
    sinceMs,
    untilMs: nowMs,
    loads: loads.map(parseDailyLoads),
    compactions: compactions.map(parseDailyCompactions),
    commits: commits.map(parseDailyCommits),
    tables: tables.map(parseMeasuredTable),
  };
}

async function readViews(
  { service, layout, nowMs }: MeasuredWarehouse,
  tables: readonly MeasuredTable[],
): Promise<ReadonlyMap<string, readonly ViewRead[]>> {
  const reads = new Map<string, readonly ViewRead[]>();
  await inLanes(CONCURRENT_JOBS, tables, async (table) => {
    const views: ViewRead[] = [];
    for (const { suffix, sql } of viewQueries(layout, table, nowMs)) {
      const bytes = await estimate(service, sql);
      views.push({ suffix, ...(bytes === undefined ? {} : { bytes }) });
    }
    reads.set(table.name, views);
  });
  return reads;
}

/**
 * `undefined` for a view that cannot be asked: its table is new, or somebody has dropped it. BigQuery
 * calls a missing table function a wrong statement.
 */
async function estimate(service: BigQueryService, sql: string): Promise<number | undefined> {
  try {
    return await service.dryRun(sql);
  } catch (error) {
    if (error instanceof SluiceError && UNASKABLE.has(error.code)) return undefined;
    throw error;
  }
}
