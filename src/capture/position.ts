import type { Gtid, GtidSetText } from '../change/gtid.ts';
import { formatGtidSet, type GtidSet, parseGtidSet } from '../change/gtid-set.ts';
import { SluiceError } from '../errors/error.ts';

const WRAP = 2 ** 32;

/** The transaction that is being read, as others may look at it. */
export interface OpenTransaction {
  readonly gtid: Gtid;
  readonly committedAtUs: number;
  /** BEGIN was seen: only COMMIT, ROLLBACK or XID ends it. */
  readonly began: boolean;
  /** Rows read so far, captured or not, emitted or not. */
  readonly rows: number;
  /** Rows an earlier attempt has already committed. */
  readonly skipRows: number;
}

type Mutable<Type> = { -readonly [Name in keyof Type]: Type[Name] };

/** A place in the log; of `pos` the low 32 bits only, unless it is whole. */
interface LogPlace {
  readonly file: string;
  readonly pos: number;
  readonly isWhole: boolean;
}

export interface PositionStart {
  readonly gtidSet: GtidSetText;
  readonly commitOrdinal: number;
  readonly committedAtUs: number;
  readonly open: { readonly gtid: Gtid; readonly rows: number } | undefined;
  readonly file: string;
  readonly pos: number;
}

/**
 * Where the stream is: complete transactions as a GTID set and a commit ordinal, the open one with
 * its row count, and the file position beside them. Nothing else changes any of these.
 */
export class StreamPosition {
  readonly #executed: GtidSet;
  #resume: PositionStart['open'];
  #file: string;
  #pos: number;
  #commitOrdinal: number;
  #committedAtUs: number;
  #transaction: Mutable<OpenTransaction> | undefined;
  #text: GtidSetText | undefined;

  constructor(start: PositionStart) {
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
  get place(): { readonly file: string; readonly pos: number } {
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

  /** Between transactions, none of which is open: the only place for chunks and an unhurried cut. */
  get atBoundary(): boolean {
    return this.#transaction === undefined && this.#resume === undefined;
  }
  /** The ordinal of the transaction that is open, or of the next one. */
  get currentOrdinal(): number {
    return this.#commitOrdinal + 1;
  }
  /** The first ordinal of which no record is out yet, the open transaction's left out. */
  get freshOrdinal(): number {
    return this.#commitOrdinal + (this.atBoundary ? 1 : 2);
  }
  /** Rows of the open transaction that have been passed, in this attempt or an earlier one. */
  get rowsPassed(): number {
    const transaction = this.#transaction;
    if (!transaction) return this.#resume?.rows ?? 0;
    return Math.max(transaction.rows, transaction.skipRows);
  }
  /** Whether the transaction has been read completely. */
  hasRead(gtid: Gtid): boolean {
    return this.#executed.contains(gtid);
  }
  /** What of the set has not been read completely. */
  unread(set: GtidSet): GtidSet {
    return set.subtract(this.#executed);
  }
  /** Whether every transaction of the set has been read completely. */
  hasPassed(set: GtidSet): boolean {
    return set.isSubsetOf(this.#executed);
  }

  /** Only COMMIT, ROLLBACK or XID ends the transaction from here on. */
  began(): void {
    if (this.#transaction) this.#transaction.began = true;
  }

  /** Counts rows of the open transaction as read, whatever became of them. */
  rowsRead(rows: number): void {
    if (this.#transaction) this.#transaction.rows += rows;
  }

  rotate(file: string, pos: number): void {
    this.#file = file;
    this.#pos = pos;
  }

  /**
   * Where the server says that it is. Servers before 8.0.26 give the low 32 bits of the place only,
   * so that in a file that has just been entered a place beyond 4 GiB is shown too low.
   */
  stand({ file, pos, isWhole }: LogPlace): void {
    if (isWhole || file !== this.#file) this.rotate(file, pos);
    else this.advance(pos);
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
