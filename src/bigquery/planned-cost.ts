import { DEFAULT_FOLDING } from './compaction.ts';
import {
  APPEND_READS,
  COMMIT_READS,
  DAYS_A_MONTH,
  LEAST_READ_BYTES,
  LIST_PRICES,
  PROBE_READS,
  readingUsd,
  storingUsd,
} from './list-prices.ts';

/** What is known of a pipeline before it runs. */
export interface PlannedLoad {
  readonly tables: number;
  readonly rows: number;
  /** Of the rows, as the source stores them. */
  readonly dataBytes: number;
  readonly loadIntervalMs: number;
  /** Between commits that move nothing but the position. */
  readonly quietCommitMs: number;
}

/** Dollars at list prices. */
export interface PlannedCost {
  /** Once: every row is loaded, and compacted out of the changelog. */
  readonly firstCopyUsd: number;
  /** A month: rows are in state and changelog. */
  readonly storageUsd: number;
  /** A month in which nothing changes. */
  readonly quietCommitsUsd: number;
  /** A month with a change for every load. */
  readonly busyCommitsUsd: number;
  /** A month in which every table changes, as little as may be. */
  readonly compactionsUsd: number;
}

const MONTH_MS = DAYS_A_MONTH * 86_400_000;
/** Of a row: once in the state, once in the changelog. */
const STORED_COPIES = 2;

const commitsUsd = (everyMs: number): number =>
  readingUsd((MONTH_MS / everyMs) * COMMIT_READS * LEAST_READ_BYTES);

export function plannedCost(load: PlannedLoad): PlannedCost {
  const foldBytes = (APPEND_READS + PROBE_READS) * LEAST_READ_BYTES;
  const foldsAMonth = MONTH_MS / DEFAULT_FOLDING.maxAgeMs;
  return {
    firstCopyUsd: readingUsd(load.dataBytes + load.tables * foldBytes),
    storageUsd: storingUsd(STORED_COPIES * load.dataBytes),
    quietCommitsUsd: commitsUsd(load.quietCommitMs),
    busyCommitsUsd: commitsUsd(load.loadIntervalMs),
    compactionsUsd: readingUsd(load.tables * foldsAMonth * foldBytes),
  };
}

/** For `sluice check`: a floor, what raises it, and what nobody can know yet. */
export function plannedCostText(load: PlannedLoad): string {
  const cost = plannedCost(load);
  const atRest = cost.quietCommitsUsd + cost.storageUsd;
  const busy = cost.busyCommitsUsd + cost.compactionsUsd + cost.storageUsd;
  const hours = DEFAULT_FOLDING.maxAgeMs / 3_600_000;
  return (
    `A month costs at least ${usd(atRest)} while nothing changes:` +
    ` ${usd(cost.quietCommitsUsd)} for a commit every ${load.quietCommitMs / 60_000} minutes and ${usd(cost.storageUsd)}` +
    ` to store ${gibibytes(load.dataBytes)} GiB twice (about ${load.rows.toLocaleString('en-US')} rows of ${load.tables} tables).` +
    ` With a change for every load (${load.loadIntervalMs / 1000} s), and of every table within ${hours} hours, it is at least ${usd(busy)}:` +
    ` ${usd(cost.busyCommitsUsd)} for commits and ${usd(cost.compactionsUsd)} for compactions of the smallest size.` +
    ` The first copy costs about ${usd(cost.firstCopyUsd)} once. How much changes and what people query is not to be seen here:` +
    ` sluice cost counts it later. List prices, ${LIST_PRICES.where}, ${LIST_PRICES.asOf}.`
  );
}

const usd = (value: number): string => `${value.toFixed(2)} USD`;
const gibibytes = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
