import type { ColumnValue } from '../../change/column-value.ts';
import { SluiceError } from '../../errors/error.ts';

/** Base64 of the bytes, padded with zeros to BINARY(n)'s length: the log leaves trailing zeros out. */
export function binaryValue(bytes: Buffer, fixedBytes: number): string {
  if (bytes.length >= fixedBytes) return bytes.toString('base64');
  const padded = Buffer.alloc(fixedBytes);
  bytes.copy(padded);
  return padded.toString('base64');
}

/** Big-endian bytes of BIT(n): a boolean for one bit, else base64 of the bytes in little-endian order. */
export function bitValue(bytes: Buffer, bits: number): ColumnValue {
  if (bits === 1) return (bytes.at(-1) ?? 0) === 1;
  return Buffer.from(bytes).reverse().toString('base64');
}

/**
 * 4 bytes little-endian SRID, then WKB.
 * @throws {SluiceError} `binlog.truncated`
 */
export function geometryValue(bytes: Buffer): ColumnValue {
  if (bytes.length < 4) throw damaged('geometry', bytes.length);
  return { srid: bytes.readUInt32LE(0), wkb: bytes.toString('base64', 4) };
}

/**
 * Float32, little-endian, one after the other.
 * @throws {SluiceError} `binlog.truncated`
 */
export function vectorValue(bytes: Buffer): ColumnValue {
  if (bytes.length % 4 !== 0) throw damaged('vector', bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, index) =>
    floatValue(bytes.readFloatLE(4 * index)),
  );
}

/** Below it a float32 has fewer than six exact digits. */
const SMALLEST_NORMAL_FLOAT = 2 ** -126;

/** The double nearest to the shortest decimal text that names the float32. */
export function floatValue(single: number): number {
  if (Number.isInteger(single) && Math.abs(single) <= 2 ** 24) return single;
  // A normal float32 keeps any six digits, so a shorter text that names it is among those of six.
  for (let digits = Math.abs(single) < SMALLEST_NORMAL_FLOAT ? 1 : 6; digits <= 9; digits += 1) {
    const short = Number(single.toPrecision(digits));
    if (Math.fround(short) === single) return short;
  }
  return single;
}

function damaged(kind: string, length: number): SluiceError {
  return new SluiceError('binlog.truncated', `A ${kind} value cannot have ${length} bytes.`);
}
