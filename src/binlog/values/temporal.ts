import { daysFromCivil, isDate } from '../../change/calendar.ts';
import type { ColumnValue } from '../../change/column-value.ts';
import {
  dateTimeValue,
  dateValue,
  instantValue,
  timestampValue,
  timeValue,
} from '../../change/temporal-values.ts';
import type { ByteReader } from '../byte-reader.ts';
import type { JsonBytes } from '../json-bytes.ts';

/**
 * Date and time columns as row events pack them.
 * @see sql-common/my_time.cc: my_time_packed_from_binary, my_datetime_packed_from_binary, my_timestamp_from_binary
 */

const TWO_24 = 2 ** 24;

/** DATE: 3 bytes little-endian: day 5 bits, month 4, year 15. */
export function readDate(reader: ByteReader): ColumnValue {
  const packed = reader.u24();
  return dateValue({ day: packed & 31, month: (packed >> 5) & 15, year: packed >> 9 });
}

/** YEAR: 1 byte, years since 1900; 0 is the year 0000. */
export function readYear(reader: ByteReader): ColumnValue {
  const stored = reader.u8();
  return stored === 0 ? 0 : stored + 1900;
}

/** ceil(digits / 2) bytes big-endian, in units of 100^(3 − bytes) microseconds. */
function readFraction(reader: ByteReader, digits: number): number {
  const bytes = (digits + 1) >> 1;
  if (bytes === 0) return 0;
  const stored = reader.buffer.readUIntBE(reader.take(bytes), bytes);
  return bytes === 1 ? stored * 10_000 : bytes === 2 ? stored * 100 : stored;
}

/**
 * DATETIME2: 5 bytes big-endian, offset 2^39: year × 13 + month 17 bits, day 5, hour 5, minute 6,
 * second 6; fraction.
 */
export function readDatetime2(reader: ByteReader, digits: number): ColumnValue {
  const packed = reader.buffer.readUIntBE(reader.take(5), 5) - 0x8000000000;
  const micros = readFraction(reader, digits);
  const date = Math.floor(packed / 2 ** 17);
  const time = packed - date * 2 ** 17;
  const hour = time >> 12;
  const minute = (time >> 6) & 63;
  const second = time & 63;
  if (date === latestDate)
    return instantValue(latestDay, hour * 3600 + minute * 60 + second, micros, digits);
  const months = date >> 5;
  const year = Math.floor(months / 13);
  const month = months % 13;
  const day = date & 31;
  if (isDate(year, month, day)) {
    latestDate = date;
    latestDay = daysFromCivil(year, month, day);
  }
  return dateTimeValue({ year, month, day, hour, minute, second, micros }, digits);
}

/** Rows of one time follow one another: the newest day as packed, and its number. */
let latestDate = -1;
let latestDay = 0;

/** TIMESTAMP2: 4 bytes big-endian seconds since 1970; fraction. 0 is the zero date. */
export function readTimestamp2(reader: ByteReader, digits: number): ColumnValue {
  const seconds = reader.buffer.readUInt32BE(reader.take(4));
  return timestampValue(seconds, readFraction(reader, digits), digits);
}

const SECONDS_PER_DAY = 86_400;
const QUOTE = 0x22;
const COLON = 0x3a;
const POINT = 0x2e;
const ZULU = 0x5a;

/** Rows of one time follow one another: the newest day of a timestamp, and its text up to the `T`. */
let latestTimestampDay = -1;
let latestTimestampDate = Buffer.alloc(0);

/** Writes what {@link readTimestamp2} answers, in quotes. */
export function writeTimestamp2(reader: ByteReader, out: JsonBytes, digits: number): void {
  const seconds = reader.buffer.readUInt32BE(reader.take(4));
  const micros = readFraction(reader, digits);
  out.byte(QUOTE);
  if (seconds === 0 && micros === 0) {
    out.ascii(timestampValue(seconds, micros, digits));
    out.byte(QUOTE);
    return;
  }
  const day = Math.floor(seconds / SECONDS_PER_DAY);
  if (day !== latestTimestampDay) {
    latestTimestampDay = day;
    latestTimestampDate = Buffer.from(timestampValue(seconds, 1, 0).slice(0, 11));
  }
  out.raw(latestTimestampDate);
  const secondOfDay = seconds - day * SECONDS_PER_DAY;
  const minuteOfDay = (secondOfDay / 60) | 0;
  const hour = (minuteOfDay / 60) | 0;
  out.padded(hour, 2);
  out.byte(COLON);
  out.padded(minuteOfDay - hour * 60, 2);
  out.byte(COLON);
  out.padded(secondOfDay - minuteOfDay * 60, 2);
  if (digits > 0) {
    out.byte(POINT);
    out.padded(Math.floor(micros / (POWERS_OF_TEN[6 - digits] ?? 1)), digits);
  }
  out.byte(ZULU);
  out.byte(QUOTE);
}

const POWERS_OF_TEN = [1, 10, 100, 1000, 10_000, 100_000] as const;

/**
 * TIME2: 3 bytes big-endian, offset 2^23: sign, hour 10 bits, minute 6, second 6; fraction. With 5
 * or 6 digits one 6-byte number, offset 2^47. A negative value with a fraction borrows from the
 * integer part.
 */
export function readTime2(reader: ByteReader, digits: number): ColumnValue {
  const packed = digits > 4 ? readWideTime(reader) : readNarrowTime(reader, digits);
  const magnitude = Math.abs(packed);
  const hms = Math.floor(magnitude / TWO_24);
  return timeValue(packed < 0, (hms >> 12) & 1023, (hms >> 6) & 63, hms & 63, magnitude % TWO_24);
}

function readWideTime(reader: ByteReader): number {
  return reader.buffer.readUIntBE(reader.take(6), 6) - 0x800000000000;
}

function readNarrowTime(reader: ByteReader, digits: number): number {
  let whole = reader.buffer.readUIntBE(reader.take(3), 3) - 0x800000;
  const bytes = (digits + 1) >> 1;
  if (bytes === 0) return whole * TWO_24;
  let fraction = reader.buffer.readUIntBE(reader.take(bytes), bytes);
  if (whole < 0 && fraction !== 0) {
    whole += 1;
    fraction -= 2 ** (8 * bytes);
  }
  return whole * TWO_24 + fraction * (bytes === 1 ? 10_000 : 100);
}

/** TIME of tables not rebuilt since 5.5: 3 bytes little-endian signed, decimal HHMMSS. */
export function readOldTime(reader: ByteReader): ColumnValue {
  const stored = reader.buffer.readIntLE(reader.take(3), 3);
  const digits = Math.abs(stored);
  return timeValue(
    stored < 0,
    Math.floor(digits / 10_000),
    Math.floor(digits / 100) % 100,
    digits % 100,
    0,
  );
}

/** DATETIME of such tables: 8 bytes little-endian, decimal YYYYMMDDHHMMSS. */
export function readOldDatetime(reader: ByteReader): ColumnValue {
  const stored = Number(reader.u64());
  const date = Math.floor(stored / 1_000_000);
  const time = stored % 1_000_000;
  return dateTimeValue(
    {
      year: Math.floor(date / 10_000),
      month: Math.floor(date / 100) % 100,
      day: date % 100,
      hour: Math.floor(time / 10_000),
      minute: Math.floor(time / 100) % 100,
      second: time % 100,
      micros: 0,
    },
    0,
  );
}

/** TIMESTAMP of such tables: 4 bytes little-endian seconds since 1970. */
export function readOldTimestamp(reader: ByteReader): ColumnValue {
  return timestampValue(reader.u32(), 0, 0);
}
