import { isUtf8 } from 'node:buffer';
import type { HexText } from '../../change/encoded-row.ts';
import type { InvalidTextRule } from '../../change/row-settings.ts';
import type { TableSchema } from '../../change/table.ts';
import { SluiceError } from '../../errors/error.ts';
import type { JsonBytes } from '../json-bytes.ts';
import { doubleByteText, REPLACEMENT } from './double-byte-text.ts';
import { singleByteTable } from './single-byte-charsets.ts';

/** Bytes from `start` to before `end` as text; throws `binlog.unsupported` where it cannot be exact. */
export type TextDecoding = (buffer: Buffer, start: number, end: number) => string;

/** The same, but `undefined` for bytes that are no text of the charset. */
type Attempt = (buffer: Buffer, start: number, end: number) => string | undefined;

/**
 * How bytes of a charset become text: as the server itself converts them, or not at all.
 *
 * A charset that is unknown here is no error until a value in it is read, and then even for ASCII
 * bytes: they might mean anything.
 *
 * @param charset MySQL's name
 * @param column  named in the error of a value that cannot be read
 */
export function textDecoding(charset: string, column: string): TextDecoding {
  return decoding(charsetOf(charset), stopping(charset, column));
}

function decoding({ attempt }: Charset, instead: Instead): TextDecoding {
  return (buffer, start, end) => attempt(buffer, start, end) ?? instead(buffer, start, end);
}

/** Bytes from `start` to before `end` as a JSON text; throws where {@link TextDecoding} does. */
type TextWriting = (buffer: Buffer, start: number, end: number, out: JsonBytes) => void;

/** The text for bytes that are none of the charset, of which `out` is told. */
type Instead = (buffer: Buffer, start: number, end: number, out?: JsonBytes) => string;

/** A column whose values need not be texts of its charset. */
export interface TolerantColumn {
  readonly name: string;
  readonly rule: Exclude<InvalidTextRule, 'stop'>;
}

/** What a table's setting means for one of its columns; the key has to be exact. */
export function tolerantColumn(
  { columns, key }: TableSchema,
  index: number,
  rule: InvalidTextRule,
): TolerantColumn | undefined {
  const name = columns[index]?.name;
  return rule === 'stop' || name === undefined || key.includes(index) ? undefined : { name, rule };
}

/**
 * Both ways out of a charset: bytes that are the same in UTF-8 are copied, the rest decoded.
 *
 * @param tolerant  absent where a value that is no text is an error, as it is for a column of the
 *   key: two keys whose texts are made up might be one
 */
export function textCodec(
  charset: string,
  column: string,
  tolerant?: TolerantColumn,
): { readonly decode: TextDecoding; readonly write: TextWriting } {
  const known = charsetOf(charset);
  const stop = stopping(charset, column);
  const instead = tolerant ? standIn(known, tolerant, stop) : stop;
  return { decode: decoding(known, instead), write: textWriting(charset, known, instead) };
}

function stopping(charset: string, column: string): Instead {
  return () => {
    throw unreadable(charset, column);
  };
}

/** A charset that is unknown here has texts, which cannot be told: nothing is replaced then. */
function standIn({ replace }: Charset, { name, rule }: TolerantColumn, stop: Instead): Instead {
  if (rule === 'bytes')
    return (buffer, start, end, out) => {
      out?.note({ column: name, done: 'bytes' });
      return hexText(buffer, start, end);
    };
  if (!replace) return stop;
  return (buffer, start, end, out) => {
    out?.note({ column: name, done: 'replaced', was: hexText(buffer, start, end) });
    return replace(buffer, start, end);
  };
}

const hexText = (buffer: Buffer, start: number, end: number): HexText =>
  `0x${buffer.toString('hex', start, end).toUpperCase()}`;

function textWriting(charset: string, { attempt }: Charset, instead: Instead): TextWriting {
  const writeDecoded: TextWriting = (buffer, start, end, out) => {
    out.string(attempt(buffer, start, end) ?? instead(buffer, start, end, out));
  };
  if (charset === 'utf8mb4' || charset === 'utf8mb3')
    return (buffer, start, end, out) => {
      const begin = out.at;
      const mayBeOther = out.text(buffer, start, end);
      if (!mayBeOther || isUtf8(buffer.subarray(start, end))) return;
      out.at = begin;
      out.string(instead(buffer, start, end, out));
    };
  if (!isAsciiBased(charset)) return writeDecoded;
  return (buffer, start, end, out) => {
    const begin = out.at;
    const mayBeOther = out.text(buffer, start, end);
    if (!mayBeOther) return;
    out.at = begin;
    writeDecoded(buffer, start, end, out);
  };
}

/** Whether bytes below 0x80 mean what they mean in ASCII, whatever their neighbours. */
function isAsciiBased(charset: string): boolean {
  if (charset === 'binary') return true;
  if (charset === 'swe7') return false;
  return singleByteTable(charset) !== undefined || doubleByteText(charset) !== undefined;
}

/** How bytes become text; `replace` puts U+FFFD for each sequence that is no character. */
interface Charset {
  readonly attempt: Attempt;
  /** Absent for a charset that is unknown here. */
  readonly replace?: (buffer: Buffer, start: number, end: number) => string;
}

/** One for all columns of a charset: some hold large tables. */
const charsets = new Map<string, Charset>();

function charsetOf(name: string): Charset {
  const charset = charsets.get(name) ?? newCharset(name);
  charsets.set(name, charset);
  return charset;
}

function newCharset(name: string): Charset {
  switch (name) {
    case 'utf8mb4':
    case 'utf8mb3':
      return {
        attempt: decodeUtf8,
        replace: (buffer, start, end) => buffer.toString('utf8', start, end),
      };
    case 'ucs2':
      return { attempt: decodeUcs2, replace: replaceUcs2 };
    case 'utf16':
      return { attempt: decodeUtf16, replace: replacingDecoder('utf-16be') };
    case 'utf16le':
      return { attempt: fatalDecoder('utf-16le'), replace: replacingDecoder('utf-16le') };
    case 'utf32':
      return { attempt: decodeUtf32, replace: replaceUtf32 };
    case 'binary':
      // An ENUM may have it; only ASCII members are the same text whoever reads them.
      return singleByte('ascii') ?? UNKNOWN;
    default:
      return singleByte(name) ?? doubleByte(name) ?? UNKNOWN;
  }
}

const UNKNOWN: Charset = { attempt: (_, start, end) => (start === end ? '' : undefined) };

/** UTF-8 to text, or `undefined` where it is none: a replacement character is never made up. */
export function decodeUtf8(buffer: Buffer, start: number, end: number): string | undefined {
  const text = buffer.toString('utf8', start, end);
  // Either the value holds U+FFFD itself, or bytes that are no UTF-8 were replaced by it.
  return text.includes(REPLACEMENT) ? strictUtf8(buffer, start, end) : text;
}

const strictUtf8 = fatalDecoder('utf-8');
const decodeUtf16 = fatalDecoder('utf-16be');

/** UTF-16 without surrogates: the charset ends at U+FFFF. */
function decodeUcs2(buffer: Buffer, start: number, end: number): string | undefined {
  // The high byte of a surrogate is 0xd8 to 0xdf.
  for (let at = start; at < end; at += 2) if (((buffer[at] ?? 0) & 0xf8) === 0xd8) return undefined;
  return decodeUtf16(buffer, start, end);
}

/** Surrogates are no characters here, not even two of them. */
function replaceUcs2(buffer: Buffer, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at += 2)
    text += decodeUcs2(buffer, at, Math.min(at + 2, end)) ?? REPLACEMENT;
  return text;
}

function fatalDecoder(label: string): Attempt {
  const decoder = new TextDecoder(label, { fatal: true, ignoreBOM: true });
  return (buffer, start, end) => {
    try {
      return decoder.decode(buffer.subarray(start, end));
    } catch {
      return undefined;
    }
  };
}

function replacingDecoder(label: string): TextDecoding {
  const decoder = new TextDecoder(label, { ignoreBOM: true });
  return (buffer, start, end) => decoder.decode(buffer.subarray(start, end));
}

function singleByte(charset: string): Charset | undefined {
  const table = singleByteTable(charset);
  if (table === undefined) return undefined;
  const asciiBased = charset !== 'swe7';
  const replace: TextDecoding = (buffer, start, end) => {
    let text = '';
    for (let at = start; at < end; at += 1) text += table[buffer[at] ?? 0] ?? '';
    return text;
  };
  const attempt: Attempt = (buffer, start, end) => {
    if (asciiBased && isAscii(buffer, start, end)) return buffer.toString('latin1', start, end);
    const text = replace(buffer, start, end);
    return text.includes(REPLACEMENT) ? undefined : text;
  };
  return { attempt, replace };
}

function doubleByte(charset: string): Charset | undefined {
  const text = doubleByteText(charset);
  if (!text) return undefined;
  const { decode, replace } = text;
  const attempt: Attempt = (buffer, start, end) =>
    isAscii(buffer, start, end)
      ? buffer.toString('latin1', start, end)
      : decode(buffer, start, end);
  return { attempt, replace };
}

/** Big-endian code points, four bytes each. */
function decodeUtf32(buffer: Buffer, start: number, end: number): string | undefined {
  let text = '';
  for (let at = start; at < end; at += 4) {
    const character = characterAt(buffer, at, end);
    if (character === undefined) return undefined;
    text += character;
  }
  return text;
}

function replaceUtf32(buffer: Buffer, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at += 4) text += characterAt(buffer, at, end) ?? REPLACEMENT;
  return text;
}

function characterAt(buffer: Buffer, at: number, end: number): string | undefined {
  if (at + 4 > end) return undefined;
  const point = buffer.readUInt32BE(at);
  if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return undefined;
  return String.fromCodePoint(point);
}

function isAscii(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if ((buffer[at] ?? 0) > 0x7f) return false;
  return true;
}

function unreadable(charset: string, column: string): SluiceError {
  return new SluiceError(
    'binlog.unsupported',
    `A value of ${column} in charset ${charset} cannot be turned into Unicode exactly. Convert the column to utf8mb4, exclude its table, or say with invalidText in source.tables what stands for such values; in a column of the key nothing can.`,
    { facts: { column, charset } },
  );
}
