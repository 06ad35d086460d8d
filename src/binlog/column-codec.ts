import type { ColumnValue } from '../change/column-value.ts';
import type { Column } from '../change/table.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import type { ByteReader } from './byte-reader.ts';
import { type ColumnLayout, TYPE } from './column-layout.ts';
import { integerCodec } from './integer-codec.ts';
import type { JsonBytes } from './json-bytes.ts';
import { prefixedLength } from './value-size.ts';
import { binaryValue, bitValue, floatValue, geometryValue, vectorValue } from './values/binary.ts';
import { decimalBytes, decodeDecimal, writeDecimal } from './values/decimal.ts';
import { decodeJson } from './values/json.ts';
import { writeValue } from './values/json-value.ts';
import {
  readDate,
  readDatetime2,
  readOldDatetime,
  readOldTime,
  readOldTimestamp,
  readTime2,
  readTimestamp2,
  readYear,
  writeTimestamp2,
} from './values/temporal.ts';
import { type TolerantColumn, textCodec } from './values/text.ts';

/** Reads one value and moves the reader behind it. */
export type ValueReader = (reader: ByteReader) => ColumnValue;

/** Reads one value as {@link ValueReader} does, and writes it as JSON without making it. */
export type ValueWriter = (reader: ByteReader, out: JsonBytes) => void;

/**
 * A column's values, as values and as bytes of JSON. Both say the same of every value; where a kind
 * is rare enough, the second is made from the first.
 */
export interface ColumnCodec {
  readonly read: ValueReader;
  readonly write: ValueWriter;
}

/**
 * The one table of column kinds, looked into once per table map.
 *
 * @param owner  `database.table.column`, for the error of a value that cannot be read exactly
 * @param tolerant  of a text column, as `textCodec` takes it
 */
export function columnCodec(
  layout: ColumnLayout,
  column: Column,
  owner: string,
  tolerant?: TolerantColumn,
): ColumnCodec {
  const { width, size } = layout;
  const { type } = column;
  switch (type.kind) {
    case 'integer':
      return integerCodec(type.bytes, type.unsigned);
    case 'decimal':
      return decimalCodec(type.precision, type.scale);
    case 'float':
      return writtenFrom((reader) => floatValue(reader.buffer.readFloatLE(reader.take(4))));
    case 'double':
      return writtenFrom((reader) => reader.buffer.readDoubleLE(reader.take(8)));
    case 'bit':
      return writtenFrom((reader) => bitValue(reader.bytes(width), type.bits));
    case 'year':
      return writtenFrom(readYear);
    case 'date':
      return writtenFrom(readDate);
    case 'time':
      return writtenFrom(
        layout.type === TYPE.time ? readOldTime : (reader) => readTime2(reader, size),
      );
    case 'datetime':
      return writtenFrom(
        layout.type === TYPE.datetime ? readOldDatetime : (reader) => readDatetime2(reader, size),
      );
    case 'timestamp':
      return layout.type === TYPE.timestamp
        ? writtenFrom(readOldTimestamp)
        : {
            read: (reader) => readTimestamp2(reader, size),
            write: (reader, out) => {
              writeTimestamp2(reader, out, size);
            },
          };
    case 'text':
      return charactersCodec(width, textCodec(type.charset, owner, tolerant));
    case 'binary':
      return binaryCodec(width, type.fixedBytes);
    case 'enum':
      return enumCodec(width, type.members, owner);
    case 'set':
      return writtenFrom((reader) => setValue(reader, width, type.members));
    case 'json':
      return writtenFrom((reader) => decodeJson(reader.bytes(prefixedLength(reader, width))));
    case 'geometry':
      return writtenFrom((reader) => geometryValue(reader.bytes(prefixedLength(reader, width))));
    case 'vector':
      return writtenFrom((reader) => vectorValue(reader.bytes(prefixedLength(reader, width))));
  }
}

function writtenFrom(read: ValueReader): ColumnCodec {
  return {
    read,
    write: (reader, out) => {
      writeValue(out, read(reader));
    },
  };
}

function decimalCodec(precision: number, scale: number): ColumnCodec {
  const bytes = decimalBytes(precision, scale);
  return {
    read: (reader) => decodeDecimal(reader.buffer, reader.take(bytes), precision, scale),
    write: (reader, out) => {
      const start = reader.take(bytes);
      out.byte(QUOTE);
      writeDecimal(reader.buffer, start, precision, scale, out);
      out.byte(QUOTE);
    },
  };
}

const QUOTE = 0x22;

function charactersCodec(
  width: number,
  { decode, write }: ReturnType<typeof textCodec>,
): ColumnCodec {
  return {
    read: (reader) => {
      const length = prefixedLength(reader, width);
      const start = reader.take(length);
      return decode(reader.buffer, start, start + length);
    },
    write: (reader, out) => {
      const length = prefixedLength(reader, width);
      const start = reader.take(length);
      write(reader.buffer, start, start + length, out);
    },
  };
}

function binaryCodec(width: number, fixedBytes: number): ColumnCodec {
  return {
    read: (reader) => binaryValue(reader.bytes(prefixedLength(reader, width)), fixedBytes),
    write: (reader, out) => {
      const length = prefixedLength(reader, width);
      const start = reader.take(length);
      if (length >= fixedBytes) out.base64(reader.buffer, start, start + length);
      else writeValue(out, binaryValue(reader.buffer.subarray(start, start + length), fixedBytes));
    },
  };
}

function enumCodec(width: number, members: readonly string[], owner: string): ColumnCodec {
  const texts = ['', ...members].map((member) => Buffer.from(JSON.stringify(member)));
  return {
    read: (reader) => enumValue(unsignedOf(reader, width), members, owner),
    write: (reader, out) => {
      const index = unsignedOf(reader, width);
      const text = texts[index];
      if (text === undefined) throw unknownMember(owner);
      out.ensure(text.length + out.reserved);
      out.raw(text);
    },
  };
}

function unsignedOf(reader: ByteReader, width: number): number {
  return width === 1 ? reader.u8() : reader.u16();
}

/** Index 0 is the value MySQL stores for input it could not match: the empty string. */
function enumValue(index: number, members: readonly string[], owner: string): string {
  if (index === 0) return '';
  const member = members[index - 1];
  if (member === undefined) throw unknownMember(owner);
  return member;
}

function unknownMember(owner: string): SluiceError {
  return new SluiceError(
    'binlog.truncated',
    `A value of ${owner} names a member its ENUM does not have.`,
  );
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
