import { newSpan } from '../binlog/image-frame.ts';
import { JsonBytes } from '../binlog/json-bytes.ts';
import type { EncodedImage, EncodedRow, InvalidText } from '../change/encoded-row.ts';
import type { ChunkRows } from '../snapshot/chunk-reader.ts';
import type { RawRow } from './connection.ts';
import type { TextRowWriter } from './text-row-writer.ts';

/** A chunk of 8 MiB fits, however it grew there. */
const LARGEST_KEPT_BYTES = 1 << 24;

/** The rows of one chunk as JSON, one behind the other in a buffer that the next chunk uses again. */
export class ChunkBytes implements ChunkRows {
  readonly #out = new JsonBytes(LARGEST_KEPT_BYTES);
  readonly #span = newSpan();
  /** Two per row: where it starts and where its key does. A key ends where the next row starts. */
  #starts = new Float64Array(0);
  #length = 0;
  #notedBytes = 0;
  /** By row: what stands for texts that are none. */
  readonly #invalid = new Map<number, readonly InvalidText[]>();
  readonly #row: { bytes: Buffer; readonly before: undefined; readonly after: EncodedImage } = {
    bytes: this.#out.bytes,
    before: undefined,
    after: this.#span,
  };

  get length(): number {
    return this.#length;
  }

  /** Of rows and keys together, and of what is noted of their texts. */
  get bytes(): number {
    return this.#out.at + this.#notedBytes;
  }

  /** Begins again, for at most so many rows. */
  clear(maxRows: number): void {
    this.#out.clear();
    this.#length = 0;
    this.#notedBytes = 0;
    this.#invalid.clear();
    if (this.#starts.length < 2 * maxRows) this.#starts = new Float64Array(2 * maxRows);
  }

  add(row: RawRow, writer: TextRowWriter): void {
    const span = this.#span;
    writer.write(row, this.#out, span);
    this.#starts[2 * this.#length] = span.start;
    this.#starts[2 * this.#length + 1] = span.keyStart;
    if (span.invalid) this.#note(span.invalid);
    this.#length += 1;
  }

  #note(texts: readonly InvalidText[]): void {
    this.#invalid.set(this.#length, texts);
    for (const text of texts) if (text.done === 'replaced') this.#notedBytes += text.was.length;
  }

  at(index: number): EncodedRow {
    const span = this.#span;
    const starts = this.#starts;
    span.start = starts[2 * index] ?? 0;
    span.end = starts[2 * index + 1] ?? 0;
    span.keyStart = span.end;
    span.keyEnd = index + 1 < this.#length ? (starts[2 * index + 2] ?? 0) : this.#out.at;
    span.invalid = this.#invalid.size === 0 ? undefined : this.#invalid.get(index);
    this.#row.bytes = this.#out.bytes;
    return this.#row;
  }
}
