import type { Refusal } from './answer.ts';

export interface QuotaLimits {
  readonly loadsPerDayAndTable: number;
  readonly loadsPerDayAndProject: number;
  readonly updatesPer10sAndTable: number;
  readonly updatesPer10sAndPartitionedTable: number;
  readonly dmlPer10sAndTable: number;
}

/**
 * As BigQuery has them: https://cloud.google.com/bigquery/quotas#load_jobs, #standard_tables,
 * #partitioned_tables and #data-manipulation-language-statements. Loads count as updates of their
 * table, and are refused as such; DML statements count, and have a limit of their own.
 */
export const GOOGLE_LIMITS: QuotaLimits = {
  loadsPerDayAndTable: 1_500,
  loadsPerDayAndProject: 100_000,
  updatesPer10sAndTable: 5,
  updatesPer10sAndPartitionedTable: 50,
  dmlPer10sAndTable: 25,
};

const DAY_MS = 86_400_000;
const SHORT_MS = 10_000;

/** So many within a window that moves along with the clock. */
class Window {
  readonly #lengthMs: number;
  readonly #times = new Map<string, number[]>();

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  isFull(key: string, limit: number, nowMs: number): boolean {
    const times = this.#times.get(key) ?? [];
    while (times[0] !== undefined && times[0] <= nowMs - this.#lengthMs) times.shift();
    return times.length >= limit;
  }

  count(key: string, nowMs: number): void {
    const times = this.#times.get(key) ?? [];
    this.#times.set(key, times);
    times.push(nowMs);
  }
}

/** What a project may do within a day and within ten seconds. */
export class Quotas {
  readonly #limits: QuotaLimits;
  readonly #nowMs: () => number;
  readonly #loadsOfTable = new Window(DAY_MS);
  readonly #loadsOfProject = new Window(DAY_MS);
  readonly #updates = new Window(SHORT_MS);
  readonly #dml = new Window(SHORT_MS);

  constructor(limits: QuotaLimits, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** Counts a load job, whatever becomes of it, unless there have been too many. */
  takeLoad(project: string, table: string): Refusal | undefined {
    const now = this.#nowMs();
    const { loadsPerDayAndProject, loadsPerDayAndTable } = this.#limits;
    if (this.#loadsOfProject.isFull(project, loadsPerDayAndProject, now))
      return quotaExceeded('project', 'load jobs');
    if (this.#loadsOfTable.isFull(table, loadsPerDayAndTable, now))
      return quotaExceeded('table', 'imports or query appends per table');
    this.#loadsOfProject.count(project, now);
    this.#loadsOfTable.count(table, now);
    return undefined;
  }

  /** Counts an update of each table, unless one of them had too many. */
  takeUpdates(
    tables: readonly string[],
    isPartitioned: (table: string) => boolean = () => false,
  ): Refusal | undefined {
    const now = this.#nowMs();
    const { updatesPer10sAndTable, updatesPer10sAndPartitionedTable } = this.#limits;
    const isFull = (table: string): boolean => {
      const limit = isPartitioned(table) ? updatesPer10sAndPartitionedTable : updatesPer10sAndTable;
      return this.#updates.isFull(table, limit, now);
    };
    if (tables.some(isFull)) return rateLimitExceeded('table update operations for this table');
    for (const table of tables) this.#updates.count(table, now);
    return undefined;
  }

  /** Counts a DML statement of each table, unless one of them had too many. */
  takeDml(tables: readonly string[]): Refusal | undefined {
    const now = this.#nowMs();
    if (tables.some((table) => this.#dml.isFull(table, this.#limits.dmlPer10sAndTable, now)))
      return rateLimitExceeded('DML statements for this table');
    for (const table of tables) {
      this.#dml.count(table, now);
      this.#updates.count(table, now);
    }
    return undefined;
  }
}

const rateLimitExceeded = (what: string): Refusal => ({
  reason: 'rateLimitExceeded',
  message: `Exceeded rate limits: too many ${what}.`,
});

const quotaExceeded = (owner: string, what: string): Refusal => ({
  reason: 'quotaExceeded',
  message: `Quota exceeded: Your ${owner} exceeded quota for ${what}.`,
});
