import type { TableName } from '../change/table.ts';
import type { TableEntry } from './metadata.ts';

/** What BigQuery asks for; contracts and editions have other prices. */
export const LIST_PRICE = {
  usdPerTebibyte: 6.25,
  /** Of rows by stream, beyond {@link FREE_STREAM_BYTES}. Load jobs are free. */
  usdPerGibibyteStreamed: 0.025,
  /** Logical bytes, for a month. */
  usdPerGibibyteStored: 0.02,
  terms: 'on demand, United States, November 2026',
  source: 'https://cloud.google.com/bigquery/pricing',
} as const;

const TEBIBYTE = 2 ** 40;
const GIBIBYTE = 2 ** 30;
const DAY_MS = 86_400_000;
const MONTH_MS = 30 * DAY_MS;

/** A statement is billed for at least so much of each table that it reads. */
const MIN_BILLED_BYTES = 10 * 2 ** 20;
/** What a commit reads, see commit-script.ts: the checkpoint twice, and the list of tables. */
export const TABLES_READ_BY_COMMIT = 3;
/** What a look at the changes reads, see compaction.ts: changes and state. */
export const TABLES_READ_BY_LOOK = 2;
/** What a fold that only inserts reads behind it: changes twice, state once, the list of tables twice. */
export const TABLES_READ_BY_APPEND = 5;
const TABLES_READ_BY_FOLD = TABLES_READ_BY_LOOK + TABLES_READ_BY_APPEND;

export const usdOf = (bytes: number): number => (bytes / TEBIBYTE) * LIST_PRICE.usdPerTebibyte;

/** A month's, of a billing account; other streams of its projects count too. */
const FREE_STREAM_BYTES = 2 * TEBIBYTE;

/** What a month's rows by stream cost. */
const streamUsdOf = (bytes: number): number =>
  (Math.max(0, bytes - FREE_STREAM_BYTES) / GIBIBYTE) * LIST_PRICE.usdPerGibibyteStreamed;

export const storageUsdOf = (bytes: number): number =>
  (bytes / GIBIBYTE) * LIST_PRICE.usdPerGibibyteStored;

/** Of an INT64; of others about. */
const KEY_COLUMN_BYTES = 8;

/** A look reads keys of the state, and of the changes keys and sequences; its bill is not on record. */
export function lookBytes({
  table: { key },
  stateRows,
}: Pick<TableEntry, 'table' | 'stateRows'>): number {
  const stateBytes = stateRows * KEY_COLUMN_BYTES * key.length;
  return Math.max(MIN_BILLED_BYTES, stateBytes) + MIN_BILLED_BYTES;
}

/** Of one table on one day, UTC. */
export interface DayOfTable {
  readonly table: TableName;
  /** `2026-11-23` */
  readonly day: string;
  readonly loads: number;
  readonly rows: number;
  /** Of the compressed load files, and of the messages of rows that came by stream. */
  readonly loadedBytes: number;
  /** Those of streams alone, which are billed. */
  readonly streamedBytes: number;
  readonly compactions: number;
  readonly compactionBytes: number;
}

/** What `SELECT *` of a table's views reads by a dry run, in bytes; absent when the view is not there. */
export interface ReadEstimates {
  readonly now?: number;
  readonly latest?: number;
  readonly history?: number;
  readonly asOf?: number;
}

/** What is on record of a sink. */
export interface SinkUsage {
  readonly days: readonly DayOfTable[];
  readonly commits: number;
  /** From here on there are records: what was asked for, or the first load ever; absent when there is none. */
  readonly sinceMs: number | undefined;
  readonly nowMs: number;
}

export interface CostSettings {
  readonly loadIntervalMs: number;
  readonly compactionIntervalMs: number;
  readonly changesExpireDays?: number;
}

export interface MonthAtThisPace {
  readonly compactionBytes: number;
  /** Read by the looks before compactions: estimated, unlike what compactions were billed. */
  readonly lookBytes: number;
  readonly commitBytes: number;
  /** Of rows by stream; the first 2 TiB are free. */
  readonly streamedBytes: number;
  readonly usd: number;
}

/**
 * A month as busy as the time on record, or as the last hour when there is less.
 *
 * @param tables  those the sink knows of now; a table that has gone was looked at for the minimum
 */
export function monthAtThisPace(
  { days, commits, sinceMs, nowMs }: SinkUsage,
  tables: ReadonlyMap<TableName, Pick<TableEntry, 'table' | 'stateRows'>>,
): MonthAtThisPace {
  const spanMs = Math.max(3_600_000, nowMs - (sinceMs ?? nowMs));
  const ofMonth = (bytes: number): number => Math.round((MONTH_MS / spanMs) * bytes);
  const lookAt = (name: TableName): number => {
    const entry = tables.get(name);
    return entry ? lookBytes(entry) : TABLES_READ_BY_LOOK * MIN_BILLED_BYTES;
  };
  const compactionBytes = ofMonth(days.reduce((sum, day) => sum + day.compactionBytes, 0));
  const looks = ofMonth(days.reduce((sum, day) => sum + day.compactions * lookAt(day.table), 0));
  const commitBytes = ofMonth(commits * TABLES_READ_BY_COMMIT * MIN_BILLED_BYTES);
  const streamedBytes = ofMonth(days.reduce((sum, day) => sum + day.streamedBytes, 0));
  const usd = usdOf(compactionBytes + looks + commitBytes) + streamUsdOf(streamedBytes);
  return { compactionBytes, lookBytes: looks, commitBytes, streamedBytes, usd };
}

/** In state and changelog: one view reads all of the first, another all of the second. */
export function storedBytes(reads: Iterable<ReadEstimates>): number {
  return [...reads].reduce((sum, { latest = 0, history = 0 }) => sum + latest + history, 0);
}

/** A setting that would lower a cost, and what it would be then. */
export interface Advice {
  readonly setting: string;
  readonly value: string;
  readonly because: string;
  /** Of a month, when it can be told. */
  readonly savesUsd?: number;
}

/** Below this a month's bill is not worth a thought. */
const NEGLIGIBLE_USD = 1;

export function advice(
  month: MonthAtThisPace,
  settings: CostSettings,
  reads: ReadonlyMap<TableName, ReadEstimates>,
): readonly Advice[] {
  const { loadIntervalMs, compactionIntervalMs, changesExpireDays } = settings;
  const commitsUsd = usdOf(month.commitBytes);
  const foldsUsd = usdOf(month.compactionBytes + month.lookBytes);
  const streamsUsd = streamUsdOf(month.streamedBytes);
  const found: Advice[] = [];
  if (streamsUsd > NEGLIGIBLE_USD)
    found.push({
      setting: 'writePath',
      value: 'load-jobs',
      because: 'load jobs bring rows in for nothing, a minute or two later',
      savesUsd: streamsUsd,
    });
  if (commitsUsd > NEGLIGIBLE_USD && commitsUsd >= foldsUsd)
    found.push({
      setting: 'loadIntervalMs',
      value: String(2 * loadIntervalMs),
      because: `commits are the larger part; half as many, for rows that are ${(2 * loadIntervalMs) / 1000} s old at most`,
      savesUsd: commitsUsd / 2,
    });
  if (foldsUsd > NEGLIGIBLE_USD && foldsUsd > commitsUsd)
    found.push({
      setting: 'compactionIntervalMs',
      value: String(2 * compactionIntervalMs),
      because:
        'compactions are the larger part; about half as many, for queries that read more of the changes',
      savesUsd: foldsUsd / 2,
    });
  const behind = [...reads].filter(
    ([, { now = 0, latest = 0 }]) => now > 2 * latest && usdOf(now) > 0.01,
  );
  if (behind.length > 0)
    found.push({
      setting: 'compactionIntervalMs',
      value: String(Math.max(3_600_000, Math.round(compactionIntervalMs / 2))),
      because: `queries of ${behind[0]?.[0]}${behind.length > 1 ? ` and ${behind.length - 1} more` : ''} read more of the changes than of the rows; where that is often, folding sooner is cheaper, or ask __latest`,
    });
  const histories = [...reads.values()].reduce((sum, { history = 0 }) => sum + history, 0);
  if (changesExpireDays === undefined && usdOf(histories) > NEGLIGIBLE_USD)
    found.push({
      setting: 'changesExpireDays',
      value: '400',
      because: `__history and __as_of read every change there ever was, ${usdOf(histories).toFixed(2)} USD for all tables once`,
    });
  return found;
}

/** What a month costs before anything has run, from what the source says of its tables. */
export interface PlannedCost {
  /** When nothing changes. */
  readonly leastUsd: number;
  /** When every table changes all over, all the time. */
  readonly mostUsd: number;
}

/** @param quietCommitMs  how often a commit is made while nothing changes */
export function plannedCost(
  { tables, dataBytes }: { readonly tables: number; readonly dataBytes: number },
  { loadIntervalMs, compactionIntervalMs }: CostSettings,
  quietCommitMs: number,
): PlannedCost {
  const commits = (everyMs: number): number =>
    (MONTH_MS / everyMs) * TABLES_READ_BY_COMMIT * MIN_BILLED_BYTES;
  const folds = MONTH_MS / compactionIntervalMs;
  // The state is looked at for known keys, and merged into.
  const folded = folds * (tables * TABLES_READ_BY_FOLD * MIN_BILLED_BYTES + 2 * dataBytes);
  return {
    leastUsd: usdOf(commits(quietCommitMs)),
    mostUsd: usdOf(commits(loadIntervalMs) + folded),
  };
}
