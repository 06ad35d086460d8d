import type { EncodedRow } from '../change/encoded-row.ts';
import type { Gtid, GtidSetText } from '../change/gtid.ts';
import { formatGtidSet, type GtidSet, parseGtidSet } from '../change/gtid-set.ts';
import type { Chunk, ChunkRows } from './chunk-reader.ts';

/** How far the stream is, as a window has to know it. */
export interface StreamedLog {
  /** Grows with every transaction. */
  readonly commitOrdinal: number;
  /** Whether the transaction has been read completely. */
  hasRead(gtid: Gtid): boolean;
  /** What of the set has not been read completely. */
  unread(set: GtidSet): GtidSet;
}

/** What the keys of one window may take, as texts in a set. */
const MAX_TOUCHED_BYTES = 16 << 20;
/** Of each key, for its string and its place in the set. */
const KEY_OVERHEAD_BYTES = 64;

/**
 * The most that one look at the stream adds to the time it has stood still: when nobody came to look,
 * the stream was held up on this side and says nothing of the log.
 */
const MAX_LOOK_MS = 1_000;

/**
 * Which rows of one chunk may still be emitted.
 *
 * ```
 *   barrier taken      SELECT        executed set read     stream has read it
 *        |---------------|------------------|--------------------|
 *        open, keys of streamed rows are gathered                ready: the other rows are emitted
 * ```
 * What the stream showed before the barrier, the SELECT has seen. What it shows inside the window may
 * be newer or older than the SELECT; the stream's own record of it stands, and the chunk's row is
 * dropped. What comes behind the window is newer than the chunk and is emitted after it.
 */
export class ChunkWindow {
  readonly #touched = new Set<string>();
  #touchedBytes = 0;
  readonly #maxTouchedBytes: number;
  #rows: ChunkRows | undefined;
  /** Keys of the chunk, made when the others become too many: from then on no other is kept. */
  #keys: ReadonlySet<string> | undefined;
  #invalid = false;
  #overflowed = false;
  #awaited: Awaited | undefined;

  constructor(maxTouchedBytes = MAX_TOUCHED_BYTES) {
    this.#maxTouchedBytes = maxTouchedBytes;
  }

  /** A row with this record key came by on the stream; both keys when a key changed. */
  touch(keyText: string): void {
    if (this.#invalid || this.#touched.has(keyText)) return;
    if (this.#keys) {
      if (this.#keys.has(keyText)) this.#touched.add(keyText);
      return;
    }
    this.#touched.add(keyText);
    this.#touchedBytes += KEY_OVERHEAD_BYTES + keyText.length;
    if (this.#touchedBytes > this.#maxTouchedBytes) this.#narrow();
  }

  /** Keys that no row of the chunk has are of no use; before it is read, nobody knows which. */
  #narrow(): void {
    if (!this.#rows) {
      this.#overflowed = true;
      this.invalidate();
      return;
    }
    const keys = new Set(keyTexts(this.#rows));
    for (const key of this.#touched) if (!keys.has(key)) this.#touched.delete(key);
    this.#keys = keys;
  }

  /** The table changed in a way that no key tells: the chunk must be read again. */
  invalidate(): void {
    this.#invalid = true;
    this.#touched.clear();
  }

  get invalid(): boolean {
    return this.#invalid;
  }

  /** The stream has shown more keys than are kept while the chunk was being read: it is invalid. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** The chunk has been read. */
  settle({ rows, high, purged }: Pick<Chunk, 'rows' | 'high' | 'purged'>): void {
    this.#rows = rows;
    this.#awaited = new Awaited(parseGtidSet(high), parseGtidSet(purged));
  }

  /** Whether the stream, between two transactions, has read everything the SELECT may have seen. */
  ready(stream: StreamedLog, nowMs: number): boolean {
    return this.#awaited?.hasCome(stream, nowMs) ?? false;
  }

  /** What the SELECT may have seen and the stream has not shown for so long. */
  overdue(afterMs: number): GtidSetText | undefined {
    return this.#awaited?.overdue(afterMs);
  }

  /** Keys become texts only when the stream has shown one to compare them with. */
  surviving(rows: ChunkRows): ChunkRows {
    if (this.#touched.size === 0) return rows;
    const indexes: number[] = [];
    let index = 0;
    for (const key of keyTexts(rows)) {
      if (!this.#touched.has(key)) indexes.push(index);
      index += 1;
    }
    return { length: indexes.length, at: (place) => rows.at(indexes[place] ?? -1) };
  }
}

/**
 * The transactions that the stream has yet to read.
 *
 * The set is looked at when one of them has come, the newest of a source, which mostly is the last:
 * until then a look costs one comparison, and there is one for every transaction of the stream.
 */
class Awaited {
  #missing: GtidSet;
  readonly #purged: GtidSet;
  #next: Gtid | undefined;
  /** All that is missing is in no file of the log any more. */
  #isPurged = false;
  #ordinal = -1;
  #lookedAtMs: number | undefined;
  #stoodStillMs = 0;

  constructor(missing: GtidSet, purged: GtidSet) {
    this.#missing = missing;
    this.#purged = purged;
  }

  hasCome(stream: StreamedLog, nowMs: number): boolean {
    if (this.#missing.isEmpty) return true;
    if (this.#next === undefined || stream.hasRead(this.#next)) {
      this.#missing = stream.unread(this.#missing);
      if (this.#missing.isEmpty) return true;
      const kept = this.#missing.subtract(this.#purged);
      this.#isPurged = kept.isEmpty;
      this.#next = (kept.isEmpty ? this.#missing : kept).newest;
      this.#stoodStillMs = 0;
    }
    this.#measure(stream, nowMs);
    return false;
  }

  overdue(afterMs: number): GtidSetText | undefined {
    return this.#stoodStillMs > afterMs ? formatGtidSet(this.#missing) : undefined;
  }

  /** As long as the log goes on, what is in a file of it may still come; what is in none may not. */
  #measure({ commitOrdinal }: StreamedLog, nowMs: number): void {
    const goesOn = commitOrdinal !== this.#ordinal && !this.#isPurged;
    const sinceMs = Math.min(nowMs - (this.#lookedAtMs ?? nowMs), MAX_LOOK_MS);
    this.#stoodStillMs = goesOn ? 0 : this.#stoodStillMs + sinceMs;
    this.#ordinal = commitOrdinal;
    this.#lookedAtMs = nowMs;
  }
}

function* keyTexts(rows: ChunkRows): Generator<string, void, undefined> {
  for (let index = 0; index < rows.length; index += 1) yield keyTextOf(rows.at(index));
}

function keyTextOf({ bytes, after }: EncodedRow): string {
  return after && after.keyStart >= 0 ? bytes.toString('utf8', after.keyStart, after.keyEnd) : '';
}
