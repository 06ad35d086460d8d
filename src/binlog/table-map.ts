import type { Column, ColumnType, TableId, TableSchema } from '../change/table.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import { ByteReader } from './byte-reader.ts';
import { type ColumnLayout, readLayout, TYPE } from './column-layout.ts';
import { type OptionalMetadata, readOptionalMetadata } from './table-metadata.ts';
import { textDecoding } from './values/text.ts';

/** MySQL's name of a collation's charset. */
export type CharsetOf = (collationId: number) => string;

/** A table map without its table id: equal for equal body bytes. */
export interface TableLayout {
  readonly id: TableId;
  readonly columns: readonly ColumnLayout[];
  /** `undefined` without FULL metadata, or when `unreadable`. */
  readonly schema: TableSchema | undefined;
  /** Why the metadata that is there cannot be read; the rows can be counted all the same. */
  readonly unreadable: SluiceError | undefined;
}

/**
 * Decodes the body of a TABLE_MAP from behind the table id and flags.
 *
 * ```
 * database: length1 text 0   table: length1 text 0
 * columns lenenc   type1 × columns   metadata lenenc-bytes   null bitmap
 * optional metadata: { type1 length lenenc value }*
 * ```
 * @see libs/mysql/binlog/event/rows_event.h: Table_map_event
 * @throws {SluiceError} `binlog.truncated` | `binlog.unsupported` for a column type unknown here
 */
export function decodeTableMap(reader: ByteReader, charsetOf: CharsetOf): TableLayout {
  const database = reader.utf8(reader.u8());
  reader.take(1);
  const table = reader.utf8(reader.u8());
  reader.take(1);
  const count = reader.lengthEncoded();
  const types = reader.bytes(count);
  const metaBytes = reader.lengthEncodedBytes();
  const meta = new ByteReader(metaBytes, 0, metaBytes.length);
  const columns = Array.from(types, (type) => readLayout(type, meta));
  const nulls = reader.bytes((count + 7) >> 3);
  const optional = readOptionalMetadata(reader, columns);
  const id = { database, table };
  try {
    const schema = schemaOf(id, columns, nulls, optional, charsetOf);
    return { id, columns, schema, unreadable: undefined };
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return { id, columns, schema: undefined, unreadable: error };
  }
}

function schemaOf(
  id: TableId,
  layouts: readonly ColumnLayout[],
  nulls: Buffer,
  optional: OptionalMetadata,
  charsetOf: CharsetOf,
): TableSchema | undefined {
  const { names, key } = optional;
  if (!names) return undefined;
  const columns = layouts.map((layout, index): Column => {
    const name = names[index] ?? '';
    return {
      name,
      type: columnType(layout, index, `${id.database}.${id.table}.${name}`, optional, charsetOf),
      nullable: ((nulls[index >> 3] ?? 0) & (1 << (index & 7))) !== 0,
    };
  });
  return { id, columns, key };
}

const INTEGER_BYTES: ReadonlyMap<number, 1 | 2 | 3 | 4 | 8> = new Map([
  [TYPE.tiny, 1],
  [TYPE.short, 2],
  [TYPE.int24, 3],
  [TYPE.long, 4],
  [TYPE.longlong, 8],
]);

function columnType(
  { type, size, scale }: ColumnLayout,
  index: number,
  column: string,
  { unsigned, collations, members }: OptionalMetadata,
  charsetOf: CharsetOf,
): ColumnType {
  const bytes = INTEGER_BYTES.get(type);
  if (bytes !== undefined) return { kind: 'integer', bytes, unsigned: unsigned.has(index) };
  const charset = (): string => {
    const collation = collations.get(index);
    if (collation !== undefined) return charsetOf(collation);
    throw new SluiceError('binlog.truncated', `The metadata of ${column} lacks its charset.`);
  };
  switch (type) {
    case TYPE.newdecimal:
      return { kind: 'decimal', precision: size, scale };
    case TYPE.float:
      return { kind: 'float' };
    case TYPE.double:
      return { kind: 'double' };
    case TYPE.bit:
      return { kind: 'bit', bits: size };
    case TYPE.year:
      return { kind: 'year' };
    case TYPE.date:
      return { kind: 'date' };
    case TYPE.time:
    case TYPE.time2:
      return { kind: 'time', fractionDigits: size };
    case TYPE.datetime:
    case TYPE.datetime2:
      return { kind: 'datetime', fractionDigits: size };
    case TYPE.timestamp:
    case TYPE.timestamp2:
      return { kind: 'timestamp', fractionDigits: size };
    case TYPE.varchar:
    case TYPE.blob:
      return stringType(charset(), 0);
    case TYPE.string:
      return stringType(charset(), size);
    case TYPE.enum:
      return { kind: 'enum', members: memberTexts(members.get(index) ?? [], charset(), column) };
    case TYPE.set:
      return { kind: 'set', members: memberTexts(members.get(index) ?? [], charset(), column) };
    case TYPE.json:
    case TYPE.typedArray:
      return { kind: 'json' };
    case TYPE.geometry:
      return { kind: 'geometry' };
    case TYPE.vector:
      return { kind: 'vector' };
    default:
      throw new InvariantBroken(`column type code ${type} has a layout but no meaning`);
  }
}

function stringType(charset: string, fixedBytes: number): ColumnType {
  return charset === 'binary' ? { kind: 'binary', fixedBytes } : { kind: 'text', charset };
}

function memberTexts(
  members: readonly Buffer[],
  charset: string,
  column: string,
): readonly string[] {
  const decode = textDecoding(charset, column);
  return members.map((bytes) => decode(bytes, 0, bytes.length));
}
