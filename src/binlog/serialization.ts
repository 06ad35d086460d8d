import type { ByteReader } from './byte-reader.ts';

/**
 * Integers of mysql::serialization: the trailing one bits of the first byte say how many bytes
 * follow; the value is the rest of the first byte joined with them, little-endian. 0xff: a full
 * 64-bit number follows.
 * @see libs/mysql/serialization/variable_length_integers.h
 */
export function readVariable(reader: ByteReader): bigint {
  const first = reader.u8();
  if (first === 0xff) return reader.u64();
  let extra = 0;
  while (((first >> extra) & 1) === 1) extra += 1;
  let value = 0n;
  for (let index = 0; index < extra; index += 1) value |= BigInt(reader.u8()) << BigInt(8 * index);
  return (value << BigInt(7 - extra)) | BigInt(first >> (extra + 1));
}

/** Signed: the lowest bit is the sign, the rest the magnitude, one less for negative numbers. */
export function readSignedVariable(reader: ByteReader): bigint {
  const value = readVariable(reader);
  return (value & 1n) === 0n ? value >> 1n : -(value >> 1n) - 1n;
}
