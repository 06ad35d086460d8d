/** Bytes that hold 0 to 9 decimal digits. */
const GROUP_BYTES = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4] as const;
const DIGITS_PER_GROUP = 9;

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
 * value that is not zero.
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
  let at = start;
  const group = (digits: number): string => {
    const bytes = GROUP_BYTES[digits] ?? 0;
    let value = 0;
    for (let index = 0; index < bytes; index += 1) {
      const stored = (buffer[at] ?? 0) ^ flip ^ (at === start ? 0x80 : 0);
      value = value * 256 + stored;
      at += 1;
    }
    return digits === 0 ? '' : String(value).padStart(digits, '0');
  };
  const whole = precision - scale;
  let integer = group(whole % DIGITS_PER_GROUP);
  for (let left = Math.floor(whole / DIGITS_PER_GROUP); left > 0; left -= 1) integer += group(9);
  let fraction = '';
  for (let left = Math.floor(scale / DIGITS_PER_GROUP); left > 0; left -= 1) fraction += group(9);
  fraction += group(scale % DIGITS_PER_GROUP);
  const digits = `${integer.replace(/^0+(?=\d)/, '') || '0'}${scale > 0 ? `.${fraction}` : ''}`;
  return negative && /[1-9]/.test(digits) ? `-${digits}` : digits;
}
