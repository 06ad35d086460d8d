import { dateText, fractionText, pad } from '../../change/temporal-values.ts';

/** How the server prints the scalars inside a JSON document. @see sql-common/json_dom.cc */

const BASE64_LINE = 76;

/** The server breaks base64 into lines of 76 characters; in JSON a line break is escaped. */
export function wrappedBase64(bytes: Buffer): string {
  const text = bytes.toString('base64');
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += BASE64_LINE)
    lines.push(text.slice(at, at + BASE64_LINE));
  return lines.join('\\n');
}

export function packedDate(packed: bigint): { readonly date: string; readonly time: string } {
  const micros = Number(packed & 0xffffffn);
  const seconds = Number((packed >> 24n) & 0x1ffffn);
  const days = Number(packed >> 41n);
  const months = days >> 5;
  return {
    date: dateText({ year: Math.floor(months / 13), month: months % 13, day: days & 31 }),
    time: clockText(seconds >> 12, (seconds >> 6) & 63, seconds & 63, micros),
  };
}

export function packedTime(unsigned: bigint): string {
  const signed = BigInt.asIntN(64, unsigned);
  const packed = signed < 0n ? -signed : signed;
  const hms = Number((packed >> 24n) & 0xffffffn);
  const text = clockText((hms >> 12) & 1023, (hms >> 6) & 63, hms & 63, Number(packed & 0xffffffn));
  return signed < 0n ? `-${text}` : text;
}

function clockText(hour: number, minute: number, second: number, micros: number): string {
  return `${pad(hour, 2)}:${pad(minute, 2)}:${pad(second, 2)}${fractionText(micros, 6)}`;
}

/**
 * The shortest digits that name the double: in plain form while the decimal point stays within 15
 * places or among the digits, else with an exponent; `.0` when it would look like an integer.
 * @see strings/dtoa.cc: my_gcvt
 */
export function doubleText(value: number): string {
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const [mantissa = '0', exponent = '0'] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const point = Number(exponent) + 1;
  if (point < -14 || (point > 15 && digits.length <= point)) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    return `${sign}${digits.slice(0, 1)}${fraction}e${point - 1}`;
  }
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (digits.length <= point) return `${sign}${digits.padEnd(point, '0')}.0`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** The server escapes what JSON.stringify escapes, in the same way; texts hold no half of a character. */
export const quote = (text: string): string => JSON.stringify(text);
