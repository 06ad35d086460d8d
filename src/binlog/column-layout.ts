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
  varchar: 15,
  bit: 16,
  timestamp2: 17,
  datetime2: 18,
  time2: 19,
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
 * Reads the metadata of one column: 0 to 2 bytes, by type.
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
 */
export function readLayout(type: number, meta: ByteReader): ColumnLayout {
  const layout = (width: number, size: number, scale = 0, real = type): ColumnLayout => ({
    type: real,
    width,
    size,
    scale,
  });
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
      return layout(0, 0);
    case TYPE.float:
    case TYPE.double:
      return layout(meta.u8(), 0);
    case TYPE.timestamp2:
    case TYPE.datetime2:
    case TYPE.time2:
      return layout(0, meta.u8());
    case TYPE.newdecimal: {
      const precision = meta.u8();
      return layout(0, precision, meta.u8());
    }
    case TYPE.bit: {
      const odd = meta.u8();
      const whole = meta.u8();
      return layout(whole + (odd > 0 ? 1 : 0), whole * 8 + odd);
    }
    case TYPE.varchar:
    case TYPE.varString: {
      const length = meta.u16();
      return layout(length > 255 ? 2 : 1, length, 0, TYPE.varchar);
    }
    case TYPE.tinyBlob:
    case TYPE.mediumBlob:
    case TYPE.longBlob:
    case TYPE.blob:
      return layout(meta.u8(), 0, 0, TYPE.blob);
    case TYPE.json:
    case TYPE.geometry:
    case TYPE.vector:
      return layout(meta.u8(), 0);
    case TYPE.string:
    case TYPE.enum:
    case TYPE.set:
      return readStringLayout(meta);
    default:
      throw new SluiceError(
        'binlog.unsupported',
        `The log holds a column of type code ${type}, which this version does not read.`,
      );
  }
}

function readStringLayout(meta: ByteReader): ColumnLayout {
  const first = meta.u8();
  const second = meta.u8();
  if ((first & 0x30) !== 0x30) {
    const size = second | (((first & 0x30) ^ 0x30) << 4);
    return { type: TYPE.string, width: size > 255 ? 2 : 1, size, scale: 0 };
  }
  if (first === TYPE.enum || first === TYPE.set)
    return { type: first, width: second, size: 0, scale: 0 };
  return { type: TYPE.string, width: second > 255 ? 2 : 1, size: second, scale: 0 };
}
