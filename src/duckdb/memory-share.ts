import { SluiceError } from '../errors/error.ts';

/**
 * What DuckDB takes for ordinary work; it spills to disk beyond. Folding takes all there is: with 256
 * it was no faster, and the process 120 MB larger.
 */
const ORDINARY_MB = 128;
/** How long more is left to it once it was needed: the next batch of a wide table needs it as well. */
const RAISED_FOR_MS = 60_000;

/**
 * How much memory DuckDB may take: little for ordinary work, and up to the sink's limit while there
 * are rows or queries that cannot do with less, such as those of a thousand columns.
 */
export class MemoryShare {
  readonly #mostMb: number;
  readonly #set: (mb: number) => Promise<void>;
  readonly #nowMs: () => number;
  #raisedUntilMs: number | undefined;
  #working = 0;

  /**
   * @param mostMb  the sink's limit
   * @param set  changes the limit that DuckDB keeps to
   */
  constructor(mostMb: number, set: (mb: number) => Promise<void>, nowMs: () => number = Date.now) {
    this.#mostMb = mostMb;
    this.#set = set;
    this.#nowMs = nowMs;
  }

  static ordinaryMb(mostMb: number): number {
    return Math.min(ORDINARY_MB, mostMb);
  }

  /**
   * Does the work; when it runs out of the ordinary share, `again` does it with all there may be.
   * @param again  the work itself when a repetition needs nothing else
   */
  async enough<Result>(
    work: () => Promise<Result>,
    again: () => Promise<Result> = work,
  ): Promise<Result> {
    this.#working += 1;
    try {
      await this.#lower();
      return await work();
    } catch (error) {
      if (!isOutOfMemory(error) || !(await this.raise())) throw error;
      return await again();
    } finally {
      this.#working -= 1;
    }
  }

  /** Takes all there may be, for a while; false when there is no more to be had. */
  async raise(): Promise<boolean> {
    const isRaised = this.#raisedUntilMs !== undefined;
    if (isRaised || MemoryShare.ordinaryMb(this.#mostMb) === this.#mostMb) return false;
    this.#raisedUntilMs = this.#nowMs() + RAISED_FOR_MS;
    await this.#set(this.#mostMb);
    return true;
  }

  async #lower(): Promise<void> {
    if (this.#raisedUntilMs === undefined || this.#working > 1) return;
    if (this.#nowMs() < this.#raisedUntilMs) return;
    // Refused while more than that is in use: another time then.
    await this.#set(MemoryShare.ordinaryMb(this.#mostMb)).then(
      () => (this.#raisedUntilMs = undefined),
      () => undefined,
    );
  }
}

/** DuckDB's own error, or what became of it. */
export function isOutOfMemory(error: unknown): boolean {
  if (error instanceof SluiceError) return error.code === 'duckdb.out-of-memory';
  return error instanceof Error && error.message.includes('Out of Memory Error');
}
