import { SluiceError } from '../errors/error.ts';
import type { ByteReader } from './byte-reader.ts';
import { type ColumnLayout, TYPE } from './column-layout.ts';

/** What binlog_row_metadata adds to a table map. Maps and sets are by column index. */
export interface OptionalMetadata {
  readonly unsigned: ReadonlySet<number>;
  /** One per column with FULL; `undefined` with less. */
  readonly names: readonly string[] | undefined;
  readonly collations: ReadonlyMap<number, number>;
  /** Bytes of each member of an ENUM or SET, in the column's charset. */
  readonly members: ReadonlyMap<number, readonly Buffer[]>;
  /** Columns of the primary key, in its order. */
  readonly key: readonly number[];
}

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

const NUMERIC: ReadonlySet<number> = new Set([
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
const CHARACTER: ReadonlySet<number> = new Set([TYPE.varchar, TYPE.string, TYPE.blob]);

function indexesWhere(
  columns: readonly ColumnLayout[],
  wanted: (type: number) => boolean,
): readonly number[] {
  return columns.flatMap(({ type }, index) => (wanted(type) ? [index] : []));
}

/**
 * Reads { type1 length lenenc value }* up to the end. Fields that are not needed (geometry types,
 * visibility, vector dimensions) and unknown ones are passed over by their length.
 * @see libs/mysql/binlog/event/rows_event.h: Table_map_event::Optional_metadata_fields
 * @throws {SluiceError} `binlog.truncated`
 */
export function readOptionalMetadata(
  reader: ByteReader,
  columns: readonly ColumnLayout[],
): OptionalMetadata {
  const character = indexesWhere(columns, (type) => CHARACTER.has(type));
  const enums = indexesWhere(columns, (type) => type === TYPE.enum);
  const sets = indexesWhere(columns, (type) => type === TYPE.set);
  const enumsAndSets = indexesWhere(columns, (type) => type === TYPE.enum || type === TYPE.set);
  const collations = new Map<number, number>();
  const members = new Map<number, readonly Buffer[]>();
  let unsigned: ReadonlySet<number> = new Set();
  let names: readonly string[] | undefined;
  let key: readonly number[] = [];
  while (reader.left > 0) {
    const type = reader.u8();
    const value = reader.sub(reader.lengthEncoded());
    switch (type) {
      case FIELD.signedness:
        unsigned = readSignedness(value, columns);
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
        key = readKey(value, columns.length, false);
        break;
      case FIELD.prefixKey:
        key = readKey(value, columns.length, true);
        break;
      default:
        break;
    }
  }
  return { unsigned, names, collations, members, key };
}

/** One bit per numeric column, the first in the highest bit of the first byte. */
function readSignedness(value: ByteReader, columns: readonly ColumnLayout[]): ReadonlySet<number> {
  const numeric = indexesWhere(columns, (type) => NUMERIC.has(type));
  const bits = value.bytes((numeric.length + 7) >> 3);
  return new Set(numeric.filter((_, bit) => ((bits[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0));
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

/** count lenenc { length lenenc, bytes }* */
function readMembers(value: ByteReader): readonly Buffer[] {
  const members: Buffer[] = [];
  for (let left = value.lengthEncoded(); left > 0; left -= 1)
    members.push(value.lengthEncodedBytes());
  return members;
}

/** { column lenenc }*, each with the length of its prefix when the key has prefixes. */
function readKey(value: ByteReader, columns: number, hasPrefixes: boolean): readonly number[] {
  const key: number[] = [];
  while (value.left > 0) {
    const column = value.lengthEncoded();
    if (hasPrefixes) value.lengthEncoded();
    if (column >= columns)
      throw new SluiceError(
        'binlog.truncated',
        `A table map has ${columns} columns, and its key names number ${column}.`,
      );
    key.push(column);
  }
  return key;
}
