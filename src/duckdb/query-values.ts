import {
  DuckDBBlobValue,
  DuckDBIntervalValue,
  type DuckDBValueConverter,
  type Json,
  JsonDuckDBValueConverter,
} from '@duckdb/node-api';

const SECOND_US = 1_000_000n;

/**
 * Values as people write them: bytes in hexadecimal, a duration as MySQL's TIME. The driver's own text
 * of bytes is four characters for most of them, put together one by one.
 */
export const queryValue: DuckDBValueConverter<Json> = (value, type, converter) => {
  if (value instanceof DuckDBBlobValue) return `0x${Buffer.from(value.bytes).toString('hex')}`;
  if (value instanceof DuckDBIntervalValue && value.months === 0 && value.days === 0)
    return clockText(value.micros);
  return JsonDuckDBValueConverter(value, type, converter);
};

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
