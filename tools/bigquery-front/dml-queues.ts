import type { Refusal } from './answer.ts';
import { dmlOf, statementsOf } from './statements.ts';

export interface DmlLimits {
  readonly running: number;
  readonly queued: number;
}

/** https://cloud.google.com/bigquery/quotas#data-manipulation-language-statements */
export const GOOGLE_DML: DmlLimits = { running: 2, queued: 20 };

interface Queue {
  running: number;
  readonly waiting: (() => void)[];
  /** Whether a transaction changes rows of the table. */
  held: boolean;
}

type Entered = (() => void) | Refusal;

/**
 * UPDATE, DELETE and MERGE of a table run two at a time, and twenty wait; INSERT does not count. A
 * transaction that changes rows is cancelled where others do so as well
 * (https://cloud.google.com/bigquery/docs/transactions#transaction_concurrency).
 */
export class DmlQueues {
  readonly #limits: DmlLimits;
  readonly #queues = new Map<string, Queue>();

  constructor(limits: DmlLimits) {
    this.#limits = limits;
  }

  /** @returns what ends the work of the script, or why it cannot begin */
  async enter(sql: string): Promise<Entered> {
    const tables = [...new Set(mutatedTables(sql))];
    const inTransaction = /^BEGIN TRANSACTION\b/i.test(sql);
    const left: (() => void)[] = [];
    const leave = (): void => {
      for (const end of left) end();
    };
    for (const table of tables) {
      const entered = inTransaction ? this.#hold(table) : await this.#queue(table);
      if (typeof entered !== 'function') {
        leave();
        return entered;
      }
      left.push(entered);
    }
    return leave;
  }

  #hold(table: string): Entered {
    const queue = this.#of(table);
    if (queue.held || queue.running > 0)
      return {
        reason: 'invalidQuery',
        message: `Transaction is aborted due to concurrent update against table ${table}.`,
      };
    queue.held = true;
    return () => {
      queue.held = false;
      this.#wake(queue);
    };
  }

  async #queue(table: string): Promise<Entered> {
    const queue = this.#of(table);
    const mustWait = (): boolean => queue.held || queue.running >= this.#limits.running;
    if (mustWait() && queue.waiting.length >= this.#limits.queued)
      return {
        reason: 'resourcesExceeded',
        message: `Resources exceeded during query execution: Too many DML statements outstanding against table ${table}, limit is ${this.#limits.queued}.`,
      };
    while (mustWait()) await new Promise<void>((resolve) => queue.waiting.push(resolve));
    queue.running += 1;
    return () => {
      queue.running -= 1;
      this.#wake(queue);
    };
  }

  #wake(queue: Queue): void {
    for (const resolve of queue.waiting.splice(0)) resolve();
  }

  #of(table: string): Queue {
    const known = this.#queues.get(table);
    if (known) return known;
    const queue: Queue = { running: 0, waiting: [], held: false };
    this.#queues.set(table, queue);
    return queue;
  }
}

const mutatedTables = (sql: string): readonly string[] =>
  statementsOf(sql).flatMap((statement) => {
    const dml = dmlOf(statement);
    return dml && dml.kind !== 'INSERT' ? [dml.table] : [];
  });
