import type { JsonBytes } from '../json-bytes.ts';

/** Bytes that hold 0 to 9 decimal digits. */
const GROUP_BYTES = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4] as const;
const DIGITS_PER_GROUP = 9;
/** Added before printing, so that leading zeros are printed too. */
const POWERS_OF_TEN = Array.from({ length: 10 }, (_, digits) => 10 ** digits);

/** Stored size of DECIMAL(precision, scale). */
export function decimalBytes(precision: number, scale: number): number {
  return partBytes(precision - scale) + partBytes(scale);
}

function partBytes(digits: number): number {
  const rest = GROUP_BYTES[digits % DIGITS_PER_GROUP] ?? 0;
  return Math.floor(digits / DIGITS_PER_GROUP) * 4 + rest;
}

/**
 * DECIMAL as the server prints it: no leading zeros, all digits of the scale, a minus only before a
 * value that is not zero. The caller has seen to it that all its bytes are there.
 *
 * Layout: integer digits then fraction digits, in groups of nine as 4-byte big-endian numbers, the
 * odd group outermost (first of the integer part, last of the fraction) in as few bytes as it needs.
 * The first bit is inverted; a negative value has all its bytes complemented.
 * @see strings/decimal.cc: bin2decimal
 */
export function decodeDecimal(
  buffer: Buffer,
  start: number,
  precision: number,
  scale: number,
): string {
  const negative = ((buffer[start] ?? 0) & 0x80) === 0;
  const flip = negative ? 0xff : 0;
  const whole = precision - scale;
  let at = start;
  let sign = 0x80;
  let nonZero = 0;
  let text = '';
  for (let left = whole; left > 0; sign = 0) {
    const digits = left % DIGITS_PER_GROUP || DIGITS_PER_GROUP;
    const group = readGroup(buffer, at, GROUP_BYTES[digits] ?? 0, flip, sign);
    if (text !== '') text += padded(group, digits);
    else if (group !== 0) text = String(group);
    nonZero |= group;
    at += GROUP_BYTES[digits] ?? 0;
    left -= digits;
  }
  if (text === '') text = '0';
  if (scale > 0) text += '.';
  for (let left = scale; left > 0; sign = 0) {
    const digits = Math.min(left, DIGITS_PER_GROUP);
    const group = readGroup(buffer, at, GROUP_BYTES[digits] ?? 0, flip, sign);
    text += padded(group, digits);
    nonZero |= group;
    at += GROUP_BYTES[digits] ?? 0;
    left -= digits;
  }
  return negative && nonZero !== 0 ? `-${text}` : text;
}

const MINUS = 0x2d;
const POINT = 0x2e;

/** Writes what {@link decodeDecimal} answers, digit by digit. */
export function writeDecimal(
  buffer: Buffer,
  start: number,
  precision: number,
  scale: number,
  out: JsonBytes,
): void {
  const flip = ((buffer[start] ?? 0) & 0x80) === 0 ? 0xff : 0;
  const begin = out.at;
  if (flip !== 0) out.byte(MINUS);
  const first = out.at;
  let at = start;
  let sign = 0x80;
  let nonZero = 0;
  for (let left = precision - scale; left > 0; sign = 0) {
    const digits = left % DIGITS_PER_GROUP || DIGITS_PER_GROUP;
    const bytes = GROUP_BYTES[digits] ?? 0;
    const group = readGroup(buffer, at, bytes, flip, sign);
    if (out.at !== first) out.padded(group, digits);
    else if (group !== 0) out.digits(group);
    nonZero |= group;
    at += bytes;
    left -= digits;
  }
  if (out.at === first) out.digits(0);
  if (scale > 0) out.byte(POINT);
  for (let left = scale; left > 0; sign = 0) {
    const digits = Math.min(left, DIGITS_PER_GROUP);
    const bytes = GROUP_BYTES[digits] ?? 0;
    const group = readGroup(buffer, at, bytes, flip, sign);
    out.padded(group, digits);
    nonZero |= group;
    at += bytes;
    left -= digits;
  }
  if (flip !== 0 && nonZero === 0) out.remove(begin, 1);
}

/** `sign` undoes the inverted first bit of the value's first byte. */
function readGroup(buffer: Buffer, at: number, bytes: number, flip: number, sign: number): number {
  let value = (buffer[at] ?? 0) ^ flip ^ sign;
  for (let index = 1; index < bytes; index += 1)
    value = value * 256 + ((buffer[at + index] ?? 0) ^ flip);
  return value;
}

function padded(group: number, digits: number): string {
  return String((POWERS_OF_TEN[digits] ?? 0) + group).slice(1);
}
