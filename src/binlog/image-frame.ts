import type { InvalidText } from '../change/encoded-row.ts';
import type { TableSchema } from '../change/table.ts';
import { InvariantBroken } from '../errors/error.ts';
import { paired } from './column-codec.ts';
import type { JsonBytes } from './json-bytes.ts';

/** Where an image was written; used again for the next row. */
export interface ImageSpan {
  start: number;
  end: number;
  keyStart: number;
  keyEnd: number;
  invalid: readonly InvalidText[] | undefined;
}

export function newSpan(): ImageSpan {
  return { start: 0, end: 0, keyStart: -1, keyEnd: -1, invalid: undefined };
}

/** Room for any value that does not ask for its own: a DECIMAL(65,30) in quotes is the longest. */
const VALUE_ROOM = 72;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** What stands for a column without a value. */
export const NULL = Buffer.from('null');

/**
 * What all images of one table with one set of present columns share: prepared bytes for column
 * names with their punctuation, and the key, which is put together from the values just written.
 */
export class ImageFrame {
  /** Per present column: `{"name":` or `,"name":`. */
  readonly names: readonly Buffer[];
  /** Start and end of each value of the row at hand; whoever writes the values fills them in. */
  readonly values: Uint32Array;
  /** Per key column: its name likewise, and its place among the present columns. */
  readonly #keyNames: readonly Buffer[];
  readonly #keyPlaces: readonly number[];
  readonly #room: number;
  readonly #schema: TableSchema;

  /** @param present  indexes of the columns that the images hold, ascending */
  constructor(schema: TableSchema, present: readonly number[]) {
    const prefix = (column: number, index: number): Buffer =>
      Buffer.from(
        `${index === 0 ? '{' : ','}${JSON.stringify(paired(schema.columns, column).name)}:`,
      );
    this.#schema = schema;
    this.names = present.map(prefix);
    this.values = new Uint32Array(2 * present.length);
    this.#keyNames = schema.key.map(prefix);
    this.#keyPlaces = schema.key.map((column) => present.indexOf(column));
    this.#room = 4 + this.nameBytes + VALUE_ROOM * present.length;
  }

  /** Of the names in an image and its key. */
  get nameBytes(): number {
    return [...this.names, ...this.#keyNames].reduce((total, { length }) => total + length, 0);
  }

  /** Makes room for everything of bounded size. */
  open(out: JsonBytes, span: ImageSpan): void {
    out.reserved = this.#room;
    out.ensure(this.#room);
    span.start = out.at;
    if (this.names.length === 0) out.byte(OPEN);
  }

  /** @throws {InvariantBroken} when the image lacks a key column */
  close(out: JsonBytes, span: ImageSpan): void {
    out.byte(CLOSE);
    span.end = out.at;
    // Neither is there nearly always.
    if (span.invalid !== out.invalid) {
      span.invalid = out.invalid;
      out.invalid = undefined;
    }
    if (this.#keyNames.length > 0) this.#writeKey(out, span);
  }

  #writeKey(out: JsonBytes, span: ImageSpan): void {
    const { values } = this;
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
