import { isDate } from '../change/calendar.ts';
import {
  type DateParts,
  type DateTimeParts,
  dateTimeValue,
  dateValue,
  timeValue,
} from '../change/temporal-values.ts';
import type { Literal, SqlType, TypeName } from './column-definition.ts';

/** Bits of each integer type. */
export const INTEGER_BITS: ReadonlyMap<string, bigint> = new Map([
  ['tinyint', 8n],
  ['smallint', 16n],
  ['mediumint', 24n],
  ['int', 32n],
  ['bigint', 64n],
]);

type ConstantReader = (literal: Literal, type: SqlType) => string | undefined;

const READERS: ReadonlyMap<TypeName, ConstantReader> = new Map<TypeName, ConstantReader>([
  ['decimal', decimalText],
  ['float', (literal, type) => wholeText(literal, type, 1n << 24n)],
  ['double', (literal, type) => wholeText(literal, type, 1n << 53n)],
  ['bit', bitText],
  ['year', yearText],
  ['date', dateConstant],
  ['time', timeConstant],
  ['datetime', dateTimeConstant],
  ['char', charactersText],
  ['varchar', charactersText],
  ['enum', memberText],
]);

/**
 * The JSON text that a row image has for a column whose stored rows were given a constant, where
 * the constant is certain from the statement's text alone. `undefined` where the server may have
 * rounded, cut, converted or refused it.
 *
 * @param type  with its charset, if it is certain
 */
export function constantText(type: SqlType, literal: Literal): string | undefined {
  const bits = INTEGER_BITS.get(type.name);
  if (bits !== undefined) return integerText(literal, bits, type.unsigned);
  return READERS.get(type.name)?.(literal, type);
}

/** Numbers are also written in quotes: SHOW CREATE TABLE prints them so. */
function digitsOf(literal: Literal): string {
  return literal.kind === 'bits' ? '' : literal.text;
}

function integerText(literal: Literal, bits: bigint, unsigned: boolean): string | undefined {
  const text = digitsOf(literal);
  if (!/^-?\d{1,20}$/.test(text)) return undefined;
  const value = BigInt(text);
  const highest = 1n << (unsigned ? bits : bits - 1n);
  return value < highest && value >= (unsigned ? 0n : -highest) ? String(value) : undefined;
}

const DECIMAL_DIGITS = 10;

function decimalText(literal: Literal, { sizes, unsigned }: SqlType): string | undefined {
  const [precision = DECIMAL_DIGITS, scale = 0] = sizes;
  const parts = /^(-?)0*(\d*?)(?:\.(\d+))?$/.exec(digitsOf(literal));
  if (!parts || !/\d/.test(digitsOf(literal))) return undefined;
  const [, sign = '', whole = '', fraction = ''] = parts;
  if (fraction.length > scale || whole.length > precision - scale) return undefined;
  if (sign !== '' && (unsigned || !/[1-9]/.test(whole + fraction))) return undefined;
  const padded = fraction.padEnd(scale, '0');
  return JSON.stringify(`${sign}${whole || '0'}${scale === 0 ? '' : `.${padded}`}`);
}

/** Whole numbers that are the same as a binary fraction. */
function wholeText(
  literal: Literal,
  { sizes, unsigned }: SqlType,
  limit: bigint,
): string | undefined {
  const text = digitsOf(literal);
  if (sizes.length > 0 || !/^-?\d{1,17}(?:\.0+)?$/.test(text)) return undefined;
  const value = BigInt(text.split('.')[0] ?? '');
  if (value < 0n ? unsigned || -value > limit : value > limit) return undefined;
  return text.startsWith('-') && value === 0n ? undefined : String(value);
}

function bitText({ kind, text }: Literal, { sizes: [bits = 1] }: SqlType): string | undefined {
  if (bits !== 1 || kind === 'string' || !/^0*[01]$/.test(text)) return undefined;
  return text.endsWith('1') ? 'true' : 'false';
}

function yearText(literal: Literal): string | undefined {
  const text = digitsOf(literal);
  const year = Number(text);
  return /^\d{4}$/.test(text) && year > 1900 && year < 2156 ? text : undefined;
}

/** Dates are certain only as the server itself prints them, and only those that exist. */
function datePartsOf(text: string): DateParts | undefined {
  const [, year, month, day] = /^([1-9]\d{3})-(\d\d)-(\d\d)$/.exec(text) ?? [];
  const parts = { year: Number(year), month: Number(month), day: Number(day) };
  return isDate(parts.year, parts.month, parts.day) ? parts : undefined;
}

/** `undefined` also when the column has fewer digits than the text. */
function clockPartsOf(
  text: string,
  digits: number,
): Pick<DateTimeParts, 'hour' | 'minute' | 'second' | 'micros'> | undefined {
  const match = /^(\d{2,3}):([0-5]\d):([0-5]\d)(?:\.(\d{1,6}))?$/.exec(text);
  if (!match) return undefined;
  const [, hour, minute, second, fraction = ''] = match;
  if (fraction.length > digits) return undefined;
  return {
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
    micros: Number(fraction.padEnd(6, '0')),
  };
}

function dateConstant({ kind, text }: Literal): string | undefined {
  const date = kind === 'string' ? datePartsOf(text) : undefined;
  return date && JSON.stringify(dateValue(date));
}

function dateTimeConstant({ kind, text }: Literal, { sizes }: SqlType): string | undefined {
  const [digits = 0] = sizes;
  const [day = '', time = ''] = text.split(' ', 2);
  const date = datePartsOf(day);
  const clock = clockPartsOf(time, digits);
  const isCanonical = kind === 'string' && text === `${day} ${time}`;
  if (!isCanonical || !date || !clock || clock.hour > 23) return undefined;
  const value = dateTimeValue({ ...date, ...clock }, digits);
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : undefined;
}

const MOST_HOURS = 838;

function timeConstant({ kind, text }: Literal, { sizes }: SqlType): string | undefined {
  const clock = kind === 'string' ? clockPartsOf(text, sizes[0] ?? 0) : undefined;
  if (!clock || clock.hour >= MOST_HOURS) return undefined;
  return String(timeValue(false, clock.hour, clock.minute, clock.second, clock.micros));
}

const PRINTABLE_ASCII = /^[ -~]*$/;
/** Where ASCII is not ASCII, or a space is not what it seems. */
const UNUSUAL_CHARSETS: ReadonlySet<string> = new Set(['binary', 'swe7']);

function charactersText({ kind, text }: Literal, type: SqlType): string | undefined {
  const { name, sizes, charset } = type;
  if (kind !== 'string' || charset === undefined || UNUSUAL_CHARSETS.has(charset)) return undefined;
  const [length = 1] = sizes;
  const isCut = text.length > length || (name === 'char' && text.endsWith(' '));
  return PRINTABLE_ASCII.test(text) && !isCut ? JSON.stringify(text) : undefined;
}

/** A member exactly, and no other that the collation may take for it. */
function memberText({ kind, text }: Literal, { members }: SqlType): string | undefined {
  if (kind !== 'string') return undefined;
  const alike = members.filter((member) => member.toLowerCase() === text.toLowerCase());
  const isPlain = PRINTABLE_ASCII.test(text) && !text.endsWith(' ');
  return alike.length === 1 && alike[0] === text && isPlain ? JSON.stringify(text) : undefined;
}
