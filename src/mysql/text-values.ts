import type { JsonBytes } from '../binlog/json-bytes.ts';
import {
  binaryValue,
  bitValue,
  floatValue,
  geometryValue,
  vectorValue,
} from '../binlog/values/binary.ts';
import { writeValue } from '../binlog/values/json-value.ts';
import { type TolerantColumn, textCodec } from '../binlog/values/text.ts';
import { unreachable } from '../change/brand.ts';
import type { ColumnValue } from '../change/column-value.ts';
import type { Column } from '../change/table.ts';
import { type DateParts, dateTimeValue, dateValue, timeValue } from '../change/temporal-values.ts';

/** One column of a text result, from `start` to before `end`, to its value; the bytes are not kept. */
export type TextReader = (source: Buffer, start: number, end: number) => ColumnValue;

/** The same to JSON, for an image that has room for numbers: texts ask for their own. */
export type TextWriter = (source: Buffer, start: number, end: number, out: JsonBytes) => void;

/** The session's: the server sends its texts as they are, valid or not. */
const OWN_CHARSET = 'utf8mb4';

/**
 * What to select of a column, so that nothing is lost on the way. The server prints FLOAT with six
 * digits and DOUBLE(m,d) with d decimals; and it turns what is no character, or has none in Unicode,
 * of another charset into `?`, so such text is asked for as bytes. Of utf8mb3, too.
 *
 * @param quoted  the column's name as SQL
 */
export function textExpression({ type }: Column, quoted: string): string {
  if (type.kind === 'float' || type.kind === 'double') return `CAST(${quoted} AS DOUBLE)`;
  const isForeign = type.kind === 'text' && type.charset !== OWN_CHARSET;
  return isForeign ? `CAST(${quoted} AS BINARY)` : quoted;
}

/**
 * How a column of a text result becomes a value: the same one the log's decoder yields for the same
 * row, for a session with time zone UTC and charset utf8mb4 that selects {@link textExpression}.
 *
 * @param owner  `database.table.column`, for the error of a value that cannot be read exactly
 */
export function textReader({ type }: Column, owner: string): TextReader {
  switch (type.kind) {
    case 'integer':
    case 'year':
      return (...text) => readInteger(ascii(...text));
    case 'decimal':
      return (...text) => readDecimal(ascii(...text));
    case 'float':
      return (...text) => floatValue(Number(ascii(...text)));
    case 'double':
      return (...text) => Number(ascii(...text));
    case 'bit':
      return (source, start, end) => bitValue(source.subarray(start, end), type.bits);
    case 'date':
      return (source, start) => dateValue(dateParts(source, start));
    case 'time':
      return readTime;
    case 'datetime':
      return (source, start, end) => readDateTime(source, start, end, type.fractionDigits);
    case 'timestamp':
      return (...text) => readTimestamp(ascii(...text));
    case 'text':
      return textCodec(type.charset, owner).decode;
    case 'enum':
    case 'set':
    case 'json':
      return textCodec('utf8mb4', owner).decode;
    case 'binary':
      return (source, start, end) => binaryValue(source.subarray(start, end), type.fixedBytes);
    case 'geometry':
      return (source, start, end) => geometryValue(source.subarray(start, end));
    case 'vector':
      return (source, start, end) => vectorValue(source.subarray(start, end));
    default:
      return unreachable(type);
  }
}

/**
 * How a column of a text result becomes JSON: what {@link textReader} answers, written without being
 * made where the kind is common.
 */
export function textWriter(column: Column, owner: string, tolerant?: TolerantColumn): TextWriter {
  const { type } = column;
  switch (type.kind) {
    case 'integer':
    case 'year':
      return writeDigits;
    case 'decimal':
      return writeDecimal;
    case 'timestamp':
      return writeTimestamp;
    case 'text':
      return textCodec(type.charset, owner, tolerant).write;
    case 'enum':
    case 'set':
    case 'json':
      return textCodec('utf8mb4', owner).write;
    case 'binary':
      return binaryWriter(type.fixedBytes);
    case 'float':
    case 'double':
    case 'bit':
    case 'date':
    case 'time':
    case 'datetime':
    case 'geometry':
    case 'vector':
      return writtenFrom(textReader(column, owner));
    default:
      return unreachable(type);
  }
}

function writtenFrom(read: TextReader): TextWriter {
  return (source, start, end, out) => {
    writeValue(out, read(source, start, end));
  };
}

const ascii: (source: Buffer, start: number, end: number) => string = (source, start, end) =>
  source.toString('latin1', start, end);

const ZERO = 0x30;
const MINUS = 0x2d;
const QUOTE = 0x22;

function readInteger(text: string): number | bigint {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}

/** ZEROFILL prints leading zeros, which are no part of the value. */
function readDecimal(text: string): string {
  return text.replace(/^(-?)0+(?=\d)/, '$1');
}

/** A number's text is its JSON but for leading zeros. */
function writeDigits(source: Buffer, start: number, end: number, out: JsonBytes): void {
  let at = start;
  if (source[at] === MINUS) {
    out.byte(MINUS);
    at += 1;
  }
  while (source[at] === ZERO && at + 1 < end && isDigit(source[at + 1])) at += 1;
  out.verbatim(source, at, end);
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte < ZERO + 10;
}

function writeDecimal(source: Buffer, start: number, end: number, out: JsonBytes): void {
  out.byte(QUOTE);
  writeDigits(source, start, end, out);
  out.byte(QUOTE);
}

/** Of `count` digits; a missing one counts as zero. */
function digitsAt(source: Buffer, start: number, count: number): number {
  let value = 0;
  for (let at = start; at < start + count; at += 1)
    value = 10 * value + (source[at] ?? ZERO) - ZERO;
  return value;
}

/** `YYYY-MM-DD` */
function dateParts(source: Buffer, start: number): DateParts {
  return {
    year: digitsAt(source, start, 4),
    month: digitsAt(source, start + 5, 2),
    day: digitsAt(source, start + 8, 2),
  };
}

/** `YYYY-MM-DD hh:mm:ss[.f]` */
function readDateTime(
  source: Buffer,
  start: number,
  end: number,
  fractionDigits: number,
): ColumnValue {
  const parts = {
    year: digitsAt(source, start, 4),
    month: digitsAt(source, start + 5, 2),
    day: digitsAt(source, start + 8, 2),
    hour: digitsAt(source, start + 11, 2),
    minute: digitsAt(source, start + 14, 2),
    second: digitsAt(source, start + 17, 2),
    micros: microsAt(source, start + 20, end),
  };
  return dateTimeValue(parts, fractionDigits);
}

/** The server's text is the value but for two letters; a zero timestamp stays as it is. */
function readTimestamp(text: string): string {
  return text.startsWith('0000-') ? text : `${text.slice(0, 10)}T${text.slice(11)}Z`;
}

const DATE_LENGTH = 10;
const T = 0x54;
const Z = 0x5a;

function writeTimestamp(source: Buffer, start: number, end: number, out: JsonBytes): void {
  const isZero = digitsAt(source, start, 4) === 0;
  out.byte(QUOTE);
  const dateAt = out.at;
  out.verbatim(source, start, end);
  if (!isZero) {
    out.bytes[dateAt + DATE_LENGTH] = T;
    out.byte(Z);
  }
  out.byte(QUOTE);
}

/** `[-]h+:mm:ss[.f]` */
function readTime(source: Buffer, start: number, end: number): number {
  const negative = source[start] === MINUS;
  const hourAt = negative ? start + 1 : start;
  let colonAt = hourAt;
  while (colonAt < end && isDigit(source[colonAt])) colonAt += 1;
  return timeValue(
    negative,
    digitsAt(source, hourAt, colonAt - hourAt),
    digitsAt(source, colonAt + 1, 2),
    digitsAt(source, colonAt + 4, 2),
    microsAt(source, colonAt + 7, end),
  );
}

/** The digits of a fraction, which may end anywhere, as microseconds. */
function microsAt(source: Buffer, start: number, end: number): number {
  const count = Math.max(end - start, 0);
  return digitsAt(source, start, count) * 10 ** (6 - count);
}

function binaryWriter(fixedBytes: number): TextWriter {
  return (source, start, end, out) => {
    if (end - start >= fixedBytes) out.base64(source, start, end);
    else writeValue(out, binaryValue(source.subarray(start, end), fixedBytes));
  };
}
