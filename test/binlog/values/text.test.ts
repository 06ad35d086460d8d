import { describe, expect, it } from 'vitest';
import { textDecoding } from '../../../src/binlog/values/text.ts';

function decode(charset: string, hex: string): string {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  // Neighbours on both sides: only the value may be read.
  const buffer = Buffer.concat([Buffer.from([0xff]), bytes, Buffer.from([0xff])]);
  return textDecoding(charset, 'd.t.c')(buffer, 1, 1 + bytes.length);
}

describe('textDecoding', () => {
  it.each([
    ['utf8mb4', 'c5be f09f9880', 'ž😀'],
    ['utf8mb3', 'c5be', 'ž'],
    ['ascii', '6162', 'ab'],
    ['latin1', '80 81 ff', '€\u0081ÿ'],
    ['latin2', 'be', 'ž'],
    ['cp1250', '9e', 'ž'],
    ['cp1251', 'c6', 'Ж'],
    ['cp850', '82', 'é'],
    ['koi8r', 'd6', 'ж'],
    ['macroman', '8e', 'é'],
    ['greek', 'e1', 'α'],
    ['swe7', '5b 41', 'ÄA'],
    ['ucs2', '017e 0041', 'žA'],
    ['utf16', 'd83d de00', '😀'],
    ['utf16', 'feff 0041', '\ufeffA'],
    ['utf16le', '3dd8 00de', '😀'],
    ['utf32', '0001f600', '😀'],
    ['sjis', '815f b1 1a 41', '\\ｱ\u001aA'],
    ['cp932', '815f 8160', '＼～'],
    ['ujis', 'a1c1 8fb0a1 8eb1', '〜丂ｱ'],
    ['eucjpms', '8ff4ac', '№'],
    ['euckr', 'b0a1 8c63 a2e6', '가똠€'],
    ['big5', 'a440 c6a1', '一ヾ'],
    ['gbk', 'd2bb 8140', '一丂'],
    ['gb2312', 'a1a4', '・'],
    ['gb18030', 'd2bb 8139ee39 9439fc36', '一㐀😀'],
  ])('reads %s bytes %s as the server does', (charset, hex, text) => {
    expect(decode(charset, hex)).toBe(text);
  });

  it.each([
    ['utf8mb4', 'c328'],
    ['utf8mb4', 'f09f98'],
    ['ascii', '80'],
    ['cp1251', '98'],
    ['hebrew', 'ff'],
    ['ucs2', 'd83dde00'],
    ['utf16', 'd83d'],
    ['utf16', '00'],
    ['utf32', '0000d83d'],
    ['utf32', '00110000'],
    ['sjis', '8740'],
    ['sjis', '81'],
    ['gbk', 'a140'],
    ['gb18030', '8139'],
    ['gb18030', '813030'],
    ['binary', 'e9'],
    ['collation-9999', '41'],
  ])('refuses %s bytes %s, naming column and charset', (charset, hex) => {
    expect(() => decode(charset, hex)).toThrow(`d.t.c in charset ${charset} cannot`);
  });

  it('reads an empty value in any charset', () => {
    expect(decode('collation-9999', '')).toBe('');
  });
});
