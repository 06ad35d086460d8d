import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { charsetOfCollation } from '../../src/binlog/collations.ts';
import { textDecoding } from '../../src/binlog/values/text.ts';

const url = process.env['SLUICE_TEST_MYSQL'] ?? '';

const byte = (value: number): string => value.toString(16).padStart(2, '0');
const range = (first: number, last: number): readonly number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

const SINGLE = range(0, 255).map(byte);
const PAIRS = range(0x80, 0xff).flatMap((lead) => SINGLE.map((trail) => byte(lead) + trail));
const TRIPLES = range(0xa1, 0xfe).flatMap((lead) =>
  range(0xa1, 0xfe).map((trail) => `8f${byte(lead)}${byte(trail)}`),
);
/** Every code point of the first plane, and samples of the others. */
const CODE_POINTS = [
  ...range(0, 0xd7ff),
  ...range(0xe000, 0xffff),
  ...range(0, 3000).map((step) => 0x10000 + 349 * step),
];

const CHARSETS: readonly (readonly [charset: string, codes: readonly string[]])[] = [
  ...'armscii8 ascii cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 dec8 geostd8 greek hebrew hp8 keybcs2 koi8r koi8u latin1 latin2 latin5 latin7 macce macroman swe7 tis620'
    .split(' ')
    .map((charset) => [charset, SINGLE] as const),
  ...'big5 cp932 euckr gb18030 gb2312 gbk sjis'
    .split(' ')
    .map((charset) => [charset, [...SINGLE, ...PAIRS]] as const),
  ...'eucjpms ujis'
    .split(' ')
    .map((charset) => [charset, [...SINGLE, ...PAIRS, ...TRIPLES]] as const),
];

/** `undefined` where the bytes cannot be read exactly. */
function decoded(charset: string, hex: string): string | undefined {
  const bytes = Buffer.from(hex, 'hex');
  try {
    return textDecoding(charset, 'd.t.c')(bytes, 0, bytes.length);
  } catch {
    return undefined;
  }
}

describe.skipIf(url === '')('charsets as a server converts them', () => {
  let connection: Connection;

  beforeAll(async () => {
    connection = await createConnection({ uri: url, charset: 'utf8mb4' });
  });
  afterAll(async () => {
    await connection.end();
  });

  /** The server's conversion of each value from one charset to another, in hex; null: not valid. */
  async function converted(
    codes: readonly string[],
    from: string,
    to: string,
  ): Promise<readonly (string | null)[]> {
    const [rows] = await connection.query<RowDataPacket[]>(
      `SELECT HEX(CONVERT(CONVERT(UNHEX(j.h) USING ${from}) USING ${to})) AS h
       FROM JSON_TABLE(?, '$[*]' COLUMNS (o FOR ORDINALITY, h VARCHAR(20) PATH '$')) j ORDER BY j.o`,
      [JSON.stringify(codes)],
    );
    return rows.map((row) => row['h'] as string | null);
  }

  it.each(CHARSETS)(
    'reads every code of %s, or refuses what the server cannot convert',
    async (charset, codes) => {
      const texts = await converted(codes, charset, 'utf8mb4');
      const differences = codes.flatMap((code, index) => {
        const text = Buffer.from(texts[index] ?? '', 'hex').toString();
        // A question mark where none was, or nothing at all: the server has lost the character.
        const isLost =
          (text.includes('?') && !code.endsWith('3f')) || text.includes('\ufffd') || text === '';
        const wanted = isLost ? undefined : text;
        return decoded(charset, code) === wanted ? [] : [[code, wanted, decoded(charset, code)]];
      });
      expect(differences).toEqual([]);
    },
  );

  it.each(['gb18030', 'utf8mb4', 'utf16', 'utf16le', 'utf32'])(
    'reads every character of %s',
    async (charset) => {
      const points = CODE_POINTS.map((point) => point.toString(16).padStart(8, '0'));
      const codes = await converted(points, 'utf32', charset);
      const differences = CODE_POINTS.filter(
        (point, index) => decoded(charset, codes[index] ?? '') !== String.fromCodePoint(point),
      );
      expect(differences).toEqual([]);
    },
  );

  it('knows the charset of every collation', async () => {
    const [rows] = await connection.query<RowDataPacket[]>(
      'SELECT id AS id, character_set_name AS charset FROM information_schema.collations',
    );
    expect(rows.length).toBeGreaterThan(250);
    for (const row of rows) expect(charsetOfCollation(Number(row['id']))).toBe(row['charset']);
  });
});
