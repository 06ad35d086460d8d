import {
  DuckDBBlobValue,
  DuckDBIntervalValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTypeId,
  type DuckDBValueConverter,
  type Json,
  JsonDuckDBValueConverter,
} from '@duckdb/node-api';

const SECOND_US = 1_000_000n;

/**
 * Values as people write them, and exactly: bytes in hexadecimal behind `\x`, a duration as MySQL's
 * TIME, a point in time in UTC wherever the worker runs. A number of JSON is one of at most 32 bits or
 * a floating one; integers of 64 bits, decimals and what JSON has no number for (`NaN`, `-0`) are texts.
 */
export const queryValue: DuckDBValueConverter<Json> = (value, type, converter) => {
  // The driver's own text of bytes is four characters for most of them, put together one by one.
  if (value instanceof DuckDBBlobValue) return `\\x${Buffer.from(value.bytes).toString('hex')}`;
  if (value instanceof DuckDBIntervalValue) return intervalText(value);
  if (value instanceof DuckDBTimestampTZValue) return utcText(value);
  if (Object.is(value, -0)) return '-0';
  if (type.typeId === DuckDBTypeId.FLOAT && typeof value === 'number' && Number.isFinite(value))
    return shortestFloat(value);
  return JsonDuckDBValueConverter(value, type, converter);
};

/** Every TIME of MySQL is microseconds alone; what a query computes may have days and months. */
function intervalText(value: DuckDBIntervalValue): string {
  return value.months === 0 && value.days === 0 ? clockText(value.micros) : value.toString();
}

/** `[-]hh:mm:ss[.ffffff]` */
function clockText(signed: bigint): string {
  const us = signed < 0n ? -signed : signed;
  const seconds = us / SECOND_US;
  const fraction = us % SECOND_US;
  const clock = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
  const digits = fraction === 0n ? '' : `.${String(fraction).padStart(6, '0')}`;
  return `${signed < 0n ? '-' : ''}${clock}${digits}`;
}

/** The driver's own text has the offset that the worker's time zone had when it was started. */
function utcText({ micros, isFinite }: DuckDBTimestampTZValue): string {
  const text = new DuckDBTimestampValue(micros).toString();
  return isFinite ? `${text}+00` : text;
}

/** Six digits tell every short decimal from its neighbours, nine every float. */
function shortestFloat(value: number): number {
  const isSame = (digits: number): boolean =>
    Math.fround(Number(value.toPrecision(digits))) === value;
  return Number(value.toPrecision([6, 7, 8].find(isSame) ?? 9));
}
