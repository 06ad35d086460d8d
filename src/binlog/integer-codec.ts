import type { ByteReader } from './byte-reader.ts';
import type { ColumnCodec } from './column-codec.ts';
import type { JsonBytes } from './json-bytes.ts';

/** Integers of up to 4 bytes, and up to 2^53 beyond, are doubles; the rest are bigints. */
export function integerCodec(bytes: 1 | 2 | 3 | 4 | 8, unsigned: boolean): ColumnCodec {
  if (bytes === 8)
    return unsigned
      ? { read: readUnsigned64, write: writeUnsigned64 }
      : { read: readSigned64, write: writeSigned64 };
  const read = shortReader(bytes, unsigned);
  return {
    read,
    write: (reader, out) => {
      writeInteger(out, read(reader));
    },
  };
}

const MINUS = 0x2d;
const TWO_32 = 2 ** 32;

function shortReader(bytes: 1 | 2 | 3 | 4, unsigned: boolean): (reader: ByteReader) => number {
  switch (bytes) {
    case 1:
      return unsigned ? (reader) => reader.u8() : (reader) => (reader.u8() << 24) >> 24;
    case 2:
      return unsigned ? (reader) => reader.u16() : (reader) => (reader.u16() << 16) >> 16;
    case 3:
      return unsigned ? (reader) => reader.u24() : (reader) => (reader.u24() << 8) >> 8;
    case 4:
      return unsigned ? (reader) => reader.u32() : (reader) => reader.u32() | 0;
  }
}

/** A number where it is exact, which is nearly always, and cheaper than a bigint. */
function readUnsigned64(reader: ByteReader): number | bigint {
  const start = reader.take(8);
  const high = reader.buffer.readUInt32LE(start + 4);
  return high < 0x200000
    ? high * TWO_32 + reader.buffer.readUInt32LE(start)
    : reader.buffer.readBigUInt64LE(start);
}

function readSigned64(reader: ByteReader): number | bigint {
  const start = reader.take(8);
  const high = reader.buffer.readInt32LE(start + 4);
  const value = high * TWO_32 + reader.buffer.readUInt32LE(start);
  return Number.isSafeInteger(value) ? value : reader.buffer.readBigInt64LE(start);
}

function writeUnsigned64(reader: ByteReader, out: JsonBytes): void {
  writeInteger(out, readUnsigned64(reader));
}

function writeSigned64(reader: ByteReader, out: JsonBytes): void {
  writeInteger(out, readSigned64(reader));
}

function writeInteger(out: JsonBytes, value: number | bigint): void {
  if (typeof value === 'bigint') {
    out.ascii(String(value));
    return;
  }
  if (value < 0) out.byte(MINUS);
  out.digits(Math.abs(value));
}
