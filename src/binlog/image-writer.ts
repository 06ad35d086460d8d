import type { TableSchema } from '../change/table.ts';
import { InvariantBroken } from '../errors/error.ts';
import type { ByteReader } from './byte-reader.ts';
import { type ColumnCodec, paired, type ValueWriter } from './column-codec.ts';
import type { JsonBytes } from './json-bytes.ts';

/** Where an image was written; used again for the next row. */
export interface ImageSpan {
  start: number;
  end: number;
  keyStart: number;
  keyEnd: number;
}

export function newSpan(): ImageSpan {
  return { start: 0, end: 0, keyStart: -1, keyEnd: -1 };
}

/** Room for any value that does not ask for its own: a DECIMAL(65,30) in quotes is the longest. */
const VALUE_ROOM = 72;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const NULL = Buffer.from('null');

/**
 * Writes row images of one table with one set of present columns as JSON objects, in one pass over
 * the image: column names with their punctuation are prepared bytes, each value goes from the
 * event's bytes to its JSON, and the key is put together from the values just written.
 */
export class ImageWriter {
  /** Per present column: `{"name":` or `,"name":`. */
  readonly #names: readonly Buffer[];
  readonly #writers: readonly ValueWriter[];
  /** Per key column: its name likewise, and its place among the present columns. */
  readonly #keyNames: readonly Buffer[];
  readonly #keyPlaces: readonly number[];
  /** Start and end of each value of the row at hand. */
  readonly #values: Uint32Array;
  readonly #room: number;
  readonly #schema: TableSchema;

  /** @param present  indexes of the columns that the images hold, ascending */
  constructor(schema: TableSchema, columns: readonly ColumnCodec[], present: readonly number[]) {
    const prefix = (column: number, index: number): Buffer =>
      Buffer.from(
        `${index === 0 ? '{' : ','}${JSON.stringify(paired(schema.columns, column).name)}:`,
      );
    this.#schema = schema;
    this.#names = present.map(prefix);
    this.#writers = present.map((column) => paired(columns, column).write);
    this.#keyNames = schema.key.map(prefix);
    this.#keyPlaces = schema.key.map((column) => present.indexOf(column));
    this.#values = new Uint32Array(2 * present.length);
    const sum = (buffers: readonly Buffer[]): number =>
      buffers.reduce((total, { length }) => total + length, 0);
    this.#room = 4 + sum(this.#names) + VALUE_ROOM * present.length + sum(this.#keyNames);
  }

  /**
   * @throws {SluiceError} `binlog.truncated` | `binlog.unsupported`
   * @throws {InvariantBroken} when the image lacks a key column
   */
  write(reader: ByteReader, out: JsonBytes, span: ImageSpan): void {
    out.reserved = this.#room;
    out.ensure(this.#room);
    const { buffer } = reader;
    const names = this.#names;
    const writers = this.#writers;
    const values = this.#values;
    const nulls = reader.take((names.length + 7) >> 3);
    span.start = out.at;
    if (names.length === 0) out.byte(OPEN);
    for (let place = 0; place < names.length; place += 1) {
      out.raw(paired(names, place));
      values[2 * place] = out.at;
      if (((buffer[nulls + (place >> 3)] ?? 0) & (1 << (place & 7))) !== 0) out.raw(NULL);
      else paired(writers, place)(reader, out);
      values[2 * place + 1] = out.at;
    }
    out.byte(CLOSE);
    span.end = out.at;
    if (this.#keyNames.length > 0) this.#writeKey(out, span);
  }

  #writeKey(out: JsonBytes, span: ImageSpan): void {
    const values = this.#values;
    out.ensure(span.end - span.start + this.#room);
    span.keyStart = out.at;
    for (let index = 0; index < this.#keyNames.length; index += 1) {
      const place = this.#keyPlaces[index] ?? -1;
      if (place < 0) throw this.#keyless();
      out.raw(paired(this.#keyNames, index));
      out.repeat(values[2 * place] ?? 0, values[2 * place + 1] ?? 0);
    }
    out.byte(CLOSE);
    span.keyEnd = out.at;
  }

  #keyless(): InvariantBroken {
    const { database, table } = this.#schema.id;
    return new InvariantBroken(`row of ${database}.${table} lacks a key column`);
  }
}
