import { isUtf8 } from 'node:buffer';
import { SluiceError } from '../../errors/error.ts';
import type { JsonBytes } from '../json-bytes.ts';
import { doubleByteDecoder } from './double-byte-text.ts';
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
  const attempt = attempts.get(charset) ?? attemptOf(charset);
  attempts.set(charset, attempt);
  return (buffer, start, end) => {
    const text = attempt(buffer, start, end);
    if (text === undefined) throw unreadable(charset, column);
    return text;
  };
}

/** Bytes from `start` to before `end` as a JSON text; throws where {@link TextDecoding} does. */
type TextWriting = (buffer: Buffer, start: number, end: number, out: JsonBytes) => void;

/** Both ways out of a charset: bytes that are the same in UTF-8 are copied, the rest decoded. */
export function textCodec(
  charset: string,
  column: string,
): { readonly decode: TextDecoding; readonly write: TextWriting } {
  const decode = textDecoding(charset, column);
  return { decode, write: textWriting(charset, decode) };
}

function textWriting(charset: string, decode: TextDecoding): TextWriting {
  if (charset === 'utf8mb4' || charset === 'utf8mb3')
    return (buffer, start, end, out) => {
      const mayBeOther = out.text(buffer, start, end);
      if (mayBeOther && !isUtf8(buffer.subarray(start, end))) decode(buffer, start, end);
    };
  if (!isAsciiBased(charset))
    return (buffer, start, end, out) => {
      out.string(decode(buffer, start, end));
    };
  return (buffer, start, end, out) => {
    const begin = out.at;
    const mayBeOther = out.text(buffer, start, end);
    if (!mayBeOther) return;
    out.at = begin;
    out.string(decode(buffer, start, end));
  };
}

/** Whether bytes below 0x80 mean what they mean in ASCII, whatever their neighbours. */
function isAsciiBased(charset: string): boolean {
  if (charset === 'binary') return true;
  if (charset === 'swe7') return false;
  return singleByteTable(charset) !== undefined || doubleByteDecoder(charset) !== undefined;
}

/** One for all columns of a charset: some hold large tables. */
const attempts = new Map<string, Attempt>();

function attemptOf(charset: string): Attempt {
  switch (charset) {
    case 'utf8mb4':
    case 'utf8mb3':
      return decodeUtf8;
    case 'ucs2':
      return decodeUcs2;
    case 'utf16':
      return decodeUtf16;
    case 'utf16le':
      return fatalDecoder('utf-16le');
    case 'utf32':
      return decodeUtf32;
    case 'binary':
      // An ENUM may have it; only ASCII members are the same text whoever reads them.
      return singleByte('ascii') ?? refuse;
    default:
      return singleByte(charset) ?? doubleByte(charset) ?? refuse;
  }
}

const refuse: Attempt = (_, start, end) => (start === end ? '' : undefined);

/** UTF-8 to text, or `undefined` where it is none: a replacement character is never made up. */
export function decodeUtf8(buffer: Buffer, start: number, end: number): string | undefined {
  const text = buffer.toString('utf8', start, end);
  // Either the value holds U+FFFD itself, or bytes that are no UTF-8 were replaced by it.
  return text.includes('\ufffd') ? strictUtf8(buffer, start, end) : text;
}

const strictUtf8 = fatalDecoder('utf-8');
const decodeUtf16 = fatalDecoder('utf-16be');

/** UTF-16 without surrogates: the charset ends at U+FFFF. */
function decodeUcs2(buffer: Buffer, start: number, end: number): string | undefined {
  // The high byte of a surrogate is 0xd8 to 0xdf.
  for (let at = start; at < end; at += 2) if (((buffer[at] ?? 0) & 0xf8) === 0xd8) return undefined;
  return decodeUtf16(buffer, start, end);
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

function singleByte(charset: string): Attempt | undefined {
  const table = singleByteTable(charset);
  if (table === undefined) return undefined;
  const asciiBased = charset !== 'swe7';
  return (buffer, start, end) => {
    if (asciiBased && isAscii(buffer, start, end)) return buffer.toString('latin1', start, end);
    let text = '';
    for (let at = start; at < end; at += 1) text += table[buffer[at] ?? 0] ?? '';
    return text.includes('\ufffd') ? undefined : text;
  };
}

function doubleByte(charset: string): Attempt | undefined {
  const decode = doubleByteDecoder(charset);
  return (
    decode &&
    ((buffer, start, end) =>
      isAscii(buffer, start, end)
        ? buffer.toString('latin1', start, end)
        : decode(buffer, start, end))
  );
}

/** Big-endian code points, four bytes each. */
function decodeUtf32(buffer: Buffer, start: number, end: number): string | undefined {
  if ((end - start) % 4 !== 0) return undefined;
  let text = '';
  for (let at = start; at < end; at += 4) {
    const point = buffer.readUInt32BE(at);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return undefined;
    text += String.fromCodePoint(point);
  }
  return text;
}

function isAscii(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if ((buffer[at] ?? 0) > 0x7f) return false;
  return true;
}

function unreadable(charset: string, column: string): SluiceError {
  return new SluiceError(
    'binlog.unsupported',
    `A value of ${column} in charset ${charset} cannot be turned into Unicode exactly. Convert the column to utf8mb4, or exclude its table.`,
    { facts: { column, charset } },
  );
}
