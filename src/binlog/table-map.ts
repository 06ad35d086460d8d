import type { Column, ColumnType, TableId, TableSchema } from '../change/table.ts';
import { InvariantBroken } from '../errors/error.ts';
import { ByteReader } from './byte-reader.ts';
import { charsetOfCollation } from './collations.ts';
import { type ColumnLayout, readLayout, TYPE } from './column-layout.ts';
import { textDecoding } from './values/text.ts';

/** A table map without its table id: equal for equal body bytes. */
export interface TableLayout {
  readonly id: TableId;
  readonly columns: readonly ColumnLayout[];
  /** `undefined` without FULL metadata. */
  readonly schema: TableSchema | undefined;
}

const BINARY_COLLATION = 63;

/**
 * Decodes the body of a TABLE_MAP from behind the table id and flags.
 *
 * ```
 * database: length1 text 0   table: length1 text 0
 * columns lenenc   type1 × columns   metadata lenenc-bytes   null bitmap
 * optional metadata: { type1 length lenenc value }*
 * ```
 * @see libs/mysql/binlog/event/rows_event.h: Table_map_event
 */
export function decodeTableMap(reader: ByteReader): TableLayout {
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
  const optional = readOptional(reader, columns);
  const id = { database, table };
  return { id, columns, schema: schemaOf(id, columns, nulls, optional) };
}

interface Optional {
  readonly unsigned: ReadonlySet<number>;
  readonly names: readonly string[] | undefined;
  /** By column index. */
  readonly collations: ReadonlyMap<number, number>;
  readonly members: ReadonlyMap<number, readonly Buffer[]>;
  readonly key: readonly number[];
}

const indexesWhere = (
  columns: readonly ColumnLayout[],
  wanted: (type: number) => boolean,
): readonly number[] => columns.flatMap(({ type }, index) => (wanted(type) ? [index] : []));

const NUMERIC = new Set<number>([
  TYPE.tiny,
  TYPE.short,
  TYPE.int24,
  TYPE.long,
  TYPE.longlong,
  TYPE.newdecimal,
  TYPE.float,
  TYPE.double,
  TYPE.year,
]);
const CHARACTER = new Set<number>([TYPE.varchar, TYPE.string, TYPE.blob]);

const FIELD = {
  signedness: 1,
  defaultCharset: 2,
  columnCharset: 3,
  names: 4,
  setMembers: 5,
  enumMembers: 6,
  simpleKey: 8,
  prefixKey: 9,
  enumSetDefaultCharset: 10,
  enumSetColumnCharset: 11,
} as const;

/** The fields a server writes with binlog_row_metadata=FULL; unknown ones are passed over by length. */
function readOptional(reader: ByteReader, columns: readonly ColumnLayout[]): Optional {
  const numeric = indexesWhere(columns, (type) => NUMERIC.has(type));
  const character = indexesWhere(columns, (type) => CHARACTER.has(type));
  const enums = indexesWhere(columns, (type) => type === TYPE.enum);
  const sets = indexesWhere(columns, (type) => type === TYPE.set);
  const enumsAndSets = indexesWhere(columns, (type) => type === TYPE.enum || type === TYPE.set);
  const unsigned = new Set<number>();
  const collations = new Map<number, number>();
  const members = new Map<number, readonly Buffer[]>();
  let names: string[] | undefined;
  let key: readonly number[] = [];
  while (reader.left > 0) {
    const type = reader.u8();
    const value = reader.sub(reader.lengthEncoded());
    switch (type) {
      case FIELD.signedness:
        numeric.forEach((column, bit) => {
          const byte = value.buffer[value.at + (bit >> 3)] ?? 0;
          if ((byte & (0x80 >> (bit & 7))) !== 0) unsigned.add(column);
        });
        break;
      case FIELD.defaultCharset:
        readDefaultCollations(value, character, collations);
        break;
      case FIELD.columnCharset:
        for (const column of character) collations.set(column, value.lengthEncoded());
        break;
      case FIELD.enumSetDefaultCharset:
        readDefaultCollations(value, enumsAndSets, collations);
        break;
      case FIELD.enumSetColumnCharset:
        for (const column of enumsAndSets) collations.set(column, value.lengthEncoded());
        break;
      case FIELD.names:
        names = columns.map(() => value.utf8(value.lengthEncoded()));
        break;
      case FIELD.setMembers:
        for (const column of sets) members.set(column, readMembers(value));
        break;
      case FIELD.enumMembers:
        for (const column of enums) members.set(column, readMembers(value));
        break;
      case FIELD.simpleKey:
        key = readAll(value, () => value.lengthEncoded());
        break;
      case FIELD.prefixKey:
        key = readAll(value, () => {
          const column = value.lengthEncoded();
          value.lengthEncoded();
          return column;
        });
        break;
      default:
        break;
    }
  }
  return { unsigned, names, collations, members, key };
}

function readAll<Item>(value: ByteReader, read: () => Item): readonly Item[] {
  const items: Item[] = [];
  while (value.left > 0) items.push(read());
  return items;
}

/** One collation for all, then (index among these columns, collation) for the exceptions. */
function readDefaultCollations(
  value: ByteReader,
  columns: readonly number[],
  collations: Map<number, number>,
): void {
  const common = value.lengthEncoded();
  for (const column of columns) collations.set(column, common);
  while (value.left > 0) {
    const column = columns[value.lengthEncoded()];
    const collation = value.lengthEncoded();
    if (column !== undefined) collations.set(column, collation);
  }
}

function readMembers(value: ByteReader): readonly Buffer[] {
  return Array.from({ length: value.lengthEncoded() }, () => value.lengthEncodedBytes());
}

function schemaOf(
  id: TableId,
  layouts: readonly ColumnLayout[],
  nulls: Buffer,
  optional: Optional,
): TableSchema | undefined {
  const { names, key } = optional;
  if (!names) return undefined;
  const columns = layouts.map((layout, index): Column => {
    const name = names[index] ?? '';
    return {
      name,
      type: columnType(layout, index, `${id.database}.${id.table}.${name}`, optional),
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
  { unsigned, collations, members }: Optional,
): ColumnType {
  const bytes = INTEGER_BYTES.get(type);
  if (bytes !== undefined) return { kind: 'integer', bytes, unsigned: unsigned.has(index) };
  const collation = collations.get(index) ?? BINARY_COLLATION;
  const charset = charsetOfCollation(collation);
  const texts = (): readonly string[] => {
    const decode = textDecoding(charset === 'binary' ? 'latin1' : charset, column);
    return (members.get(index) ?? []).map((bytes_) => decode(bytes_, 0, bytes_.length));
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
      return charset === 'binary' ? { kind: 'binary', fixedBytes: 0 } : { kind: 'text', charset };
    case TYPE.string:
      return charset === 'binary'
        ? { kind: 'binary', fixedBytes: size }
        : { kind: 'text', charset };
    case TYPE.enum:
      return { kind: 'enum', members: texts() };
    case TYPE.set:
      return { kind: 'set', members: texts() };
    case TYPE.json:
      return { kind: 'json' };
    case TYPE.geometry:
      return { kind: 'geometry' };
    case TYPE.vector:
      return { kind: 'vector' };
    default:
      throw new InvariantBroken(`column type code ${type} has a layout but no meaning`);
  }
}
