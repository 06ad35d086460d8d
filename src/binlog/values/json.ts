import { SluiceError } from '../../errors/error.ts';
import { ByteReader } from '../byte-reader.ts';
import { decimalBytes, decodeDecimal } from './decimal.ts';
import { doubleText, packedDate, packedTime, quote, wrappedBase64 } from './json-text.ts';
import { decodeUtf8 } from './text.ts';

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
 * @throws {SluiceError} `binlog.truncated` for damaged bytes
 */
export function decodeJson(bytes: Buffer): string {
  // A JSON column added NOT NULL to existing rows holds nothing at all; the server reads it as null.
  if (bytes.length === 0) return 'null';
  const reader = new ByteReader(bytes, 0, bytes.length);
  return readValue({ reader, budget: bytes.length }, reader.u8(), 1, 0);
}

interface Document {
  readonly reader: ByteReader;
  /**
   * How many more values, and bytes of keys and strings, can be in the document: each has bytes of
   * its own there. Damaged offsets may point anywhere, also to what was read before.
   */
  budget: number;
}

function spend(document: Document, bytes: number): void {
  document.budget -= bytes;
  if (document.budget < 0) throw damaged('offsets that overlap');
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

function readValue(document: Document, type: number, at: number, depth: number): string {
  if (depth > MAX_DEPTH) throw damaged('values nested too deeply');
  spend(document, 1);
  const { reader } = document;
  const { buffer } = reader;
  reader.at = at;
  switch (type) {
    case SMALL_OBJECT:
    case LARGE_OBJECT:
    case SMALL_ARRAY:
    case LARGE_ARRAY:
      return readContainer(document, type, depth);
    case LITERAL: {
      const literal = LITERALS[reader.u8()];
      if (literal === undefined) throw damaged('an unknown literal');
      return literal;
    }
    case INT16:
      return String(buffer.readInt16LE(reader.take(2)));
    case UINT16:
      return String(reader.u16());
    case INT32:
      return String(buffer.readInt32LE(reader.take(4)));
    case UINT32:
      return String(reader.u32());
    case INT64:
      return String(buffer.readBigInt64LE(reader.take(8)));
    case UINT64:
      return String(reader.u64());
    case DOUBLE:
      return doubleText(buffer.readDoubleLE(reader.take(8)));
    case STRING:
      return readString(document, variableLength(reader));
    case OPAQUE:
      return readOpaque(document);
    default:
      throw damaged(`value type ${type}`);
  }
}

function readContainer(document: Document, type: number, depth: number): string {
  const { reader } = document;
  const large = type === LARGE_OBJECT || type === LARGE_ARRAY;
  const isObject = type === SMALL_OBJECT || type === LARGE_OBJECT;
  const base = reader.at;
  const count = readOffset(reader, large);
  readOffset(reader, large);
  const keys = isObject ? readKeys(document, base, count, large) : [];
  let text = '';
  for (let index = 0; index < count; index += 1) {
    const type_ = reader.u8();
    const place = reader.at;
    const pointer = readOffset(reader, large);
    const next = reader.at;
    const value = readValue(
      document,
      type_,
      isInline(type_, large) ? place : base + pointer,
      depth + 1,
    );
    reader.at = next;
    const member = isObject ? `${keys[index] ?? ''}: ${value}` : value;
    text = index === 0 ? member : `${text}, ${member}`;
  }
  return isObject ? `{${text}}` : `[${text}]`;
}

function readOffset(reader: ByteReader, large: boolean): number {
  return large ? reader.u32() : reader.u16();
}

/** The quoted keys; leaves the reader behind their entries. */
function readKeys(document: Document, base: number, count: number, large: boolean): string[] {
  const { reader } = document;
  const keys: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const start = base + readOffset(reader, large);
    const length = reader.u16();
    const next = reader.at;
    reader.at = start;
    keys.push(readString(document, length));
    reader.at = next;
  }
  return keys;
}

/** Values that fit where their offset would be are there. */
function isInline(type: number, large: boolean): boolean {
  if (type === LITERAL || type === INT16 || type === UINT16) return true;
  return large && (type === INT32 || type === UINT32);
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

function readString(document: Document, length: number): string {
  const { reader } = document;
  const start = reader.take(length);
  spend(document, length);
  const text = decodeUtf8(reader.buffer, start, start + length);
  if (text === undefined) throw damaged('a string that is no UTF-8');
  return quote(text);
}

const TYPE_TIMESTAMP = 7;
const TYPE_DATE = 10;
const TYPE_TIME = 11;
const TYPE_DATETIME = 12;
const TYPE_DECIMAL = 246;

/** A value of a SQL type: type1 length data. Dates and times are packed 64-bit numbers. */
function readOpaque(document: Document): string {
  const { reader } = document;
  const type = reader.u8();
  const length = variableLength(reader);
  spend(document, length);
  const data = reader.sub(length);
  switch (type) {
    case TYPE_DECIMAL: {
      const precision = data.u8();
      const scale = data.u8();
      return decodeDecimal(
        data.buffer,
        data.take(decimalBytes(precision, scale)),
        precision,
        scale,
      );
    }
    case TYPE_DATE:
      return `"${packedDate(data.u64()).date}"`;
    case TYPE_DATETIME:
    case TYPE_TIMESTAMP: {
      const { date, time } = packedDate(data.u64());
      return `"${date} ${time}"`;
    }
    case TYPE_TIME:
      return `"${packedTime(data.u64())}"`;
    default:
      return `"base64:type${type}:${wrappedBase64(data.bytes(length))}"`;
  }
}

function damaged(what: string): SluiceError {
  return new SluiceError('binlog.truncated', `A JSON value holds ${what}; its bytes are damaged.`);
}
