import type { TableRows } from './destination.ts';
import type { SinkSessionProgress } from './progress.ts';

type Counts = Pick<
  SinkSessionProgress,
  'rows' | 'rowsByTable' | 'commits' | 'lastCommit' | 'recordsLeft'
>;

/** What an attempt has committed so far. */
export class Tally {
  readonly #rowsByTable: Record<string, number> = {};
  #rows = 0;
  #commits = 0;
  #recordsLeft = 0;
  #lastCommit: SinkSessionProgress['lastCommit'];

  /** @param records  between what is committed and the end of the round, markers included */
  beginRound(records: number): void {
    this.#recordsLeft = records;
  }

  endRound(): void {
    this.#recordsLeft = 0;
  }

  /** @param records  that it passed, markers included */
  commit(tables: readonly TableRows[], records: number, durationMs: number): void {
    let rows = 0;
    for (const { table, rows: its } of tables) {
      this.#rowsByTable[table] = (this.#rowsByTable[table] ?? 0) + its.length;
      rows += its.length;
    }
    this.#rows += rows;
    this.#commits += 1;
    this.#recordsLeft -= records;
    this.#lastCommit = { rows, durationMs };
  }

  get counts(): Counts {
    return {
      rows: this.#rows,
      rowsByTable: { ...this.#rowsByTable },
      commits: this.#commits,
      lastCommit: this.#lastCommit,
      recordsLeft: this.#recordsLeft,
    };
  }
}
