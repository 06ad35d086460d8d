import type { ColumnValue, RowValues } from '../change/column-value.ts';
import { SluiceError } from '../errors/error.ts';
import type { ByteReader } from './byte-reader.ts';
import { paired, skipValue, type ValueReader, valueReader } from './column-codec.ts';
import type { RowChange, RowsEvent, TableMap } from './event.ts';
import type { TableLayout } from './table-map.ts';

/** What a rows event needs of its table, made once per table map. */
export interface RowCodec {
  readonly table: TableLayout;
  readonly readers: readonly ValueReader[] | undefined;
}

export function rowCodec(table: TableLayout): RowCodec {
  const { database, table: name } = table.id;
  return {
    table,
    readers: table.schema?.columns.map((column, index) =>
      valueReader(paired(table.columns, index), column, `${database}.${name}.${column.name}`),
    ),
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
 * An update has two images per row. The reader keeps a view of the event: `read` and `count` are to
 * be called before the event's buffer is used again.
 */
export function decodeRows(
  op: RowsEvent['op'],
  version: 1 | 2,
  map: TableMap,
  codec: RowCodec,
  reader: ByteReader,
): RowsEvent {
  const flags = reader.u16();
  if (version === 2) reader.take(reader.u16() - 2);
  const columns = reader.lengthEncoded();
  if (columns !== codec.table.columns.length)
    throw new SluiceError(
      'binlog.truncated',
      `A rows event of ${map.id.database}.${map.id.table} has ${columns} columns, its table map ${codec.table.columns.length}.`,
    );
  const bitmapBytes = (columns + 7) >> 3;
  const first = presentColumns(reader.bytes(bitmapBytes), columns);
  const second = op === 'update' ? presentColumns(reader.bytes(bitmapBytes), columns) : undefined;
  const start = reader.at;
  return {
    kind: 'rows',
    op,
    table: map,
    endOfStatement: (flags & END_OF_STATEMENT) !== 0,
    count: () => {
      reader.at = start;
      let rows = 0;
      for (; reader.left > 0; rows += 1) {
        skipImage(reader, codec.table, first);
        if (second) skipImage(reader, codec.table, second);
      }
      return rows;
    },
    read: () => {
      reader.at = start;
      return readRows(op, codec, reader, first, second);
    },
  };
}

function presentColumns(bitmap: Buffer, columns: number): readonly number[] {
  const present: number[] = [];
  for (let index = 0; index < columns; index += 1)
    if (((bitmap[index >> 3] ?? 0) & (1 << (index & 7))) !== 0) present.push(index);
  return present;
}

function readRows(
  op: RowsEvent['op'],
  codec: RowCodec,
  reader: ByteReader,
  first: readonly number[],
  second: readonly number[] | undefined,
): readonly RowChange[] {
  const { readers, table } = codec;
  if (!readers)
    throw new SluiceError(
      'binlog.metadata-missing',
      `Rows of ${table.id.database}.${table.id.table} come without column names: binlog_row_metadata was not FULL when they were written.`,
    );
  const rows: RowChange[] = [];
  while (reader.left > 0) {
    const image = readImage(reader, readers, first);
    switch (op) {
      case 'insert':
        rows.push({ before: undefined, after: image });
        break;
      case 'delete':
        rows.push({ before: image, after: undefined });
        break;
      case 'update':
        rows.push({ before: image, after: readImage(reader, readers, second ?? first) });
        break;
    }
  }
  return rows;
}

function readImage(
  reader: ByteReader,
  readers: readonly ValueReader[],
  present: readonly number[],
): RowValues {
  const { buffer } = reader;
  const nulls = reader.take((present.length + 7) >> 3);
  const values = new Array<ColumnValue>(readers.length).fill(undefined);
  for (let bit = 0; bit < present.length; bit += 1) {
    const column = present[bit] ?? 0;
    const isNull = ((buffer[nulls + (bit >> 3)] ?? 0) & (1 << (bit & 7))) !== 0;
    values[column] = isNull ? null : paired(readers, column)(reader);
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
