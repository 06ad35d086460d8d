import type { TableName } from '../change/table.ts';
import type { DayUsage, MeasuredCost, TableCost, Usage, ViewRead } from '../control/sink-cost.ts';
import { BEFORE_ALL } from '../view/stored-table.ts';
import type { DailyCommits, DailyCompactions, DailyLoads, MeasuredTable } from './cost-queries.ts';
import {
  COMMIT_READS,
  DAYS_A_MONTH,
  LEAST_READ_BYTES,
  LIST_PRICES,
  PROBE_READS,
  readingUsd,
  storingUsd,
} from './list-prices.ts';

/** What is on record of some days. */
export interface CostRecords {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly loads: readonly DailyLoads[];
  readonly compactions: readonly DailyCompactions[];
  readonly commits: readonly DailyCommits[];
  readonly tables: readonly MeasuredTable[];
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const NOTHING: Usage = {
  loads: 0,
  rows: 0,
  fileBytes: 0,
  compactions: 0,
  compactedBytes: 0,
  probedBytes: 0,
};

function sum(usages: readonly Usage[]): Usage {
  return usages.reduce<Usage>(
    (a, b) => ({
      loads: a.loads + b.loads,
      rows: a.rows + b.rows,
      fileBytes: a.fileBytes + b.fileBytes,
      compactions: a.compactions + b.compactions,
      compactedBytes: a.compactedBytes + b.compactedBytes,
      probedBytes: a.probedBytes + b.probedBytes,
    }),
    NOTHING,
  );
}

/** Days from the first record on, an hour at least: a pace needs time to be one. */
function recordedDays({ sinceMs, untilMs, loads, compactions }: CostRecords): number {
  const firstMs = [...loads, ...compactions].reduce(
    (first, record) => Math.min(first, record.firstMs),
    untilMs,
  );
  return Math.max(HOUR_MS, untilMs - Math.max(sinceMs, firstMs)) / DAY_MS;
}

/** A text takes two bytes more than it has. */
const SEQUENCE_BYTES = BEFORE_ALL.length + 2;
/** Of an INT64, and of most other keys about. */
const KEY_COLUMN_BYTES = 8;

/**
 * Reads keys and sequences of the whole state and of the changes.
 *
 * @param changes  on average
 */
export function probeBytes(
  { stateRows, key }: Pick<MeasuredTable, 'stateRows' | 'key'>,
  changes: number,
): number {
  const rowBytes = SEQUENCE_BYTES + KEY_COLUMN_BYTES * key.length;
  return [stateRows, changes].reduce(
    (bytes, rows) => bytes + Math.max(LEAST_READ_BYTES, rows * rowBytes),
    0,
  );
}

function usageOfLoads({ loads, rows, fileBytes }: DailyLoads): Usage {
  return { ...NOTHING, loads, rows, fileBytes };
}

function usageOfCompactions(
  { compactions, changes, bytesBilled }: DailyCompactions,
  table: MeasuredTable | undefined,
): Usage {
  const probe = table ? probeBytes(table, changes / compactions) : PROBE_READS * LEAST_READ_BYTES;
  return {
    ...NOTHING,
    compactions,
    compactedBytes: bytesBilled,
    probedBytes: compactions * probe,
  };
}

interface Recorded {
  readonly table: TableName;
  readonly day: string;
  readonly usage: Usage;
}

function recorded({ loads, compactions, tables }: CostRecords): readonly Recorded[] {
  const byName = new Map(tables.map((table) => [table.name, table]));
  return [
    ...loads.map((one) => ({ table: one.table, day: one.day, usage: usageOfLoads(one) })),
    ...compactions.map((one) => ({
      table: one.table,
      day: one.day,
      usage: usageOfCompactions(one, byName.get(one.table)),
    })),
  ];
}

function byDay(records: readonly Recorded[]): readonly DayUsage[] {
  return [...Map.groupBy(records, ({ day }) => day)]
    .map(([day, group]) => ({ day, ...sum(group.map(({ usage }) => usage)) }))
    .sort((a, b) => (a.day < b.day ? -1 : 1));
}

const billed = ({ compactedBytes, probedBytes }: Usage): number => compactedBytes + probedBytes;

function tableCosts(records: readonly Recorded[], months: number): readonly TableCost[] {
  return [...Map.groupBy(records, ({ table }) => table)]
    .map(([table, group]) => {
      const usage = sum(group.map((record) => record.usage));
      return { table, usage, days: byDay(group), usdAMonth: readingUsd(billed(usage)) / months };
    })
    .sort(
      (a, b) =>
        b.usdAMonth - a.usdAMonth ||
        b.usage.fileBytes - a.usage.fileBytes ||
        (a.table < b.table ? -1 : 1),
    );
}

/** What the records come to, before anything is asked about the views. */
export function measuredCost(records: CostRecords): MeasuredCost {
  const days = recordedDays(records);
  const months = days / DAYS_A_MONTH;
  const usages = recorded(records);
  const commitsOf = new Map(records.commits.map(({ day, commits }) => [day, commits]));
  const commits = records.commits.reduce((all, one) => all + one.commits, 0);
  const commitBytes = commits * COMMIT_READS * LEAST_READ_BYTES;
  const total = sum(usages.map(({ usage }) => usage));
  const commitsUsd = readingUsd(commitBytes) / months;
  const compactionsUsd = readingUsd(billed(total)) / months;
  return {
    kind: 'measured',
    sinceMs: records.sinceMs,
    untilMs: records.untilMs,
    recordedDays: days,
    tables: tableCosts(usages, months),
    days: byDay(usages).map((day) => ({ ...day, commits: commitsOf.get(day.day) ?? 0 })),
    total,
    commits,
    commitBytes,
    storedBytes: 0,
    month: { commitsUsd, compactionsUsd, storageUsd: 0, totalUsd: commitsUsd + compactionsUsd },
    hints: [],
    prices: LIST_PRICES,
  };
}

/** With what the views of some tables read: one reads all of the state, another all of the changelog. */
export function withReads(
  cost: MeasuredCost,
  reads: ReadonlyMap<string, readonly ViewRead[]>,
): MeasuredCost {
  const storedBytes = [...reads.values()]
    .flat()
    .filter(({ suffix }) => suffix === '__latest' || suffix === '__history')
    .reduce((bytes, read) => bytes + (read.bytes ?? 0), 0);
  const storageUsd = storingUsd(storedBytes);
  const { commitsUsd, compactionsUsd } = cost.month;
  return {
    ...cost,
    tables: cost.tables.map((table) => {
      const own = reads.get(table.table);
      return own ? { ...table, reads: own } : table;
    }),
    storedBytes,
    month: { ...cost.month, storageUsd, totalUsd: commitsUsd + compactionsUsd + storageUsd },
  };
}
