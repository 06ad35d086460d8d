import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RowsEvent } from '../../src/binlog/event.ts';
import { JsonBytes } from '../../src/binlog/json-bytes.ts';
import { MysqlChunkReader } from '../../src/mysql/chunk-reader.ts';
import { OneServer } from '../../src/mysql/one-server.ts';
import { MysqlSourceServer } from '../../src/mysql/source-server.ts';
import { type RowText, rowText, rowTexts } from '../support/chunk-rows.ts';
import { EVERY_TYPE, type TypeSample, VECTOR_TYPE } from './every-type.ts';
import {
  account,
  eventsUntil,
  isRowsOf,
  MYSQL_URL,
  never,
  type TestDatabase,
  testDatabase,
} from './support.ts';

const ROWS = 120;

async function typesOf(db: TestDatabase): Promise<readonly (readonly [string, TypeSample])[]> {
  const [row] = await db.session.query('SELECT @@version AS version', 'test');
  const withVector = Number.parseInt(row?.['version'] ?? '', 10) >= 9;
  return Object.entries(withVector ? { ...EVERY_TYPE, vec: VECTOR_TYPE } : EVERY_TYPE);
}

/** A table with every type, once nullable and once not, an invisible and a generated column. */
async function createEveryType(
  db: TestDatabase,
  types: Awaited<ReturnType<typeof typesOf>>,
): Promise<void> {
  const columns = types.flatMap(([name, { sql }]) => [
    `${name} ${sql}`,
    `${name}_nn ${sql} NOT NULL`,
  ]);
  await db.run(
    `CREATE TABLE every_type (
       ${columns.slice(0, 11).join(', ')}, id INT NOT NULL,
       hidden INT INVISIBLE DEFAULT 7, doubled INT AS (id * 2) VIRTUAL, stored_sum BIGINT AS (id + 1) STORED,
       ${columns.slice(11).join(', ')}, PRIMARY KEY (id)
     ) ROW_FORMAT=DYNAMIC DEFAULT CHARSET utf8mb4`,
  );
}

async function insertRows(
  db: TestDatabase,
  types: Awaited<ReturnType<typeof typesOf>>,
): Promise<void> {
  const names = types.flatMap(([name]) => [name, `${name}_nn`]);
  const row = fc.tuple(
    ...types.flatMap(([, { value }]) => [fc.option(value, { nil: 'NULL', freq: 6 }), value]),
  );
  const rows = fc.sample(row, ROWS);
  for (const [index, values] of rows.entries())
    await db.run(
      `INSERT INTO every_type (id, ${names.join(', ')}) VALUES (${index - 5}, ${values.join(', ')})`,
    );
}

/** As the rows of an event go into the topics. */
function loggedRows(event: RowsEvent): readonly RowText[] {
  const rows = event.encode(new JsonBytes());
  const texts: RowText[] = [];
  while (rows.next()) texts.push(rowText(rows));
  return texts;
}

describe.skipIf(!MYSQL_URL)('a row of every type', () => {
  it('has the same schema and the same bytes from the log and from SELECT', async () => {
    await using db = await testDatabase({ 'SESSION sql_mode': "'ALLOW_INVALID_DATES'" });
    const types = await typesOf(db);
    await createEveryType(db, types);
    const before = await db.executed();
    await insertRows(db, types);

    const logged: RowText[] = [];
    const events = await eventsUntil(before, (event) => {
      if (!isRowsOf(event, 'every_type')) return false;
      logged.push(...loggedRows(event));
      return logged.length === ROWS;
    });
    const map = events.find((event) => event.kind === 'tableMap');

    await using closing = new AsyncDisposableStack();
    const reader = closing.adopt(new MysqlChunkReader(new OneServer(account())), (it) =>
      it.close(),
    );
    const chunk = await reader.readChunk(
      {
        table: { database: db.name, table: 'every_type' },
        maxRows: 1000,
        maxBytes: 1e9,
        barrier: await db.executed(),
      },
      never,
    );
    const server = closing.adopt(
      new MysqlSourceServer(new OneServer(account()), {
        serverId: 1,
        identity: 'p',
        include: [`${db.name}.*`],
        exclude: [],
      }),
      (it) => it.close(),
    );
    const [captured] = await server.capturedTables();

    expect(map?.kind === 'tableMap' && map.table.schema).toEqual(chunk.schema);
    expect(captured?.sight).toMatchObject({ kind: 'readable', table: { schema: chunk.schema } });
    expect(chunk.complete).toBe(true);
    expect(rowTexts(chunk.rows)).toEqual(logged);
  });

  it('is refused by both when a character has no Unicode, where the server would say "?"', async () => {
    await using db = await testDatabase();
    await db.run('CREATE TABLE odd (id INT PRIMARY KEY, word VARCHAR(10) CHARACTER SET gbk)');
    const before = await db.executed();
    // A character of the user-defined range.
    await db.run("INSERT INTO odd VALUES (1, CAST(x'a140' AS CHAR CHARACTER SET gbk))");
    const [event] = (await eventsUntil(before, (it) => isRowsOf(it, 'odd'))).filter((it) =>
      isRowsOf(it, 'odd'),
    );
    const refusal = {
      code: 'binlog.unsupported',
      facts: { column: `${db.name}.odd.word`, charset: 'gbk' },
    };
    expect(() => event && loggedRows(event)).toThrow(expect.objectContaining(refusal) as Error);
    await using closing = new AsyncDisposableStack();
    const reader = closing.adopt(new MysqlChunkReader(new OneServer(account())), (it) =>
      it.close(),
    );
    const table = { database: db.name, table: 'odd' };
    const reading = reader.readChunk(
      { table, maxRows: 10, maxBytes: 1e6, barrier: await db.executed() },
      never,
    );
    await expect(reading).rejects.toMatchObject(refusal);
  });

  it('has the same schema both ways for every collation of the server', async () => {
    await using db = await testDatabase();
    const collations = (await db.session.query('SHOW COLLATION', 'test')).map(
      (row) => row['Collation'] ?? '',
    );
    const columns = collations
      .filter((collation) => collation !== 'binary')
      .map((collation) => `${collation} VARCHAR(3) COLLATE ${collation}`);
    await expectSameSchema(
      db,
      'collations',
      `id INT PRIMARY KEY, ${columns.join(', ')}`,
      'id) VALUES (1',
    );
    expect(columns.length).toBeGreaterThan(200);
  });

  it.each([
    [
      'names that need quoting',
      '`a``b` INT, `ünï "c"` INT, `select` INT PRIMARY KEY',
      '`select`) VALUES (1',
    ],
    [
      'a key in another order than its columns',
      'a INT, b INT, c INT, PRIMARY KEY (c, a)',
      'a, c) VALUES (1, 2',
    ],
    [
      'a key over a prefix',
      'id VARCHAR(50), t TEXT, PRIMARY KEY (t(10), id)',
      "id, t) VALUES ('a', 'b'",
    ],
    [
      'an index over an expression',
      'id INT PRIMARY KEY, j JSON, INDEX ((id + 1)), INDEX ((CAST(j AS UNSIGNED ARRAY)))',
      "id, j) VALUES (1, '[1]'",
    ],
    [
      'generated columns',
      'id INT PRIMARY KEY, v INT AS (id + 1) VIRTUAL, s CHAR(5) AS (id) STORED NOT NULL',
      'id) VALUES (1',
    ],
    [
      'national, empty and byte strings',
      'id INT PRIMARY KEY, n NCHAR(3), nv NVARCHAR(3), e CHAR(0), v VARCHAR(0), b BINARY(0), c CHAR(3) CHARACTER SET binary, t TEXT CHARACTER SET binary',
      'id) VALUES (1',
    ],
  ])('has the same schema and values both ways with %s', async (_, columns, insert) => {
    await using db = await testDatabase();
    await expectSameSchema(db, 'odd', columns, insert);
  });
});

/** Creates a table, inserts one row, and compares what the log and what SELECT say of both. */
async function expectSameSchema(
  db: TestDatabase,
  table: string,
  columns: string,
  insert: string,
): Promise<void> {
  await db.run(`CREATE TABLE ${table} (${columns})`);
  const before = await db.executed();
  await db.run(`INSERT INTO ${table} (${insert})`);
  const [event] = (await eventsUntil(before, (it) => isRowsOf(it, table))).filter((it) =>
    isRowsOf(it, table),
  );
  await using closing = new AsyncDisposableStack();
  const reader = closing.adopt(new MysqlChunkReader(new OneServer(account())), (it) => it.close());
  const chunk = await reader.readChunk(
    {
      table: { database: db.name, table },
      maxRows: 10,
      maxBytes: 1e6,
      barrier: await db.executed(),
    },
    never,
  );
  expect(event?.table.schema).toEqual(chunk.schema);
  expect(event && loggedRows(event)).toEqual(rowTexts(chunk.rows));
}
