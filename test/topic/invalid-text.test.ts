import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonBytes } from '../../src/binlog/json-bytes.ts';
import type { EncodedImage, EncodedRow } from '../../src/change/encoded-row.ts';
import type { InvalidTextRule } from '../../src/change/row-settings.ts';
import { ChunkBytes } from '../../src/mysql/chunk-bytes.ts';
import { TextRowWriter } from '../../src/mysql/text-row-writer.ts';
import { type TextRow, textEvent, textResult, textTable } from '../support/text-table.ts';

/** An image and what it says of itself, from either way in. */
interface Image {
  readonly row: unknown;
  readonly key: string;
  readonly invalid: EncodedImage['invalid'];
}

function imageText({ bytes, after }: EncodedRow): Image & { readonly json: string } {
  const { start, end, keyStart, keyEnd, invalid } = after!;
  const json = bytes.toString('utf8', start, end);
  return { json, row: JSON.parse(json), key: bytes.toString('utf8', keyStart, keyEnd), invalid };
}

function logged(charset: string, rows: readonly TextRow[], rule: InvalidTextRule, key?: string[]) {
  const cursor = textEvent(textTable(charset, key), 'insert', rows, rule).encode(new JsonBytes());
  const images: ReturnType<typeof imageText>[] = [];
  while (cursor.next()) images.push(imageText(cursor));
  return images;
}

function copied(charset: string, rows: readonly TextRow[], rule: InvalidTextRule, key?: string[]) {
  const writer = new TextRowWriter(textTable(charset, key), rule);
  const chunk = new ChunkBytes();
  chunk.clear(rows.length);
  for (const row of rows) chunk.add(textResult(row), writer);
  return rows.map((_, index) => imageText(chunk.at(index)));
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const rowOf = (word: string, id = 7): TextRow => ({ word: hex(word), id, note: Buffer.from('ž') });

/** The text that stands for bytes; sequences are those that the server takes for one character. */
const REPLACED: readonly (readonly [charset: string, bytes: string, text: string])[] = [
  ['utf8mb4', '41ff42', 'A\ufffdB'],
  ['utf8mb4', '41 c3 28', 'A\ufffd('],
  ['utf8mb4', 'f09f98', '\ufffd'],
  ['utf8mb4', 'eda080', '\ufffd\ufffd\ufffd'],
  ['utf8mb4', 'efbfbd ff', '\ufffd\ufffd'],
  ['utf8mb4', 'efbbbf ff', '\ufeff\ufffd'],
  ['utf8mb3', '22 ff 0a', '"\ufffd\n'],
  ['ascii', '4180', 'A\ufffd'],
  ['cp1250', '4181', 'A\ufffd'],
  ['hebrew', 'e0ff', 'א\ufffd'],
  ['ucs2', 'd83d de00 0041', '\ufffd\ufffdA'],
  ['utf16', '0041 d83d 0042', 'A\ufffdB'],
  ['utf16', '0041 00', 'A\ufffd'],
  ['utf16le', '4100 3dd8', 'A\ufffd'],
  ['utf32', '00000041 0000d83d 00110000 0042', 'A\ufffd\ufffd\ufffd'],
  ['sjis', '8740 41', '\ufffd@A'],
  ['sjis', '815f 81', '\\\ufffd'],
  ['gbk', 'a140 41', '\ufffd@A'],
  ['gbk', 'd2bb a2a0', '一\ufffd'],
  ['ujis', '8fa2a2 41', '\ufffdA'],
  ['ujis', '8fa2', '\ufffd'],
  ['euckr', 'c9a1 41', '\ufffdA'],
  ['gb18030', 'fe39fe39 41', '\ufffdA'],
  ['gb18030', '813041', '\ufffd0A'],
];

describe('a text that is not valid in its charset', () => {
  it.each(REPLACED)(
    'of %s %s is replaced by %j, from the log and from a chunk',
    (charset, bytes, text) => {
      const was = `0x${hex(bytes).toString('hex').toUpperCase()}`;
      const rows = [rowOf(bytes)];
      const [image] = logged(charset, rows, 'replace');
      expect(image).toMatchObject({
        row: { word: text, id: 7, note: 'ž' },
        key: '{"id":7}',
        invalid: [{ column: 'word', done: 'replaced', was }],
      });
      expect(copied(charset, rows, 'replace')).toEqual([image]);
    },
  );

  it.each(REPLACED)(
    'of %s %s is passed on as its bytes, from the log and from a chunk',
    (charset, bytes) => {
      const word = `0x${hex(bytes).toString('hex').toUpperCase()}`;
      const rows = [rowOf(bytes)];
      const [image] = logged(charset, rows, 'bytes');
      expect(image).toMatchObject({
        row: { word, id: 7, note: 'ž' },
        invalid: [{ column: 'word', done: 'bytes' }],
      });
      expect(copied(charset, rows, 'bytes')).toEqual([image]);
    },
  );

  it.each(REPLACED)('of %s %s is refused where nothing is to stand for it', (charset, bytes) => {
    expect(() => logged(charset, [rowOf(bytes)], 'stop')).toThrow(/shop\.texts\.word in charset/);
    expect(() => copied(charset, [rowOf(bytes)], 'stop')).toThrow(/shop\.texts\.word in charset/);
  });

  it.each(['replace', 'bytes'] as const)(
    'in a column of the key is refused with %s, since two keys might become one',
    (rule) => {
      const refusal = expect.objectContaining({ code: 'binlog.unsupported' }) as Error;
      for (const rows of [logged, copied])
        expect(() => rows('utf8mb4', [rowOf('ff')], rule, ['id', 'word'])).toThrow(refusal);
      const fine = rowOf('41');
      expect(logged('utf8mb4', [fine], rule, ['word'])).toMatchObject([{ key: '{"word":"A"}' }]);
    },
  );

  it('of a charset that is unknown is passed on as bytes, and never replaced: it may be valid', () => {
    expect(logged('collation-9999', [rowOf('41')], 'bytes')).toMatchObject([
      { row: { word: '0x41' } },
    ]);
    expect(() => logged('collation-9999', [rowOf('41')], 'replace')).toThrow(/cannot be turned/);
    expect(() => copied('collation-9999', [rowOf('41')], 'replace')).toThrow(/cannot be turned/);
  });

  it('is named in its own row and image alone, each column of them', () => {
    const twice = { word: hex('41ff'), id: 2, note: hex('ff') };
    const rows = [
      rowOf('41', 1),
      twice,
      rowOf('42', 3),
      rowOf('ff', 4),
      { ...rowOf(''), word: null },
    ];
    const invalid = [
      undefined,
      [
        { column: 'word', done: 'replaced', was: '0x41FF' },
        { column: 'note', done: 'replaced', was: '0xFF' },
      ],
      undefined,
      [{ column: 'word', done: 'replaced', was: '0xFF' }],
      undefined,
    ];
    const images = logged('utf8mb4', rows, 'replace');
    expect(images.map((image) => image.invalid)).toEqual(invalid);
    expect(copied('utf8mb4', rows, 'replace')).toEqual(images);
  });

  it('leaves nothing behind in a row that is refused for another column', () => {
    const out = new JsonBytes();
    const schema = textTable('utf8mb4', ['note']);
    const refused = textEvent(
      schema,
      'insert',
      [{ word: hex('ff'), id: 1, note: hex('ff') }],
      'bytes',
    );
    expect(() => refused.encode(out).next()).toThrow(/shop\.texts\.note/);
    const next = textEvent(schema, 'insert', [rowOf('41')], 'bytes').encode(out);
    expect(next.next()).toBe(true);
    expect(imageText(next).invalid).toBeUndefined();
  });
});

describe('a text that is valid', () => {
  const charsets = fc.constantFrom('utf8mb4', 'utf8mb3', 'latin1', 'cp1250', 'utf16le', 'ujis');
  const anyRow = fc.record({
    word: fc.option(
      fc.oneof(
        fc.string({ unit: 'grapheme' }).map((text) => Buffer.from(text)),
        fc.string().map((text) => Buffer.from(text, 'utf16le')),
        fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
        fc.constantFrom('0xFF', '\ufffd', '').map((text) => Buffer.from(text)),
      ),
    ),
    id: fc.nat(255),
    note: fc.option(fc.string({ unit: 'grapheme' }).map((text) => Buffer.from(text))),
  });

  it('is never touched, and one that is not is never passed on unnamed, whatever stands for it', () => {
    let valid = 0;
    let invalid = 0;
    fc.assert(
      fc.property(charsets, anyRow, fc.constantFrom('replace', 'bytes'), (charset, row, rule) => {
        let exact: readonly Image[] | undefined;
        try {
          exact = logged(charset, [row], 'stop');
        } catch {}
        const images = logged(charset, [row], rule);
        expect(copied(charset, [row], rule)).toEqual(images);
        if (exact) {
          valid += 1;
          expect(images).toEqual(exact);
          expect(images[0]?.invalid).toBeUndefined();
        } else {
          invalid += 1;
          expect(images[0]?.invalid).toMatchObject([{ column: 'word' }]);
        }
      }),
      { numRuns: 2000 },
    );
    expect(valid).toBeGreaterThan(200);
    expect(invalid).toBeGreaterThan(200);
  });
});
