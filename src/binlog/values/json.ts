import { dateText, fractionText, pad } from '../../change/temporal-values.ts';
import { SluiceError } from '../../errors/error.ts';
import { ByteReader } from '../byte-reader.ts';
import { decodeDecimal } from './decimal.ts';

/**
 * MySQL's binary JSON to the text the server itself prints for it: members in stored order (by key
 * length, then bytes), `, ` and `: ` between, doubles always recognisable as such.
 *
 * ```
 * value    := type1 body
 * object   := count size key_entry* value_entry* key* value*      count, size, offsets: 2 bytes (small) or 4 (large)
 * array    := count size value_entry* value*
 * key_entry   := offset key_length2
 * value_entry := type1 (offset | value that fits in its place)
 * ```
 * Offsets count from the first byte of `count`.
 * @see sql-common/json_binary.h
 */
export function decodeJson(bytes: Buffer): string {
  // A JSON column added NOT NULL to existing rows holds nothing at all; the server reads it as null.
  if (bytes.length === 0) return 'null';
  const reader = new ByteReader(bytes, 0, bytes.length);
  return readValue(bytes, reader.u8(), 1, 0);
}

const SMALL_OBJECT = 0;
const LARGE_OBJECT = 1;
const SMALL_ARRAY = 2;
const LARGE_ARRAY = 3;
const LITERAL = 4;
const INT16 = 5;
const UINT16 = 6;
const INT32 = 7;
const UINT32 = 8;
const INT64 = 9;
const UINT64 = 10;
const DOUBLE = 11;
const STRING = 12;
const OPAQUE = 15;

const LITERALS = ['null', 'true', 'false'] as const;
/** The server's own limit (JSON_DOCUMENT_MAX_DEPTH); deeper means damaged bytes. */
const MAX_DEPTH = 100;

function readValue(bytes: Buffer, type: number, at: number, depth: number): string {
  if (depth > MAX_DEPTH) throw damaged('nested too deeply');
  const reader = new ByteReader(bytes, at, bytes.length);
  switch (type) {
    case SMALL_OBJECT:
    case LARGE_OBJECT:
    case SMALL_ARRAY:
    case LARGE_ARRAY:
      return readContainer(bytes, type, at, depth);
    case LITERAL: {
      const literal = LITERALS[reader.u8()];
      if (literal === undefined) throw damaged('an unknown literal');
      return literal;
    }
    case INT16:
      return String(bytes.readInt16LE(reader.take(2)));
    case UINT16:
      return String(reader.u16());
    case INT32:
      return String(bytes.readInt32LE(reader.take(4)));
    case UINT32:
      return String(reader.u32());
    case INT64:
      return String(bytes.readBigInt64LE(reader.take(8)));
    case UINT64:
      return String(reader.u64());
    case DOUBLE:
      return doubleText(bytes.readDoubleLE(reader.take(8)));
    case STRING:
      return quote(reader.utf8(variableLength(reader)));
    case OPAQUE:
      return readOpaque(reader);
    default:
      throw damaged(`value type ${type}`);
  }
}

function readContainer(bytes: Buffer, type: number, at: number, depth: number): string {
  const large = type === LARGE_OBJECT || type === LARGE_ARRAY;
  const isObject = type === SMALL_OBJECT || type === LARGE_OBJECT;
  const reader = new ByteReader(bytes, at, bytes.length);
  const offset = (): number => (large ? reader.u32() : reader.u16());
  const count = offset();
  offset();
  const keys: string[] = [];
  for (let index = 0; isObject && index < count; index += 1) {
    const start = at + offset();
    const length = reader.u16();
    const key = new ByteReader(bytes, start, bytes.length).utf8(length);
    keys.push(`${quote(key)}: `);
  }
  const members: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const memberType = reader.u8();
    const place = reader.at;
    const pointer = offset();
    const inline =
      memberType === LITERAL ||
      memberType === INT16 ||
      memberType === UINT16 ||
      (large && (memberType === INT32 || memberType === UINT32));
    const value = readValue(bytes, memberType, inline ? place : at + pointer, depth + 1);
    members.push(`${keys[index] ?? ''}${value}`);
  }
  return isObject ? `{${members.join(', ')}}` : `[${members.join(', ')}]`;
}

/** Seven bits a byte, least significant first, top bit: more follow. */
function variableLength(reader: ByteReader): number {
  let length = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = reader.u8();
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return length;
  }
  throw damaged('a length of more than five bytes');
}

const TYPE_TIMESTAMP = 7;
const TYPE_DATE = 10;
const TYPE_TIME = 11;
const TYPE_DATETIME = 12;
const TYPE_DECIMAL = 246;

/** A value of a SQL type: type1 length data. Dates and times are packed 64-bit numbers. */
function readOpaque(reader: ByteReader): string {
  const type = reader.u8();
  const data = reader.bytes(variableLength(reader));
  switch (type) {
    case TYPE_DECIMAL:
      return decodeDecimal(data, 2, data[0] ?? 0, data[1] ?? 0);
    case TYPE_DATE:
      return `"${packedDate(data).date}"`;
    case TYPE_DATETIME:
    case TYPE_TIMESTAMP: {
      const { date, time } = packedDate(data);
      return `"${date} ${time}"`;
    }
    case TYPE_TIME:
      return `"${packedTime(data)}"`;
    default:
      return `"base64:type${type}:${data.toString('base64')}"`;
  }
}

function packedDate(data: Buffer): { readonly date: string; readonly time: string } {
  const packed = new ByteReader(data, 0, data.length).u64();
  const micros = Number(packed & 0xffffffn);
  const seconds = Number((packed >> 24n) & 0x1ffffn);
  const days = Number(packed >> 41n);
  const months = days >> 5;
  return {
    date: dateText({ year: Math.floor(months / 13), month: months % 13, day: days & 31 }),
    time: clockText(seconds >> 12, (seconds >> 6) & 63, seconds & 63, micros),
  };
}

function packedTime(data: Buffer): string {
  const signed = BigInt.asIntN(64, new ByteReader(data, 0, data.length).u64());
  const packed = signed < 0n ? -signed : signed;
  const hms = Number((packed >> 24n) & 0xffffffn);
  const text = clockText((hms >> 12) & 1023, (hms >> 6) & 63, hms & 63, Number(packed & 0xffffffn));
  return signed < 0n ? `-${text}` : text;
}

function clockText(hour: number, minute: number, second: number, micros: number): string {
  return `${pad(hour, 2)}:${pad(minute, 2)}:${pad(second, 2)}${fractionText(micros, 6)}`;
}

/**
 * The shortest digits that name the double, in plain form while the decimal point stays within 15
 * places, else with an exponent; `.0` when it would look like an integer.
 * @see strings/dtoa.cc: my_gcvt
 */
function doubleText(value: number): string {
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const [mantissa = '0', exponent = '0'] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const point = Number(exponent) + 1;
  if (value !== 0 && (point > 15 || point < -14)) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    return `${sign}${digits.slice(0, 1)}${fraction}e${point - 1}`;
  }
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (digits.length <= point) return `${sign}${digits.padEnd(point, '0')}.0`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

function quote(text: string): string {
  // biome-ignore lint: control characters are what has to be escaped
  return `"${text.replace(/["\\\u0000-\u001f]/g, (character) => ESCAPES[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;
}

function damaged(what: string): SluiceError {
  return new SluiceError('binlog.truncated', `A JSON value holds ${what}; its bytes are damaged.`);
}
