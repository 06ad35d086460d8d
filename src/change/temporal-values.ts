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

const TWO_DIGITS = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, '0'));
const SECONDS_PER_DAY = 86_400;

export function pad(value: number, width: number): string {
  const short = width === 2 ? TWO_DIGITS[value] : undefined;
  return short ?? String(value).padStart(width, '0');
}

/** `YYYY-MM-DD` */
export function dateText({ year, month, day }: DateParts): string {
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
}

/** `.ffffff` cut to the column's digits; nothing for 0 digits. */
export function fractionText(micros: number, digits: number): string {
  return digits === 0 ? '' : `.${String(1_000_000 + micros).slice(1, 1 + digits)}`;
}

/** `hh:mm:ss` */
function clockText(secondOfDay: number): string {
  const minuteOfDay = Math.floor(secondOfDay / 60);
  const hour = pad(Math.floor(minuteOfDay / 60), 2);
  return `${hour}:${pad(minuteOfDay % 60, 2)}:${pad(secondOfDay % 60, 2)}`;
}

function dateTimeText(parts: DateTimeParts, digits: number): string {
  const { hour, minute, second, micros } = parts;
  return `${dateText(parts)} ${pad(hour, 2)}:${pad(minute, 2)}:${pad(second, 2)}${fractionText(micros, digits)}`;
}

/** The day's number; text when there is no such day. */
export function dateValue(parts: DateParts): ColumnValue {
  const { year, month, day } = parts;
  return isDate(year, month, day) ? daysFromCivil(year, month, day) : dateText(parts);
}

/** Milliseconds for 0 to 3 fraction digits, microseconds above; text when there is no such day. */
export function dateTimeValue(parts: DateTimeParts, digits: number): ColumnValue {
  const { year, month, day, hour, minute, second, micros } = parts;
  if (!isDate(year, month, day)) return dateTimeText(parts, digits);
  const secondOfDay = hour * 3600 + minute * 60 + second;
  return instantValue(daysFromCivil(year, month, day), secondOfDay, micros, digits);
}

/** What `dateTimeValue` answers for a day that exists; for callers that already have its number. */
export function instantValue(
  day: number,
  secondOfDay: number,
  micros: number,
  digits: number,
): number | bigint {
  const seconds = day * SECONDS_PER_DAY + secondOfDay;
  if (digits <= 3) return seconds * 1000 + Math.floor(micros / 1000);
  const microseconds = seconds * 1_000_000 + micros;
  return Number.isSafeInteger(microseconds)
    ? microseconds
    : BigInt(seconds) * 1_000_000n + BigInt(micros);
}

let latestDay = -1;
let latestDayText = '';

/** ISO 8601 in UTC with exactly the column's digits; the zero timestamp stays MySQL's text. */
export function timestampValue(unixSeconds: number, micros: number, digits: number): string {
  if (unixSeconds === 0 && micros === 0) return `0000-00-00 00:00:00${fractionText(0, digits)}`;
  const day = Math.floor(unixSeconds / SECONDS_PER_DAY);
  if (day !== latestDay) {
    latestDay = day;
    latestDayText = new Date(day * SECONDS_PER_DAY * 1000).toISOString().slice(0, 11);
  }
  const clock = clockText(unixSeconds - day * SECONDS_PER_DAY);
  return `${latestDayText}${clock}${fractionText(micros, digits)}Z`;
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
