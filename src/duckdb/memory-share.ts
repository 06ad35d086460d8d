import { setTimeout as pause } from 'node:timers/promises';
import { SluiceError } from '../errors/error.ts';

/**
 * What DuckDB takes for ordinary work; it spills to disk beyond. Folding takes all there is: with 256
 * it was no faster, and the process 120 MB larger.
 */
const ORDINARY_MB = 128;
/** How long more is left to it once it was needed: the next batch of a wide table needs it as well. */
const RAISED_FOR_MS = 60_000;

/** DuckDB heeds an interrupt between pieces of its work, and some pieces take long. */
const RECALLED_WITHIN_MS = 10_000;

/** Memory that a query has for as long as the sink can do without it. */
interface Loan {
  readonly recall: AbortController;
  readonly ended: Promise<unknown>;
}

/**
 * How much memory DuckDB may take: little for ordinary work, and up to the sink's limit while there
 * are rows or queries that cannot do with less, such as those of a thousand columns. DuckDB has one
 * limit for all that it does in a process, so the sink, which may not fail for a query's sake, has
 * back what queries hold before it gives up, and queries wait until it is through.
 */
export class MemoryShare {
  /** The sink's limit. */
  readonly mostMb: number;
  readonly #set: (mb: number) => Promise<void>;
  readonly #nowMs: () => number;
  #raisedUntilMs: number | undefined;
  #working = 0;
  #sinkWorking = 0;
  readonly #loans = new Set<Loan>();
  /** A query may have held memory that the sink's work found missing, even if it has ended since. */
  #lentMeanwhile = false;
  /** Settled when the sink is through with the work that memory was recalled for. */
  #alone: PromiseWithResolvers<void> | undefined;

  /**
   * @param mostMb  the sink's limit
   * @param set  changes the limit that DuckDB keeps to
   */
  constructor(mostMb: number, set: (mb: number) => Promise<void>, nowMs: () => number = Date.now) {
    this.mostMb = mostMb;
    this.#set = set;
    this.#nowMs = nowMs;
  }

  static ordinaryMb(mostMb: number): number {
    return Math.min(ORDINARY_MB, mostMb);
  }

  /**
   * Does work of the sink; when it runs out of memory, `again` does it with {@link more}.
   * @param again  the work itself when a repetition needs nothing else
   */
  async enough<Result>(
    work: () => Promise<Result>,
    again: () => Promise<Result> = work,
  ): Promise<Result> {
    if (this.#sinkWorking === 0) this.#lentMeanwhile = this.#loans.size > 0;
    this.#sinkWorking += 1;
    try {
      return await this.#repeated(work, again, () => this.more());
    } finally {
      this.#sinkWorking -= 1;
      if (this.#sinkWorking === 0) this.#endAlone();
    }
  }

  /**
   * Does a query's work, which has to end soon once `recalled` is aborted: the sink waits for it.
   * @param end  of waiting for the sink
   * @param mayRepeat  whether the work may be done again with more memory
   */
  async lend<Result>(
    work: (recalled: AbortSignal) => Promise<Result>,
    end: AbortSignal,
    mayRepeat: () => boolean,
  ): Promise<Result> {
    while (this.#alone) await settledOrAborted(this.#alone.promise, end);
    const recall = new AbortController();
    const query = this.#repeated(
      () => work(recall.signal),
      () => work(recall.signal),
      async () => !recall.signal.aborted && (await this.raise()) && mayRepeat(),
    );
    const loan = { recall, ended: query.catch(() => undefined) };
    this.#loans.add(loan);
    this.#lentMeanwhile = true;
    try {
      return await query;
    } finally {
      this.#loans.delete(loan);
    }
  }

  /** Makes more memory free for the sink; false when there is no more to be had. */
  async more(): Promise<boolean> {
    return (await this.raise()) || (await this.#recall());
  }

  /** Takes all there may be, for a while; false when there is no more to be had. */
  async raise(): Promise<boolean> {
    const isRaised = this.#raisedUntilMs !== undefined;
    if (isRaised || MemoryShare.ordinaryMb(this.mostMb) === this.mostMb) return false;
    this.#raisedUntilMs = this.#nowMs() + RAISED_FOR_MS;
    await this.#set(this.mostMb);
    return true;
  }

  async #recall(): Promise<boolean> {
    if (!this.#lentMeanwhile) return false;
    this.#alone ??= Promise.withResolvers();
    const loans = [...this.#loans];
    for (const { recall } of loans) recall.abort();
    await Promise.race([
      Promise.all(loans.map(({ ended }) => ended)),
      pause(RECALLED_WITHIN_MS, undefined, { ref: false }),
    ]);
    this.#lentMeanwhile = false;
    return true;
  }

  #endAlone(): void {
    this.#alone?.resolve();
    this.#alone = undefined;
  }

  async #repeated<Result>(
    work: () => Promise<Result>,
    again: () => Promise<Result>,
    hasMore: () => Promise<boolean>,
  ): Promise<Result> {
    this.#working += 1;
    try {
      await this.#lower();
      for (let attempt = work; ; attempt = again)
        try {
          return await attempt();
        } catch (error) {
          if (!isOutOfMemory(error) || !(await hasMore())) throw error;
        }
    } finally {
      this.#working -= 1;
    }
  }

  async #lower(): Promise<void> {
    if (this.#raisedUntilMs === undefined || this.#working > 1) return;
    if (this.#nowMs() < this.#raisedUntilMs) return;
    // Refused while more than that is in use: another time then.
    await this.#set(MemoryShare.ordinaryMb(this.mostMb)).then(
      () => (this.#raisedUntilMs = undefined),
      () => undefined,
    );
  }
}

/** @throws the signal's reason when it aborts first */
async function settledOrAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const listener = (): void => resolve();
  signal.addEventListener('abort', listener, { once: true });
  await Promise.race([promise, aborted]);
  signal.removeEventListener('abort', listener);
  signal.throwIfAborted();
}

/** DuckDB's own error, or what became of it. */
export function isOutOfMemory(error: unknown): boolean {
  if (error instanceof SluiceError) return error.code === 'duckdb.out-of-memory';
  return error instanceof Error && error.message.includes('Out of Memory Error');
}
