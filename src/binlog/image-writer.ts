import type { TableSchema } from '../change/table.ts';
import type { ByteReader } from './byte-reader.ts';
import { type ColumnCodec, paired, type ValueWriter } from './column-codec.ts';
import { ImageFrame, type ImageSpan, NULL } from './image-frame.ts';
import type { JsonBytes } from './json-bytes.ts';

/**
 * Writes row images of one table with one set of present columns as JSON objects, in one pass over
 * the image: each value goes from the event's bytes to its JSON.
 */
export class ImageWriter {
  readonly #frame: ImageFrame;
  readonly #writers: readonly ValueWriter[];

  /** @param present  indexes of the columns that the images hold, ascending */
  constructor(schema: TableSchema, columns: readonly ColumnCodec[], present: readonly number[]) {
    this.#frame = new ImageFrame(schema, present);
    this.#writers = present.map((column) => paired(columns, column).write);
  }

  /**
   * @throws {SluiceError} `binlog.truncated` | `binlog.unsupported`
   * @throws {InvariantBroken} when the image lacks a key column
   */
  write(reader: ByteReader, out: JsonBytes, span: ImageSpan): void {
    const frame = this.#frame;
    const { names, values } = frame;
    const writers = this.#writers;
    const { buffer } = reader;
    frame.open(out, span);
    const nulls = reader.take((names.length + 7) >> 3);
    for (let place = 0; place < names.length; place += 1) {
      out.raw(paired(names, place));
      values[2 * place] = out.at;
      if (((buffer[nulls + (place >> 3)] ?? 0) & (1 << (place & 7))) !== 0) out.raw(NULL);
      else paired(writers, place)(reader, out);
      values[2 * place + 1] = out.at;
    }
    frame.close(out, span);
  }
}
