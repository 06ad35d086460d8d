import { describe, expect, it } from 'vitest';
import { BinlogDecoder } from '../../src/binlog/decoder.ts';
import { JsonBytes } from '../../src/binlog/json-bytes.ts';
import type { EncodedRow } from '../../src/change/encoded-row.ts';
import type { InvalidTextRule } from '../../src/change/row-settings.ts';
import { MysqlChunkReader } from '../../src/mysql/chunk-reader.ts';
import { OneServer } from '../../src/mysql/one-server.ts';
import { type RowText, rowText } from '../support/chunk-rows.ts';
import {
  account,
  eventsUntil,
  isRowsOf,
  MYSQL_URL,
  never,
  type TestDatabase,
  testDatabase,
} from './support.ts';

interface Row extends RowText {
  readonly invalid: unknown;
}

const rowOf = (row: EncodedRow): Row => ({ ...rowText(row), invalid: row.after?.invalid });

/** Rows of the table as a chunk has them. */
async function copied(db: TestDatabase, table: string, rule: InvalidTextRule): Promise<Row[]> {
  await using closing = new AsyncDisposableStack();
  const settings = { invalidText: () => rule };
  const reader = closing.adopt(new MysqlChunkReader(new OneServer(account()), settings), (it) =>
    it.close(),
  );
  const barrier = await db.executed();
  const { rows } = await reader.readChunk(
    { table: { database: db.name, table }, maxRows: 100, maxBytes: 1e6, barrier },
    never,
  );
  return Array.from({ length: rows.length }, (_, index) => rowOf(rows.at(index)));
}

/** The same from the log, which has them because all of them are updated. */
async function logged(db: TestDatabase, table: string, rule: InvalidTextRule): Promise<Row[]> {
  const before = await db.executed();
  await db.run(`UPDATE ${table} SET n = n + 1`);
  const rows: Row[] = [];
  await eventsUntil(
    before,
    (event) => {
      if (!isRowsOf(event, table)) return false;
      const cursor = event.encode(new JsonBytes());
      while (cursor.next()) rows.push(rowOf(cursor));
      return true;
    },
    new BinlogDecoder({ invalidText: () => rule }),
  );
  return rows;
}

/** One column for each charset, with the text that stands for bytes that are none. */
const TEXTS = [
  ['cp1250', '4181', 'A\ufffd'],
  ['hebrew', 'ff41', '\ufffdA'],
  ['sjis', '8740', '\ufffd@'],
  ['gbk', 'a14041', '\ufffd@A'],
  ['gb18030', 'fe39fe39', '\ufffd'],
  ['ujis', '8fa2a241', '\ufffdA'],
  ['euckr', 'c9a1', '\ufffd'],
  ['ucs2', 'd8000041', '\ufffdA'],
] as const;

const hexOf = (bytes: string): string => `0x${bytes.toUpperCase()}`;

describe.skipIf(!MYSQL_URL)('a text that is not valid in its charset', () => {
  it('is the same from the log and from SELECT, whatever stands for it', async () => {
    await using db = await testDatabase();
    const columns = TEXTS.map(([charset]) => `${charset} VARCHAR(20) CHARACTER SET ${charset}`);
    const values = TEXTS.map(([charset, bytes]) => `_${charset} x'${bytes}'`);
    await db.run(
      `CREATE TABLE odd (id INT PRIMARY KEY, n INT, ${columns.join(', ')})`,
      `INSERT INTO odd VALUES (1, 0, ${values.join(', ')}), (2, 0, ${TEXTS.map(() => "'ok'").join(', ')})`,
    );
    const stored = TEXTS.map(([charset]) => `HEX(${charset}) AS ${charset}`).join(', ');
    const [row] = await db.session.query(`SELECT ${stored} FROM odd WHERE id = 1`, 'test');
    // The server has taken each as it is, or the rest would prove nothing.
    expect(row).toEqual(Object.fromEntries(TEXTS.map(([name, b]) => [name, b.toUpperCase()])));
    const valid = Object.fromEntries(TEXTS.map(([charset]) => [charset, 'ok']));

    const replaced = await logged(db, 'odd', 'replace');
    expect(await copied(db, 'odd', 'replace')).toEqual(replaced);
    expect(replaced.map((each) => JSON.parse(each.row) as unknown)).toEqual([
      { id: 1, n: 1, ...Object.fromEntries(TEXTS.map(([charset, , text]) => [charset, text])) },
      { id: 2, n: 1, ...valid },
    ]);
    expect(replaced.map(({ invalid }) => invalid)).toEqual([
      TEXTS.map(([column, bytes]) => ({ column, done: 'replaced', was: hexOf(bytes) })),
      undefined,
    ]);

    const asBytes = await logged(db, 'odd', 'bytes');
    expect(await copied(db, 'odd', 'bytes')).toEqual(asBytes);
    expect(asBytes.map((each) => JSON.parse(each.row) as unknown)).toEqual([
      { id: 1, n: 2, ...Object.fromEntries(TEXTS.map(([name, bytes]) => [name, hexOf(bytes)])) },
      { id: 2, n: 2, ...valid },
    ]);
  });

  it('may be in UTF-8 columns whose file comes from elsewhere, and the server’s "?" is in no row', async ({
    skip,
  }) => {
    await using db = await testDatabase();
    const [server] = await db.session.query(
      'SELECT @@secure_file_priv AS allowed, @@datadir AS folder',
      'test',
    );
    skip(server?.['allowed'] !== '', 'the server may not write its own data folder');
    await putBytesIntoTexts(db, `${server?.['folder'] ?? ''}${db.name}`);

    const rows = await logged(db, 'texts', 'replace');
    expect(rows).toEqual([
      {
        key: '{"id":1}',
        row: '{"id":1,"n":1,"v":"A\ufffdB","w":"\ufffd\\""}',
        invalid: [
          { column: 'v', done: 'replaced', was: '0x41FF42' },
          { column: 'w', done: 'replaced', was: '0xC322' },
        ],
      },
      { key: '{"id":2}', row: '{"id":2,"n":1,"v":"ž","w":"ž"}', invalid: undefined },
    ]);
    expect(await copied(db, 'texts', 'replace')).toEqual(rows);
    const asBytes = await logged(db, 'texts', 'bytes');
    expect(asBytes[0]?.row).toBe('{"id":1,"n":2,"v":"0x41FF42","w":"0xC322"}');
    expect(await copied(db, 'texts', 'bytes')).toEqual(asBytes);
    await expect(copied(db, 'texts', 'stop')).rejects.toMatchObject({ code: 'binlog.unsupported' });
  });

  it('in a key is read by nobody, whatever stands for others', async () => {
    await using db = await testDatabase();
    await db.run(
      'CREATE TABLE keyed (k VARCHAR(9) CHARACTER SET cp1250, n INT, PRIMARY KEY (k))',
      "INSERT INTO keyed VALUES (_cp1250 x'81', 1), (_cp1250 x'83', 1)",
    );
    const refusal = { code: 'binlog.unsupported', facts: { charset: 'cp1250' } };
    for (const rule of ['replace', 'bytes'] as const) {
      await expect(copied(db, 'keyed', rule)).rejects.toMatchObject(refusal);
      await expect(logged(db, 'keyed', rule)).rejects.toMatchObject(refusal);
    }
  });
});

/**
 * The server checks what it stores in UTF-8, but not a file that it is given: a table of bytes
 * becomes one of texts, as it does where a server was upgraded from one that did not check.
 */
async function putBytesIntoTexts(db: TestDatabase, folder: string): Promise<void> {
  const columns = (bytes: string, texts: readonly [string, string]): string =>
    `(id INT PRIMARY KEY, n INT, v VARCHAR(20) ${texts[0]}, w VARCHAR(20) ${texts[1]})`.replaceAll(
      'VARCHAR',
      bytes,
    );
  await db.run(
    `CREATE TABLE bytes ${columns('VARBINARY', ['', ''])} ROW_FORMAT=DYNAMIC`,
    `CREATE TABLE texts ${columns('VARCHAR', ['CHARACTER SET utf8mb4', 'CHARACTER SET utf8mb3'])} ROW_FORMAT=DYNAMIC`,
    "INSERT INTO bytes VALUES (1, 0, x'41ff42', x'c322'), (2, 0, 'ž', 'ž')",
    'ALTER TABLE texts DISCARD TABLESPACE',
    'FLUSH TABLES bytes FOR EXPORT',
    `SELECT LOAD_FILE('${folder}/bytes.ibd') INTO DUMPFILE '${folder}/texts.ibd'`,
    'UNLOCK TABLES',
    'ALTER TABLE texts IMPORT TABLESPACE',
  );
}
