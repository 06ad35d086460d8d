import { daysFromCivil, isDate } from './calendar.ts';
import type { ColumnValue } from './column-value.ts';

/**
 * The canonical values of date and time columns from their parts. The log's decoder and the
 * snapshot's reader both end here, so that a row is encoded alike whichever way it came.
 */

/** As stored: any part may be zero or impossible. */
export interface DateParts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

export interface DateTimeParts extends DateParts {
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
}

export const pad = (value: number, width: number): string => String(value).padStart(width, '0');

/** `YYYY-MM-DD` */
export function dateText({ year, month, day }: DateParts): string {
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
}

/** `.ffffff` cut to the column's digits; nothing for 0 digits. */
export function fractionText(micros: number, digits: number): string {
  return digits === 0 ? '' : `.${pad(micros, 6).slice(0, digits)}`;
}

function dateTimeText(parts: DateTimeParts, digits: number): string {
  const { hour, minute, second, micros } = parts;
  return `${dateText(parts)} ${pad(hour, 2)}:${pad(minute, 2)}:${pad(second, 2)}${fractionText(micros, digits)}`;
}

export function dateValue(parts: DateParts): ColumnValue {
  const { year, month, day } = parts;
  return isDate(year, month, day) ? daysFromCivil(year, month, day) : dateText(parts);
}

/** Milliseconds for 0 to 3 fraction digits, microseconds above; text when there is no such day. */
export function dateTimeValue(parts: DateTimeParts, digits: number): ColumnValue {
  const { year, month, day, hour, minute, second, micros } = parts;
  if (!isDate(year, month, day)) return dateTimeText(parts, digits);
  const seconds = daysFromCivil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
  if (digits <= 3) return seconds * 1000 + Math.floor(micros / 1000);
  const microseconds = seconds * 1_000_000 + micros;
  return Number.isSafeInteger(microseconds)
    ? microseconds
    : BigInt(seconds) * 1_000_000n + BigInt(micros);
}

let latestSecond = -1;
let latestText = '';

/** ISO 8601 in UTC with exactly the column's digits; the zero timestamp stays MySQL's text. */
export function timestampValue(unixSeconds: number, micros: number, digits: number): string {
  if (unixSeconds === 0 && micros === 0) return `0000-00-00 00:00:00${fractionText(0, digits)}`;
  if (unixSeconds !== latestSecond) {
    latestSecond = unixSeconds;
    latestText = new Date(unixSeconds * 1000).toISOString().slice(0, 19);
  }
  return `${latestText}${fractionText(micros, digits)}Z`;
}

/** Signed microseconds. */
export function timeValue(
  negative: boolean,
  hour: number,
  minute: number,
  second: number,
  micros: number,
): number {
  const total = (hour * 3600 + minute * 60 + second) * 1_000_000 + micros;
  return negative && total !== 0 ? -total : total;
}
