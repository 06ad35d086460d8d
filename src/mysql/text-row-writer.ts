import { paired } from '../binlog/column-codec.ts';
import { ImageFrame, type ImageSpan, NULL } from '../binlog/image-frame.ts';
import type { JsonBytes } from '../binlog/json-bytes.ts';
import { tolerantColumn } from '../binlog/values/text.ts';
import type { InvalidTextRule } from '../change/row-settings.ts';
import type { TableSchema } from '../change/table.ts';
import type { RawRow } from './connection.ts';
import { type TextWriter, textWriter } from './text-values.ts';

/** Writes the rows of a text result as the log's images of the same rows are written. */
export class TextRowWriter {
  readonly #frame: ImageFrame;
  readonly #writers: readonly TextWriter[];

  constructor(schema: TableSchema, invalidText: InvalidTextRule = 'stop') {
    const { columns, id } = schema;
    this.#frame = new ImageFrame(
      schema,
      columns.map((_, index) => index),
    );
    this.#writers = columns.map((column, index) =>
      textWriter(
        column,
        `${id.database}.${id.table}.${column.name}`,
        tolerantColumn(schema, index, invalidText),
      ),
    );
  }

  /** What a row has beside its values. */
  get nameBytes(): number {
    return this.#frame.nameBytes;
  }

  /**
   * @param row  begins with the columns in their order
   * @throws {SluiceError} `binlog.unsupported`
   */
  write(row: RawRow, out: JsonBytes, span: ImageSpan): void {
    const frame = this.#frame;
    const { names, values } = frame;
    const writers = this.#writers;
    frame.open(out, span);
    for (let place = 0; place < names.length; place += 1) {
      out.raw(paired(names, place));
      values[2 * place] = out.at;
      const value = row[place];
      if (value) paired(writers, place)(value, 0, value.length, out);
      else out.raw(NULL);
      values[2 * place + 1] = out.at;
    }
    frame.close(out, span);
  }
}
