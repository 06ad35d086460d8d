import { SluiceError } from '../errors/error.ts';
import type { ByteReader } from './byte-reader.ts';

/** Type codes of columns in a TABLE_MAP. @see include/field_types.h */
export const TYPE = {
  tiny: 1,
  short: 2,
  long: 3,
  float: 4,
  double: 5,
  timestamp: 7,
  longlong: 8,
  int24: 9,
  date: 10,
  time: 11,
  datetime: 12,
  year: 13,
  newdate: 14,
  varchar: 15,
  bit: 16,
  timestamp2: 17,
  datetime2: 18,
  time2: 19,
  typedArray: 20,
  vector: 242,
  json: 245,
  newdecimal: 246,
  enum: 247,
  set: 248,
  tinyBlob: 249,
  mediumBlob: 250,
  longBlob: 251,
  blob: 252,
  varString: 253,
  string: 254,
  geometry: 255,
} as const;

/** How one column is packed in rows: its real type, and the numbers its metadata gives. */
export interface ColumnLayout {
  readonly type: number;
  /** Bytes of a length prefix, of an ENUM or SET, of a BIT; 0 where the type needs none. */
  readonly width: number;
  /** Longest value in bytes (strings), precision (decimal), bits (BIT), fraction digits (times). */
  readonly size: number;
  /** Scale of a decimal. */
  readonly scale: number;
}

/**
 * Reads the metadata of one column: 0 to 4 bytes, by type.
 *
 * | type | metadata |
 * | --- | --- |
 * | STRING | real type, length; the length's bits 8 and 9 are inverted inside the type |
 * | VARCHAR, VAR_STRING | length2 |
 * | BIT | bits beyond whole bytes, whole bytes |
 * | NEWDECIMAL | precision, scale |
 * | BLOB, JSON, GEOMETRY, VECTOR | bytes of the length prefix |
 * | TIME2, DATETIME2, TIMESTAMP2 | fraction digits |
 * | FLOAT, DOUBLE | pack length |
 * | TYPED_ARRAY | type of its elements, their metadata (VARCHAR: length3) |
 *
 * @see sql/rpl_utility.cc: read_field_metadata
 * @throws {SluiceError} `binlog.unsupported` for a type unknown here | `binlog.truncated`
 */
export function readLayout(type: number, meta: ByteReader): ColumnLayout {
  switch (type) {
    case TYPE.tiny:
    case TYPE.short:
    case TYPE.int24:
    case TYPE.long:
    case TYPE.longlong:
    case TYPE.date:
    case TYPE.year:
    case TYPE.time:
    case TYPE.datetime:
    case TYPE.timestamp:
      return { type, width: 0, size: 0, scale: 0 };
    case TYPE.float:
    case TYPE.double: {
      const width = type === TYPE.float ? 4 : 8;
      return { type, width: checked(meta.u8(), width, width), size: 0, scale: 0 };
    }
    case TYPE.timestamp2:
    case TYPE.datetime2:
    case TYPE.time2:
      return { type, width: 0, size: checked(meta.u8(), 0, 6), scale: 0 };
    case TYPE.newdecimal: {
      const size = checked(meta.u8(), 1, 65);
      return { type, width: 0, size, scale: checked(meta.u8(), 0, size) };
    }
    case TYPE.bit: {
      const odd = checked(meta.u8(), 0, 7);
      const whole = checked(meta.u8(), 0, 8);
      return { type, width: whole + (odd > 0 ? 1 : 0), size: whole * 8 + odd, scale: 0 };
    }
    case TYPE.varchar:
    case TYPE.varString:
      return stringLayout(TYPE.varchar, meta.u16());
    case TYPE.tinyBlob:
    case TYPE.mediumBlob:
    case TYPE.longBlob:
    case TYPE.blob:
      return { type: TYPE.blob, width: checked(meta.u8(), 1, 4), size: 0, scale: 0 };
    case TYPE.json:
    case TYPE.geometry:
    case TYPE.vector:
      return { type, width: checked(meta.u8(), 1, 4), size: 0, scale: 0 };
    case TYPE.string:
    case TYPE.enum:
    case TYPE.set:
      return readStringLayout(meta);
    case TYPE.typedArray:
      return readArrayLayout(meta);
    default:
      throw unknownType(type);
  }
}

function readStringLayout(meta: ByteReader): ColumnLayout {
  const first = meta.u8();
  const second = meta.u8();
  if ((first & 0x30) !== 0x30)
    return stringLayout(TYPE.string, second | (((first & 0x30) ^ 0x30) << 4));
  if (first === TYPE.enum) return { type: first, width: checked(second, 1, 2), size: 0, scale: 0 };
  if (first === TYPE.set) return { type: first, width: checked(second, 1, 8), size: 0, scale: 0 };
  return stringLayout(TYPE.string, second);
}

function stringLayout(type: number, size: number): ColumnLayout {
  return { type, width: size > 255 ? 2 : 1, size, scale: 0 };
}

/**
 * The hidden column of a multi-valued index, which servers before 8.0.18 let into the log: a JSON
 * array with a length of 4 bytes, whatever its elements are.
 */
function readArrayLayout(meta: ByteReader): ColumnLayout {
  const element = meta.u8();
  if (element === TYPE.typedArray) throw unknownType(element);
  if (element === TYPE.varchar) meta.take(3);
  else if (element !== TYPE.newdate) readLayout(element, meta);
  return { type: TYPE.typedArray, width: 4, size: 0, scale: 0 };
}

function checked(value: number, least: number, most: number): number {
  if (value < least || value > most)
    throw new SluiceError(
      'binlog.truncated',
      `A table map holds ${value} where ${least} to ${most} is possible; its bytes are damaged.`,
    );
  return value;
}

function unknownType(type: number): SluiceError {
  return new SluiceError(
    'binlog.unsupported',
    `The log holds a column of type code ${type}, which this version does not read.`,
    { facts: { type } },
  );
}
