import type { StoppedTables } from '../control/stopped-tables.ts';

/** A table that stops and returns again and again must not fill the workflow's history. */
const FIRST_INTERVAL_MS = 1_000;
const LONGEST_INTERVAL_MS = 60_000;
/** After so long without a change, the next one is told at once again. */
const QUIET_MS = 5 * LONGEST_INTERVAL_MS;

/**
 * Tells a workflow which tables have stopped, whenever that has changed: the first time at once,
 * then ever more seldom. Only the newest is told; it says all that the ones before it said.
 */
export class StoppedTablesNotice {
  readonly #tell: (stopped: StoppedTables) => void;
  readonly #nowMs: () => number;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #intervalMs = FIRST_INTERVAL_MS;
  #told: string;
  #newest: StoppedTables | undefined;

  /** @param known  how many stopped tables the workflow has on record; NaN where nobody knows */
  constructor(
    tell: (stopped: StoppedTables) => void,
    known: number,
    nowMs: () => number = Date.now,
  ) {
    this.#tell = tell;
    this.#nowMs = nowMs;
    this.#told = known === 0 ? JSON.stringify(NONE_STOPPED) : '';
  }

  /** Takes what progress says, a few times a second. */
  offer(stopped: StoppedTables = NONE_STOPPED): void {
    this.#newest = stopped;
    if (this.#nowMs() - this.#toldAtMs >= this.#intervalMs) this.flush();
  }

  /** Tells what has been held back. */
  flush(): void {
    if (!this.#newest) return;
    const text = JSON.stringify(this.#newest);
    if (text === this.#told) return;
    this.#tell(this.#newest);
    this.#told = text;
    const nowMs = this.#nowMs();
    const wasQuiet = nowMs - this.#toldAtMs >= QUIET_MS;
    this.#intervalMs = wasQuiet
      ? FIRST_INTERVAL_MS
      : Math.min(2 * this.#intervalMs, LONGEST_INTERVAL_MS);
    this.#toldAtMs = nowMs;
  }
}

const NONE_STOPPED: StoppedTables = { count: 0, tables: [] };
