import type { ByteReader } from './byte-reader.ts';
import { type ColumnLayout, TYPE } from './column-layout.ts';
import { decimalBytes } from './values/decimal.ts';

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
export function prefixedLength(reader: ByteReader, width: number): number {
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
