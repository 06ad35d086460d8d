import type { Refusal } from './answer.ts';

export interface QuotaLimits {
  readonly loadsPerDayAndTable: number;
  readonly loadsPerDayAndProject: number;
  readonly updatesPer10sAndTable: number;
}

/** As BigQuery has them. Loads count as updates of their table too. */
export const GOOGLE_LIMITS: QuotaLimits = {
  loadsPerDayAndTable: 1_500,
  loadsPerDayAndProject: 100_000,
  updatesPer10sAndTable: 5,
};

const DAY_MS = 86_400_000;
const UPDATES_WINDOW_MS = 10_000;

/** So many within a window that moves along with the clock. */
class Window {
  readonly #limit: number;
  readonly #lengthMs: number;
  readonly #times = new Map<string, number[]>();

  constructor(limit: number, lengthMs: number) {
    this.#limit = limit;
    this.#lengthMs = lengthMs;
  }

  isFull(key: string, nowMs: number): boolean {
    const times = this.#times.get(key) ?? [];
    while (times[0] !== undefined && times[0] <= nowMs - this.#lengthMs) times.shift();
    return times.length >= this.#limit;
  }

  count(key: string, nowMs: number): void {
    const times = this.#times.get(key) ?? [];
    this.#times.set(key, times);
    times.push(nowMs);
  }
}

/** What a project may do within a day and within ten seconds. */
export class Quotas {
  readonly #nowMs: () => number;
  readonly #loadsOfTable: Window;
  readonly #loadsOfProject: Window;
  readonly #updates: Window;

  constructor(limits: QuotaLimits, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#loadsOfTable = new Window(limits.loadsPerDayAndTable, DAY_MS);
    this.#loadsOfProject = new Window(limits.loadsPerDayAndProject, DAY_MS);
    this.#updates = new Window(limits.updatesPer10sAndTable, UPDATES_WINDOW_MS);
  }

  /** Counts a load job, whatever becomes of it, unless there have been too many. */
  takeLoad(project: string, table: string): Refusal | undefined {
    const now = this.#nowMs();
    if (this.#loadsOfProject.isFull(project, now)) return quotaExceeded('project', 'load jobs');
    if (this.#loadsOfTable.isFull(table, now))
      return quotaExceeded('table', 'imports or query appends per table');
    this.#loadsOfProject.count(project, now);
    this.#loadsOfTable.count(table, now);
    return undefined;
  }

  /** Counts an update of each table, unless one of them had too many. */
  takeUpdates(tables: readonly string[]): Refusal | undefined {
    const now = this.#nowMs();
    if (tables.some((table) => this.#updates.isFull(table, now)))
      return {
        reason: 'rateLimitExceeded',
        message: 'Exceeded rate limits: too many table update operations for this table.',
      };
    for (const table of tables) this.#updates.count(table, now);
    return undefined;
  }
}

const quotaExceeded = (owner: string, what: string): Refusal => ({
  reason: 'quotaExceeded',
  message: `Quota exceeded: Your ${owner} exceeded quota for ${what}.`,
});
