import type { ColumnValue, RowValues } from '../change/column-value.ts';
import type { InvalidTextRule } from '../change/row-settings.ts';
import { SluiceError } from '../errors/error.ts';
import type { ByteReader } from './byte-reader.ts';
import { type ColumnCodec, columnCodec, paired } from './column-codec.ts';
import { EncodedRows } from './encoded-rows.ts';
import type { EventHeader, RowChange, RowsEvent, TableMap } from './event.ts';
import { ImageWriter } from './image-writer.ts';
import type { JsonBytes } from './json-bytes.ts';
import type { TableLayout } from './table-map.ts';
import { skipValue } from './value-size.ts';
import { tolerantColumn } from './values/text.ts';

/** What a rows event needs of its table, made once per table map. */
export interface RowCodec {
  readonly table: TableLayout;
  readonly columns: readonly ColumnCodec[] | undefined;
  /** Of full images. */
  readonly writer: ImageWriter | undefined;
  /** A row without values, copied for every row: cheaper than one that grows. */
  readonly blank: readonly undefined[];
  /** The columns of a full image. */
  readonly all: readonly number[];
}

export function rowCodec(table: TableLayout, invalidText: InvalidTextRule = 'stop'): RowCodec {
  const { schema } = table;
  const { database, table: name } = table.id;
  const all = table.columns.map((_, index) => index);
  const columns = schema?.columns.map((column, index) =>
    columnCodec(
      paired(table.columns, index),
      column,
      `${database}.${name}.${column.name}`,
      tolerantColumn(schema, index, invalidText),
    ),
  );
  return {
    table,
    columns,
    writer: schema && columns && new ImageWriter(schema, columns, all),
    blank: table.columns.map(() => undefined),
    all,
  };
}

const END_OF_STATEMENT = 1;

/**
 * Decodes a rows event from behind the table id, whose table map is known.
 *
 * ```
 * flags2   (version 2: extra length2, itself included, and extra)
 * columns lenenc   present bitmap   (update: second bitmap for the row after)
 * rows: { null bitmap over the present columns   value of each present column that is not NULL }*
 * ```
 * An update has two images per row. The event keeps a view of its bytes: `read` and `count` are to
 * be called before the buffer is used again.
 * @see libs/mysql/binlog/event/rows_event.h: Rows_event
 */
export function decodeRows(
  header: EventHeader,
  op: RowsEvent['op'],
  version: 1 | 2,
  map: TableMap,
  codec: RowCodec,
  reader: ByteReader,
): DecodedRows {
  const flags = reader.u16();
  if (version === 2) reader.take(reader.u16() - 2);
  const columns = reader.lengthEncoded();
  if (columns !== codec.all.length)
    throw new SluiceError(
      'binlog.truncated',
      `A rows event of ${map.id.database}.${map.id.table} has ${columns} columns, its table map ${codec.all.length}.`,
    );
  const first = presentColumns(reader, codec);
  const second = op === 'update' ? presentColumns(reader, codec) : undefined;
  const endOfStatement = (flags & END_OF_STATEMENT) !== 0;
  return new DecodedRows(header, op, map, endOfStatement, { codec, first, second, reader });
}

/** Indexes of the columns whose bit is set; `codec.all` itself for a full image. */
function presentColumns(reader: ByteReader, { all }: RowCodec): readonly number[] {
  const { buffer } = reader;
  const start = reader.take((all.length + 7) >> 3);
  const isPresent = (index: number): boolean =>
    ((buffer[start + (index >> 3)] ?? 0) & (1 << (index & 7))) !== 0;
  return all.every(isPresent) ? all : all.filter(isPresent);
}

interface Images {
  readonly codec: RowCodec;
  readonly first: readonly number[];
  /** Of the row after an update. */
  readonly second: readonly number[] | undefined;
  readonly reader: ByteReader;
}

class DecodedRows implements RowsEvent {
  readonly kind = 'rows';
  readonly header: EventHeader;
  readonly op: RowsEvent['op'];
  readonly table: TableMap;
  readonly endOfStatement: boolean;
  readonly #images: Images;
  readonly #start: number;

  constructor(
    header: EventHeader,
    op: RowsEvent['op'],
    table: TableMap,
    endOfStatement: boolean,
    images: Images,
  ) {
    this.header = header;
    this.op = op;
    this.table = table;
    this.endOfStatement = endOfStatement;
    this.#images = images;
    this.#start = images.reader.at;
  }

  /** Rows without any column take no bytes, so they count as none. */
  count(): number {
    const { codec, first, second, reader } = this.#images;
    reader.at = this.#start;
    if (first.length + (second?.length ?? 0) === 0) return 0;
    let rows = 0;
    for (; reader.left > 0; rows += 1) {
      skipImage(reader, codec.table, first);
      if (second) skipImage(reader, codec.table, second);
    }
    return rows;
  }

  get partial(): boolean {
    const { codec, first, second } = this.#images;
    return first !== codec.all || (second !== undefined && second !== codec.all);
  }

  encode(out: JsonBytes): EncodedRows {
    const { codec, first, second, reader } = this.#images;
    this.#begin();
    const writer = writerOf(codec, first);
    switch (this.op) {
      case 'insert':
        return new EncodedRows(reader, out, undefined, writer);
      case 'delete':
        return new EncodedRows(reader, out, writer, undefined);
      case 'update':
        return new EncodedRows(reader, out, writer, writerOf(codec, second ?? first));
    }
  }

  #begin(): void {
    const { codec, first, second, reader } = this.#images;
    if (!codec.columns) cannotRead(codec.table);
    if (first.length + (second?.length ?? 0) === 0) throw withoutColumns(codec.table);
    reader.at = this.#start;
  }

  read(): readonly RowChange[] {
    const { codec, first, second, reader } = this.#images;
    const readers = codec.columns ?? cannotRead(codec.table);
    this.#begin();
    const rows: RowChange[] = [];
    while (reader.left > 0) {
      const image = readImage(reader, readers, codec, first);
      switch (this.op) {
        case 'insert':
          rows.push({ before: undefined, after: image });
          break;
        case 'delete':
          rows.push({ before: image, after: undefined });
          break;
        case 'update':
          rows.push({ before: image, after: readImage(reader, readers, codec, second ?? first) });
          break;
      }
    }
    return rows;
  }
}

function writerOf(codec: RowCodec, present: readonly number[]): ImageWriter {
  const { writer, columns, table } = codec;
  if (!writer || !columns || !table.schema) return cannotRead(table);
  return present === codec.all ? writer : new ImageWriter(table.schema, columns, present);
}

function cannotRead({ id, unreadable }: TableLayout): never {
  if (unreadable) throw unreadable;
  throw new SluiceError(
    'binlog.metadata-missing',
    `Rows of ${id.database}.${id.table} come without column names: binlog_row_metadata was not FULL when they were written.`,
  );
}

/** A statement whose rows are all defaults, under MINIMAL: the log does not even say how many. */
function withoutColumns({ id }: TableLayout): SluiceError {
  return new SluiceError(
    'binlog.unsupported',
    `Rows of ${id.database}.${id.table} come without any column: binlog_row_image was not FULL when they were written.`,
  );
}

function readImage(
  reader: ByteReader,
  readers: readonly ColumnCodec[],
  codec: RowCodec,
  present: readonly number[],
): RowValues {
  const { buffer } = reader;
  const nulls = reader.take((present.length + 7) >> 3);
  const values: ColumnValue[] = codec.blank.slice();
  for (let bit = 0; bit < present.length; bit += 1) {
    const column = present[bit] ?? 0;
    const isNull = ((buffer[nulls + (bit >> 3)] ?? 0) & (1 << (bit & 7))) !== 0;
    values[column] = isNull ? null : paired(readers, column).read(reader);
  }
  return values;
}

function skipImage(reader: ByteReader, table: TableLayout, present: readonly number[]): void {
  const nulls = reader.take((present.length + 7) >> 3);
  for (let bit = 0; bit < present.length; bit += 1) {
    const isNull = ((reader.buffer[nulls + (bit >> 3)] ?? 0) & (1 << (bit & 7))) !== 0;
    if (!isNull) skipValue(paired(table.columns, present[bit] ?? 0), reader);
  }
}
