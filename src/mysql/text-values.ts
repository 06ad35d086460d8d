import {
  binaryValue,
  bitValue,
  floatValue,
  geometryValue,
  vectorValue,
} from '../binlog/values/binary.ts';
import { textDecoding } from '../binlog/values/text.ts';
import { unreachable } from '../change/brand.ts';
import type { ColumnValue } from '../change/column-value.ts';
import type { Column } from '../change/table.ts';
import { dateTimeValue, dateValue, timeValue } from '../change/temporal-values.ts';

/** One column of a text result to its value; the bytes are not kept. */
export type TextReader = (bytes: Buffer) => ColumnValue;

const UTF8: ReadonlySet<string> = new Set(['utf8mb4', 'utf8mb3']);

/**
 * What to select of a column, so that nothing is lost on the way. The server prints FLOAT with six
 * digits and DOUBLE(m,d) with d decimals; and it turns a character of another charset into `?` when
 * Unicode has none for it, so such text is asked for as bytes.
 *
 * @param quoted  the column's name as SQL
 */
export function textExpression({ type }: Column, quoted: string): string {
  if (type.kind === 'float' || type.kind === 'double') return `CAST(${quoted} AS DOUBLE)`;
  const isForeign = type.kind === 'text' && !UTF8.has(type.charset);
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
      return readInteger;
    case 'decimal':
      return readDecimal;
    case 'float':
      return (bytes) => floatValue(Number(ascii(bytes)));
    case 'double':
      return (bytes) => Number(ascii(bytes));
    case 'bit':
      return (bytes) => bitValue(bytes, type.bits);
    case 'date':
      return (bytes) => dateValue(dateParts(ascii(bytes)));
    case 'time':
      return (bytes) => readTime(ascii(bytes));
    case 'datetime':
      return (bytes) => readDateTime(ascii(bytes), type.fractionDigits);
    case 'timestamp':
      return (bytes) => readTimestamp(ascii(bytes));
    case 'text': {
      const decode = textDecoding(type.charset, owner);
      return (bytes) => decode(bytes, 0, bytes.length);
    }
    case 'enum':
    case 'set':
    case 'json':
      return (bytes) => bytes.toString('utf8');
    case 'binary':
      return (bytes) => binaryValue(bytes, type.fixedBytes);
    case 'geometry':
      return geometryValue;
    case 'vector':
      return vectorValue;
    default:
      return unreachable(type);
  }
}

const ascii = (bytes: Buffer): string => bytes.toString('latin1');

function readInteger(bytes: Buffer): number | bigint {
  const text = ascii(bytes);
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}

/** ZEROFILL prints leading zeros, which are no part of the value. */
function readDecimal(bytes: Buffer): string {
  return ascii(bytes).replace(/^(-?)0+(?=\d)/, '$1');
}

/** `YYYY-MM-DD` at the start of the text. */
function dateParts(text: string): { year: number; month: number; day: number } {
  return {
    year: Number(text.slice(0, 4)),
    month: Number(text.slice(5, 7)),
    day: Number(text.slice(8, 10)),
  };
}

/** `YYYY-MM-DD hh:mm:ss[.f]` */
function readDateTime(text: string, fractionDigits: number): ColumnValue {
  const clock = {
    hour: Number(text.slice(11, 13)),
    minute: Number(text.slice(14, 16)),
    second: Number(text.slice(17, 19)),
    micros: micros(text.slice(20)),
  };
  return dateTimeValue({ ...dateParts(text), ...clock }, fractionDigits);
}

/** The server's text is the value but for two letters; a zero timestamp stays as it is. */
function readTimestamp(text: string): string {
  return text.startsWith('0000-') ? text : `${text.slice(0, 10)}T${text.slice(11)}Z`;
}

/** `[-]h+:mm:ss[.f]` */
function readTime(text: string): number {
  const negative = text.startsWith('-');
  const [hour = '', minute = '', second = ''] = text.slice(negative ? 1 : 0).split(':');
  return timeValue(
    negative,
    Number(hour),
    Number(minute),
    Number(second.slice(0, 2)),
    micros(second.slice(3)),
  );
}

function micros(fraction: string): number {
  return fraction === '' ? 0 : Number(fraction.padEnd(6, '0'));
}
