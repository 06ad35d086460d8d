import type { TableName } from '../change/table.ts';

/** So many at once, and so many a day in the long run; together what any 24 hours can see. */
interface Allowance {
  readonly burst: number;
  readonly perDay: number;
}

/** BigQuery takes 1,500 load jobs a day and table, failed ones included, and 100,000 a project. */
const TABLE: Allowance = { burst: 400, perDay: 1_000 };
const PROJECT: Allowance = { burst: 10_000, perDay: 85_000 };

const DAY_MS = 86_400_000;

/** Loads of a table that ended in one hour. */
export interface HourOfLoads {
  readonly table: TableName;
  readonly endMs: number;
  readonly loads: number;
}

class Bucket {
  readonly #allowance: Allowance;
  #level: number;
  #atMs: number;

  constructor(allowance: Allowance, atMs: number) {
    this.#allowance = allowance;
    this.#level = allowance.burst;
    this.#atMs = atMs;
  }

  waitMs(wanted: number, nowMs: number): number {
    const { burst, perDay } = this.#allowance;
    const missing = Math.min(wanted, burst) - this.#levelAt(nowMs);
    return missing <= 0 ? 0 : Math.ceil((missing * DAY_MS) / perDay);
  }

  take(count: number, nowMs: number): void {
    this.#level = this.#levelAt(nowMs) - count;
    this.#atMs = nowMs;
  }

  #levelAt(nowMs: number): number {
    const { burst, perDay } = this.#allowance;
    return Math.min(burst, this.#level + ((nowMs - this.#atMs) * perDay) / DAY_MS);
  }
}

/**
 * Keeps load jobs under BigQuery's daily quotas without ever stopping for the rest of a day: what
 * comes faster than the quota allows in the long run is spread, and so becomes fewer, larger jobs.
 */
export class LoadBudget {
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

  /** Until each of the tables may be loaded once. */
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
