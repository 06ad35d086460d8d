/** What a warehouse took in, and what folding it was billed. */
export interface Usage {
  /** Load jobs, each for one table. */
  readonly loads: number;
  readonly rows: number;
  /** Of the load files as they were sent, compressed. */
  readonly fileBytes: number;
  readonly compactions: number;
  /** As BigQuery has billed them. */
  readonly compactedBytes: number;
  /** Read by the looks before compactions: estimated, their bill is not on record. */
  readonly probedBytes: number;
}

export interface DayUsage extends Usage {
  /** `2026-11-23`, in UTC. */
  readonly day: string;
}

export interface ViewRead {
  /** What the name of the view ends in; empty for the plain one. */
  readonly suffix: string;
  /** That `SELECT *` reads at most; absent while the view cannot be asked. */
  readonly bytes?: number;
}

export interface TableCost {
  readonly table: string;
  readonly usage: Usage;
  readonly days: readonly DayUsage[];
  /** Its compactions, with the looks before them. */
  readonly usdAMonth: number;
  /** Absent where it was not asked for. */
  readonly reads?: readonly ViewRead[];
}

/** At list prices and the pace of the recorded days. Loading is free. */
export interface MonthCost {
  readonly commitsUsd: number;
  readonly compactionsUsd: number;
  /** Of the tables whose views were estimated. */
  readonly storageUsd: number;
  readonly totalUsd: number;
}

export interface ListPrices {
  readonly usdPerTebibyteRead: number;
  /** Logical bytes, active. */
  readonly usdPerGibibyteMonth: number;
  readonly where: string;
  readonly source: string;
  /** Month of the prices. */
  readonly asOf: string;
}

/** A setting that would make something cheaper. */
export interface CostHint {
  readonly item: string;
  readonly setting: string;
  readonly effect: string;
}

export interface MeasuredCost {
  readonly kind: 'measured';
  /** Start of the first day that was asked for. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Days that the records cover; fewer than were asked for when the warehouse is younger. */
  readonly recordedDays: number;
  /** Dearest first. */
  readonly tables: readonly TableCost[];
  readonly days: readonly (DayUsage & { readonly commits: number })[];
  readonly total: Usage;
  /** Commits that brought rows. */
  readonly commits: number;
  /** What their statements were billed: estimated, it is not on record. */
  readonly commitBytes: number;
  /** In state and changelog of the tables whose views were estimated. */
  readonly storedBytes: number;
  readonly month: MonthCost;
  readonly hints: readonly CostHint[];
  readonly prices: ListPrices;
}

export type WarehouseCost =
  | MeasuredCost
  /** Nothing came in these days. */
  | { readonly kind: 'quiet' }
  | { readonly kind: 'nothingLoaded' };

/** JSON-plain. */
export interface SinkCost {
  readonly sink: string;
  readonly cost: WarehouseCost;
}

export interface CostQuestion {
  /** Whole days of UTC, the present one among them. */
  readonly days: number;
  /** Whose views are estimated, a few requests each: one table, or so many of the dearest. */
  readonly estimated: { readonly table: string } | { readonly dearest: number };
}
