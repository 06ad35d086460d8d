import type { TableName } from '../change/table.ts';
import type { Clock } from '../sink/clock.ts';
import { type Allowance, Bucket, DAY_MS } from './allowance.ts';

/** What a commit takes before it is planned; tables are those it has rows for. */
export interface Budget {
  /** Until each of the tables may be written once. */
  waitMs(tables: readonly TableName[], nowMs: number): number;
  take(tables: readonly TableName[], nowMs: number): void;
}

/** Waits until each of the tables may be written once, and counts that. */
export async function awaitBudget(
  budget: Budget,
  tables: readonly TableName[],
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const waitMs = budget.waitMs(tables, clock.nowMs());
  if (waitMs > 0) await clock.sleep(waitMs, signal);
  signal.throwIfAborted();
  budget.take(tables, clock.nowMs());
}

/** BigQuery takes 1,500 load jobs a day and table, failed ones included, and 100,000 a project. */
const TABLE: Allowance = { burst: 400, perDay: 1_000 };
const PROJECT: Allowance = { burst: 10_000, perDay: 85_000 };

/** Loads of a table that ended in one hour. */
export interface HourOfLoads {
  readonly table: TableName;
  readonly endMs: number;
  readonly loads: number;
}

/**
 * Keeps load jobs under BigQuery's daily quotas without ever stopping for the rest of a day: what
 * comes faster than the quota allows in the long run is spread, and so becomes fewer, larger jobs.
 */
export class LoadBudget implements Budget {
  readonly #tables = new Map<TableName, Bucket>();
  readonly #project: Bucket;
  readonly #sinceMs: number;

  /** @param history  of the day before `nowMs`, oldest first */
  constructor(history: readonly HourOfLoads[], nowMs: number) {
    this.#sinceMs = nowMs - DAY_MS;
    this.#project = new Bucket(PROJECT, this.#sinceMs);
    for (const { table, endMs, loads } of history) {
      const atMs = Math.min(endMs, nowMs);
      this.#bucket(table).take(loads, atMs);
      this.#project.take(loads, atMs);
    }
  }

  /**
   * Counts loads of a planned commit that have failed, which are in no history: one after another
   * since it was planned.
   */
  takeFailed(table: TableName, count: number, plannedMs: number, nowMs: number): void {
    const stepMs = Math.max(0, nowMs - plannedMs) / (count + 1);
    for (let each = 1; each <= count; each += 1) {
      const atMs = Math.min(plannedMs + each * stepMs, nowMs);
      this.#bucket(table).take(1, atMs);
      this.#project.take(1, atMs);
    }
  }

  waitMs(tables: readonly TableName[], nowMs: number): number {
    const waits = tables.map((table) => this.#bucket(table).waitMs(1, nowMs));
    return Math.max(this.#project.waitMs(tables.length, nowMs), ...waits);
  }

  take(tables: readonly TableName[], nowMs: number): void {
    for (const table of tables) this.#bucket(table).take(1, nowMs);
    this.#project.take(tables.length, nowMs);
  }

  #bucket(table: TableName): Bucket {
    const known = this.#tables.get(table);
    if (known) return known;
    const bucket = new Bucket(TABLE, this.#sinceMs);
    this.#tables.set(table, bucket);
    return bucket;
  }
}
