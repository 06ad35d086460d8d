import type { ColumnValue } from '../change/column-value.ts';
import type { Column } from '../change/table.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import type { ByteReader } from './byte-reader.ts';
import { type ColumnLayout, TYPE } from './column-layout.ts';
import { binaryValue, bitValue, floatValue, geometryValue, vectorValue } from './values/binary.ts';
import { decimalBytes, decodeDecimal } from './values/decimal.ts';
import { decodeJson } from './values/json.ts';
import {
  readDate,
  readDatetime2,
  readOldDatetime,
  readOldTime,
  readOldTimestamp,
  readTime2,
  readTimestamp2,
  readYear,
} from './values/temporal.ts';
import { textDecoding } from './values/text.ts';

/** Reads one value and moves the reader behind it. */
export type ValueReader = (reader: ByteReader) => ColumnValue;

/** Moves the reader behind one value; needs the layout only. */
export function skipValue({ type, width, size, scale }: ColumnLayout, reader: ByteReader): void {
  reader.take(valueBytes(type, width, size, scale, reader));
}

function valueBytes(
  type: number,
  width: number,
  size: number,
  scale: number,
  reader: ByteReader,
): number {
  switch (type) {
    case TYPE.tiny:
    case TYPE.year:
      return 1;
    case TYPE.short:
      return 2;
    case TYPE.int24:
    case TYPE.date:
    case TYPE.time:
      return 3;
    case TYPE.long:
    case TYPE.timestamp:
      return 4;
    case TYPE.longlong:
    case TYPE.datetime:
      return 8;
    case TYPE.time2:
      return 3 + ((size + 1) >> 1);
    case TYPE.timestamp2:
      return 4 + ((size + 1) >> 1);
    case TYPE.datetime2:
      return 5 + ((size + 1) >> 1);
    case TYPE.newdecimal:
      return decimalBytes(size, scale);
    case TYPE.float:
    case TYPE.double:
    case TYPE.bit:
    case TYPE.enum:
    case TYPE.set:
      return width;
    default:
      return prefixedLength(reader, width);
  }
}

/** The length before a string, blob, JSON or geometry value: 1 to 4 bytes. */
function prefixedLength(reader: ByteReader, width: number): number {
  switch (width) {
    case 1:
      return reader.u8();
    case 2:
      return reader.u16();
    case 3:
      return reader.u24();
    default:
      return reader.u32();
  }
}

/**
 * The reader of a column's values, chosen once per table map.
 *
 * @param owner  `database.table.column`, for the error of a value that cannot be read exactly
 */
export function valueReader(layout: ColumnLayout, column: Column, owner: string): ValueReader {
  const { width, size } = layout;
  const { type } = column;
  switch (type.kind) {
    case 'integer':
      return integerReader(type.bytes, type.unsigned);
    case 'decimal': {
      const bytes = decimalBytes(type.precision, type.scale);
      return (reader) =>
        decodeDecimal(reader.buffer, reader.take(bytes), type.precision, type.scale);
    }
    case 'float':
      return (reader) => floatValue(reader.buffer.readFloatLE(reader.take(4)));
    case 'double':
      return (reader) => reader.buffer.readDoubleLE(reader.take(8));
    case 'bit':
      return (reader) => bitValue(reader.bytes(width), type.bits);
    case 'year':
      return readYear;
    case 'date':
      return readDate;
    case 'time':
      return layout.type === TYPE.time ? readOldTime : (reader) => readTime2(reader, size);
    case 'datetime':
      return layout.type === TYPE.datetime
        ? readOldDatetime
        : (reader) => readDatetime2(reader, size);
    case 'timestamp':
      return layout.type === TYPE.timestamp
        ? readOldTimestamp
        : (reader) => readTimestamp2(reader, size);
    case 'text': {
      const decode = textDecoding(type.charset, owner);
      return (reader) => {
        const length = prefixedLength(reader, width);
        const start = reader.take(length);
        return decode(reader.buffer, start, start + length);
      };
    }
    case 'binary':
      return (reader) => binaryValue(reader.bytes(prefixedLength(reader, width)), type.fixedBytes);
    case 'enum':
      return (reader) => enumValue(unsignedOf(reader, width), type.members, owner);
    case 'set':
      return (reader) => setValue(reader, width, type.members);
    case 'json':
      return (reader) => decodeJson(reader.bytes(prefixedLength(reader, width)));
    case 'geometry':
      return (reader) => geometryValue(reader.bytes(prefixedLength(reader, width)));
    case 'vector':
      return (reader) => vectorValue(reader.bytes(prefixedLength(reader, width)));
  }
}

function integerReader(bytes: 1 | 2 | 3 | 4 | 8, unsigned: boolean): ValueReader {
  switch (bytes) {
    case 1:
      return unsigned ? (reader) => reader.u8() : (reader) => (reader.u8() << 24) >> 24;
    case 2:
      return unsigned ? (reader) => reader.u16() : (reader) => (reader.u16() << 16) >> 16;
    case 3:
      return unsigned ? (reader) => reader.u24() : (reader) => (reader.u24() << 8) >> 8;
    case 4:
      return unsigned ? (reader) => reader.u32() : (reader) => reader.u32() | 0;
    case 8:
      return unsigned ? readUnsigned64 : readSigned64;
  }
}

/** A number where it is exact, which is nearly always, and cheaper than a bigint. */
function readUnsigned64(reader: ByteReader): ColumnValue {
  const start = reader.take(8);
  const high = reader.buffer.readUInt32LE(start + 4);
  return high < 0x200000
    ? high * 2 ** 32 + reader.buffer.readUInt32LE(start)
    : reader.buffer.readBigUInt64LE(start);
}

function readSigned64(reader: ByteReader): ColumnValue {
  const start = reader.take(8);
  const high = reader.buffer.readInt32LE(start + 4);
  const value = high * 2 ** 32 + reader.buffer.readUInt32LE(start);
  return Number.isSafeInteger(value) ? value : reader.buffer.readBigInt64LE(start);
}

function unsignedOf(reader: ByteReader, width: number): number {
  return width === 1 ? reader.u8() : reader.u16();
}

/** Index 0 is the value MySQL stores for input it could not match: the empty string. */
function enumValue(index: number, members: readonly string[], owner: string): string {
  if (index === 0) return '';
  const member = members[index - 1];
  if (member === undefined)
    throw new SluiceError(
      'binlog.truncated',
      `A value of ${owner} names a member its ENUM does not have.`,
    );
  return member;
}

/** One bit a member, little-endian; members in the order of the definition, joined by commas. */
function setValue(reader: ByteReader, width: number, members: readonly string[]): string {
  const start = reader.take(width);
  return members
    .filter((_, bit) => ((reader.buffer[start + (bit >> 3)] ?? 0) & (1 << (bit & 7))) !== 0)
    .join(',');
}

/** Layouts and columns are parallel by construction; a missing one is a bug here. */
export function paired<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new InvariantBroken(`no column ${index}`);
  return item;
}
