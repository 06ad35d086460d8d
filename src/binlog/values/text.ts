import { SluiceError } from '../../errors/error.ts';

/**
 * MySQL charset → label of a decoder that maps every byte sequence as MySQL does. A charset is
 * missing here when none is known to agree; ASCII text in it is still read.
 */
const DECODERS: Readonly<Record<string, string>> = {
  big5: 'big5',
  cp1250: 'windows-1250',
  cp1251: 'windows-1251',
  cp1256: 'windows-1256',
  cp1257: 'windows-1257',
  cp866: 'ibm866',
  cp932: 'shift_jis',
  eucjpms: 'euc-jp',
  euckr: 'euc-kr',
  gb18030: 'gb18030',
  gb2312: 'gbk',
  gbk: 'gbk',
  greek: 'iso-8859-7',
  hebrew: 'iso-8859-8',
  koi8r: 'koi8-r',
  koi8u: 'koi8-u',
  latin2: 'iso-8859-2',
  latin5: 'windows-1254',
  latin7: 'iso-8859-13',
  macroman: 'macintosh',
  sjis: 'shift_jis',
  tis620: 'windows-874',
  ucs2: 'utf-16be',
  ujis: 'euc-jp',
  utf16: 'utf-16be',
  utf16le: 'utf-16le',
};

/** Charsets whose ASCII bytes mean something else, or that are wider than a byte. */
const NOT_ASCII_BASED = new Set(['ucs2', 'utf16', 'utf16le', 'utf32', 'swe7']);

/** cp1252 as MySQL's latin1 has it: the five bytes without a character become C1 controls. */
const LATIN1 = new TextDecoder('windows-1252');
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export type TextDecoding = (buffer: Buffer, start: number, end: number) => string;

/**
 * How bytes of a charset become text.
 *
 * @param column names the column in the error of a value that cannot be read exactly
 */
export function textDecoding(charset: string, column: string): TextDecoding {
  switch (charset) {
    case 'utf8mb4':
    case 'utf8mb3':
      return (buffer, start, end) => decodeUtf8(buffer, start, end, charset, column);
    case 'latin1':
      return (buffer, start, end) =>
        isAscii(buffer, start, end)
          ? buffer.toString('latin1', start, end)
          : LATIN1.decode(buffer.subarray(start, end));
    case 'utf32':
      return (buffer, start, end) => decodeUtf32(buffer, start, end, column);
    default:
      return otherDecoding(charset, column);
  }
}

function decodeUtf8(
  buffer: Buffer,
  start: number,
  end: number,
  charset: string,
  column: string,
): string {
  const text = buffer.toString('utf8', start, end);
  if (!text.includes('\ufffd')) return text;
  // Either the value holds U+FFFD itself, or bytes that are no UTF-8 were replaced by it.
  try {
    return UTF8.decode(buffer.subarray(start, end));
  } catch (cause) {
    throw unreadable(charset, column, cause);
  }
}

function otherDecoding(charset: string, column: string): TextDecoding {
  const label = DECODERS[charset];
  const decoder = label === undefined ? undefined : new TextDecoder(label, { fatal: true, ignoreBOM: true });
  const asciiBased = !NOT_ASCII_BASED.has(charset);
  return (buffer, start, end) => {
    if (asciiBased && isAscii(buffer, start, end)) return buffer.toString('latin1', start, end);
    if (!decoder) throw unreadable(charset, column);
    try {
      return decoder.decode(buffer.subarray(start, end));
    } catch (cause) {
      throw unreadable(charset, column, cause);
    }
  };
}

function decodeUtf32(buffer: Buffer, start: number, end: number, column: string): string {
  if ((end - start) % 4 !== 0) throw unreadable('utf32', column);
  let text = '';
  for (let at = start; at < end; at += 4) {
    const point = buffer.readUInt32BE(at);
    if (point > 0x10ffff) throw unreadable('utf32', column);
    text += String.fromCodePoint(point);
  }
  return text;
}

function isAscii(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if ((buffer[at] ?? 0) > 0x7f) return false;
  return true;
}

function unreadable(charset: string, column: string, cause?: unknown): SluiceError {
  return new SluiceError(
    'binlog.unsupported',
    `A value of ${column} in charset ${charset} cannot be turned into Unicode exactly. Convert the column to utf8mb4, or exclude its table.`,
    { cause, facts: { column, charset } },
  );
}
