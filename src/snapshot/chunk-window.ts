import type { EncodedRow } from '../change/encoded-row.ts';
import type { ChunkRows } from './chunk-reader.ts';

/** A place in the log files of one server. */
interface LogPosition {
  readonly file: string;
  readonly pos: number;
}

/**
 * Which rows of one chunk may still be emitted.
 *
 * ```
 *   barrier taken      SELECT        end of log read      stream passes it
 *        |---------------|------------------|--------------------|
 *        open, keys of streamed rows are gathered                ready: the other rows are emitted
 * ```
 * What the stream showed before the barrier, the SELECT has seen. What it shows inside the window may
 * be newer or older than the SELECT; the stream's own record of it stands, and the chunk's row is
 * dropped. What comes behind the window is newer than the chunk and is emitted after it.
 */
export class ChunkWindow {
  readonly #touched = new Set<string>();
  #high: LogPosition | undefined;
  #invalid = false;

  /** A row with this record key came by on the stream; both keys when a key changed. */
  touch(keyText: string): void {
    this.#touched.add(keyText);
  }

  /** The table changed in a way that no key tells: the chunk must be read again. */
  invalidate(): void {
    this.#invalid = true;
  }

  get invalid(): boolean {
    return this.#invalid;
  }

  /** The chunk has been read; `high` is the end of the log after its SELECT. */
  settle(high: LogPosition): void {
    this.#high = high;
  }

  /** Whether the stream, between two transactions, has passed everything the SELECT may have seen. */
  ready(stream: LogPosition): boolean {
    return this.#high !== undefined && comparePositions(stream, this.#high) >= 0;
  }

  /** Keys become texts only when the stream has shown one to compare them with. */
  surviving(rows: ChunkRows): ChunkRows {
    if (this.#touched.size === 0) return rows;
    const indexes: number[] = [];
    for (let index = 0; index < rows.length; index += 1)
      if (!this.#touched.has(keyTextOf(rows.at(index)))) indexes.push(index);
    return { length: indexes.length, at: (place) => rows.at(indexes[place] ?? -1) };
  }
}

function keyTextOf({ bytes, after }: EncodedRow): string {
  return after && after.keyStart >= 0 ? bytes.toString('utf8', after.keyStart, after.keyEnd) : '';
}

/** Files of one server are numbered upwards; the number may outgrow its zero padding. */
function comparePositions(a: LogPosition, b: LogPosition): number {
  return fileNumber(a.file) - fileNumber(b.file) || a.pos - b.pos;
}

function fileNumber(file: string): number {
  return Number(/\.(\d+)$/.exec(file)?.[1] ?? 0);
}
