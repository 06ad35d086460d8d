import type { Gtid, GtidSetText } from '../change/gtid.ts';
import { formatGtidSet, type GtidSet, parseGtidSet } from '../change/gtid-set.ts';
import { SluiceError } from '../errors/error.ts';

const WRAP = 2 ** 32;

/** The transaction that is being read. */
export interface OpenTransaction {
  readonly gtid: Gtid;
  readonly committedAtUs: number;
  /** BEGIN was seen: only COMMIT, ROLLBACK or XID ends it. */
  began: boolean;
  /** Rows read so far, captured or not, emitted or not. */
  rows: number;
  /** Rows an earlier attempt has already committed. */
  readonly skipRows: number;
}

export interface TrackerStart {
  readonly gtidSet: GtidSetText;
  readonly commitOrdinal: number;
  readonly committedAtUs: number;
  readonly open: { readonly gtid: Gtid; readonly rows: number } | undefined;
  readonly file: string;
  readonly pos: number;
}

/**
 * Where the stream is: complete transactions as a GTID set and a commit ordinal, the open one with
 * its row count, and the file position beside them.
 */
export class StreamTracker {
  readonly #executed: GtidSet;
  #resume: TrackerStart['open'];
  #file: string;
  #pos: number;
  #commitOrdinal: number;
  #committedAtUs: number;
  #transaction: OpenTransaction | undefined;
  #text: GtidSetText | undefined;

  constructor(start: TrackerStart) {
    this.#executed = parseGtidSet(start.gtidSet);
    this.#resume = start.open;
    this.#file = start.file;
    this.#pos = start.pos;
    this.#commitOrdinal = start.commitOrdinal;
    this.#committedAtUs = start.committedAtUs;
  }

  get transaction(): OpenTransaction | undefined {
    return this.#transaction;
  }
  get commitOrdinal(): number {
    return this.#commitOrdinal;
  }
  /** Commit time of the newest complete transaction, never decreasing. */
  get committedAtUs(): number {
    return this.#committedAtUs;
  }
  /** The same with the open transaction counted in: what it will be when that one is complete. */
  get commitTimeUs(): number {
    return Math.max(this.#committedAtUs, this.#transaction?.committedAtUs ?? 0);
  }
  get file(): string {
    return this.#file;
  }
  get pos(): number {
    return this.#pos;
  }
  get position(): { readonly file: string; readonly pos: number } {
    return { file: this.#file, pos: this.#pos };
  }
  /** Every complete transaction. */
  get gtidSet(): GtidSetText {
    this.#text ??= formatGtidSet(this.#executed);
    return this.#text;
  }
  /** What a checkpoint says of the open transaction: rows that are out, now or from an earlier attempt. */
  get open(): { readonly gtid: Gtid; readonly rows: number } | undefined {
    const transaction = this.#transaction;
    if (!transaction) return this.#resume;
    const rows = Math.max(transaction.rows, transaction.skipRows);
    return rows > 0 ? { gtid: transaction.gtid, rows } : undefined;
  }

  rotate(file: string, pos: number): void {
    this.#file = file;
    this.#pos = pos;
  }

  /**
   * `logPos` holds the low 32 bits only; files may be longer. A step back by more than half the
   * range is a wrap, a smaller one is an event the server repeats at connect and moves nothing.
   */
  advance(logPos: number): void {
    if (logPos === 0) return;
    const candidate = Math.floor(this.#pos / WRAP) * WRAP + logPos;
    if (candidate >= this.#pos) this.#pos = candidate;
    else if (this.#pos - candidate > WRAP / 2) this.#pos = candidate + WRAP;
  }

  /** @throws {SluiceError} `binlog.torn-transaction` | `position.lost` */
  begin(gtid: Gtid, committedAtUs: number): void {
    if (this.#transaction)
      throw new SluiceError(
        'binlog.torn-transaction',
        `Transaction ${gtid} begins at ${this.#file}:${this.#pos} before ${this.#transaction.gtid} has ended.`,
      );
    const resume = this.#resume;
    if (resume && resume.gtid !== gtid)
      throw new SluiceError(
        'position.lost',
        `Rows of transaction ${resume.gtid} were committed in part, but the server continues with ${gtid}.`,
      );
    this.#resume = undefined;
    this.#transaction = { gtid, committedAtUs, began: false, rows: 0, skipRows: resume?.rows ?? 0 };
  }

  /** Ends the open transaction, if any: the next commit ordinal is taken. */
  commit(): void {
    const transaction = this.#transaction;
    if (!transaction) return;
    this.#executed.add(transaction.gtid);
    this.#text = undefined;
    this.#commitOrdinal += 1;
    this.#committedAtUs = this.commitTimeUs;
    this.#transaction = undefined;
  }

  /** Takes an ordinal for something that is no source transaction: a chunk, a sweep. Only between transactions. */
  takeOrdinal(): number {
    this.#commitOrdinal += 1;
    return this.#commitOrdinal;
  }
}
