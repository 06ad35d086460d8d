import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Gtid, GtidSetText } from '../../src/change/gtid.ts';
import { parseGtidSet } from '../../src/change/gtid-set.ts';
import { tableName } from '../../src/change/table.ts';
import { chunkQuery } from '../../src/mysql/chunk-query.ts';
import { MysqlChunkReader } from '../../src/mysql/chunk-reader.ts';
import { connect } from '../../src/mysql/connection.ts';
import { OneServer } from '../../src/mysql/one-server.ts';
import type { Chunk } from '../../src/snapshot/chunk-reader.ts';
import { type RowText, rowTexts } from '../support/chunk-rows.ts';
import { EVERY_TYPE } from './every-type.ts';
import { account, MYSQL_URL, never, type TestDatabase, testDatabase } from './support.ts';

const NOTHING = '' as GtidSetText;
/** Types a primary key of full columns may have. */
const KEY_TYPES = Object.entries(EVERY_TYPE).filter(
  ([name]) => !/^(flt|dbl|jsn|geo|pnt|ply|gcl|txt|blob|vbin_long|vch_long)/.test(name),
);

describe.skipIf(!MYSQL_URL)('the chunk reader', () => {
  let db: TestDatabase;
  let reader: MysqlChunkReader;

  beforeAll(async () => {
    db = await testDatabase({ 'SESSION sql_mode': "'ALLOW_INVALID_DATES'" });
    reader = new MysqlChunkReader(new OneServer(account()));
  });
  afterAll(async () => {
    await reader.close();
    await db[Symbol.asyncDispose]();
  });

  async function read(
    table: string,
    after: readonly string[] | undefined,
    maxRows: number,
    maxBytes = 1e9,
  ): Promise<Omit<Chunk, 'rows'> & { readonly rows: readonly RowText[] }> {
    const chunk = await reader.readChunk(
      {
        table: { database: db.name, table },
        ...(after ? { after } : {}),
        maxRows,
        maxBytes,
        barrier: NOTHING,
      },
      never,
    );
    return { ...chunk, rows: rowTexts(chunk.rows) };
  }

  async function readAll(table: string, maxRows: number, maxBytes = 1e9): Promise<RowText[]> {
    const rows: RowText[] = [];
    let after: readonly string[] | undefined;
    for (;;) {
      const chunk = await read(table, after, maxRows, maxBytes);
      rows.push(...chunk.rows);
      if (chunk.complete) return rows;
      after = chunk.lastKey;
    }
  }

  it('reads columns whose names mean something to JavaScript, and keys named like results', async () => {
    await db.run(
      'CREATE TABLE race (c1 INT, `__proto__` VARCHAR(20), `constructor` INT, `toString` INT, c0 INT, PRIMARY KEY (c0, c1))',
      "INSERT INTO race VALUES (1, 'b', 3, 4, 2), (2, 'a', 3, 4, 1)",
    );
    expect(await readAll('race', 1)).toEqual([
      {
        key: '{"c0":1,"c1":2}',
        row: '{"c1":2,"__proto__":"a","constructor":3,"toString":4,"c0":1}',
      },
      {
        key: '{"c0":2,"c1":1}',
        row: '{"c1":1,"__proto__":"b","constructor":3,"toString":4,"c0":2}',
      },
    ]);
  });

  it('reads every row once and in key order, for keys of every type, whatever the chunk size', async () => {
    let tables = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.constantFrom(...KEY_TYPES), {
          minLength: 1,
          maxLength: 3,
          selector: ([name]) => name,
        }),
        fc.integer({ min: 1, max: 9 }),
        fc.context(),
        async (types, maxRows, context) => {
          tables += 1;
          const table = `keyed_${tables}`;
          const names = types.map(([name]) => name);
          context.log(names.join(', '));
          await db.run(
            `CREATE TABLE ${table} (${types.map(([name, { sql }]) => `${name} ${sql}`).join(', ')}, note INT, PRIMARY KEY (${names.join(', ')}))`,
          );
          for (const row of fc.sample(fc.tuple(...types.map(([, { value }]) => value)), 25))
            await db.run(`INSERT IGNORE INTO ${table} VALUES (${row.join(', ')}, 1)`);
          const atOnce = (await read(table, undefined, 1000)).rows;
          expect(await readAll(table, maxRows)).toStrictEqual(atOnce);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('ends a chunk on its size and goes on behind it', async () => {
    await db.run('CREATE TABLE wide (id INT PRIMARY KEY, body MEDIUMTEXT)');
    for (let id = 0; id < 20; id += 1)
      await db.run(
        `INSERT INTO wide VALUES (${id}, REPEAT('x', ${id === 3 ? 3_000_000 : 100_000}))`,
      );
    const first = await read('wide', undefined, 1000, 250_000);
    expect(first.complete).toBe(false);
    expect(first.rows.length).toBeGreaterThan(0);
    expect(first.rows.length).toBeLessThan(6);
    const all = await readAll('wide', 1000, 250_000);
    expect(all.map(({ key }) => key)).toEqual(
      Array.from({ length: 20 }, (_, id) => `{"id":${id}}`),
    );
  });

  it('gives a chunk up at a row it refuses, and reads on afterwards', async () => {
    await db.run(
      'CREATE TABLE foreign_words (id INT PRIMARY KEY, word VARCHAR(9) CHARACTER SET gbk)',
      "INSERT INTO foreign_words VALUES (1, 'a'), (2, CAST(x'a140' AS CHAR CHARACTER SET gbk)), (3, 'c')",
    );
    await expect(read('foreign_words', undefined, 10)).rejects.toMatchObject({
      code: 'binlog.unsupported',
    });
    expect((await read('foreign_words', ['2'], 10)).rows).toEqual([
      { key: '{"id":3}', row: '{"id":3,"word":"c"}' },
    ]);
  });

  it('answers what was executed behind what it has read', async () => {
    await db.run('CREATE TABLE ends (id INT PRIMARY KEY)', 'INSERT INTO ends VALUES (1)');
    const first = await read('ends', undefined, 10);
    await db.run('INSERT INTO ends VALUES (2)');
    const second = await read('ends', undefined, 10);
    expect(second.rows).toHaveLength(2);
    const between = parseGtidSet(second.high).subtract(parseGtidSet(first.high));
    expect(between.isEmpty).toBe(false);
    expect(parseGtidSet(await db.executed()).subtract(parseGtidSet(second.high)).isEmpty).toBe(
      true,
    );
  });

  it('answers what is in no file of the log any more', async () => {
    await db.run('CREATE TABLE kept (id INT PRIMARY KEY)', 'FLUSH BINARY LOGS');
    const [status] = await db.session.query('SHOW BINARY LOG STATUS', 'test');
    await db.run(`PURGE BINARY LOGS TO '${status?.['File']}'`, 'INSERT INTO kept VALUES (1)');
    const { high, purged } = await read('kept', undefined, 10);
    expect(parseGtidSet(purged).isSubsetOf(parseGtidSet(high))).toBe(true);
    expect(parseGtidSet(high).subtract(parseGtidSet(purged)).isEmpty).toBe(false);
    expect(purged).not.toBe('');
  });

  it('waits for a commit that is under way, and not for a transaction that only runs', async () => {
    await db.run('CREATE TABLE owned (id INT PRIMARY KEY)');
    const sources = [
      '0badc0de-0000-0000-0000-000000000001',
      '0badc0de-0000-0000-0000-000000000002',
    ];
    const sessions = await Promise.all(sources.map(() => connect(account(), {}, never)));
    try {
      for (const [index, session] of sessions.entries()) {
        await session.query(`SET gtid_next = '${sources[index]}:${process.pid}'`, 'test');
        await session.query('BEGIN', 'test');
        await session.query(`INSERT INTO ${db.name}.owned VALUES (${index})`, 'test');
      }
      const [row] = await db.session.query('SELECT @@global.gtid_owned AS owned', 'test');
      for (const source of sources) expect(row?.['owned']).toContain(source);
      const reading = read('owned', undefined, 10);
      await sessions[0]?.query('COMMIT', 'test');
      const { high } = await reading;
      expect(parseGtidSet(high).contains(`${sources[0]}:${process.pid}` as Gtid)).toBe(true);
      expect(parseGtidSet(high).contains(`${sources[1]}:${process.pid}` as Gtid)).toBe(false);
    } finally {
      for (const session of sessions) session.destroy();
    }
  });

  it('reads invisible columns and generated invisible keys', async () => {
    await db.run(
      'SET SESSION sql_generate_invisible_primary_key = ON',
      'CREATE TABLE gipk (v INT, h INT INVISIBLE DEFAULT 3)',
      'SET SESSION sql_generate_invisible_primary_key = OFF',
      'INSERT INTO gipk (v) VALUES (5)',
    );
    const { schema, rows } = await read('gipk', undefined, 10);
    expect(schema.columns.map(({ name }) => name)).toEqual(['my_row_id', 'v', 'h']);
    expect(schema.key).toEqual([0]);
    expect(rows).toEqual([{ key: '{"my_row_id":1}', row: '{"my_row_id":1,"v":5,"h":3}' }]);
  });

  it('notices a changed definition by itself, or when told to forget the old one', async () => {
    await db.run(
      'CREATE TABLE altered (id INT PRIMARY KEY, a INT)',
      'INSERT INTO altered VALUES (1, 2)',
    );
    await read('altered', undefined, 10);
    await db.run('ALTER TABLE altered RENAME COLUMN a TO b');
    expect((await read('altered', undefined, 10)).schema.columns[1]?.name).toBe('b');
    await db.run('ALTER TABLE altered ADD COLUMN c INT DEFAULT 9');
    reader.forget(tableName({ database: db.name, table: 'altered' }));
    expect((await read('altered', undefined, 10)).rows).toEqual([
      { key: '{"id":1}', row: '{"id":1,"b":2,"c":9}' },
    ]);
  });

  it('reads by the new definition when a value cannot be read by the old one', async () => {
    await db.run(
      'CREATE TABLE retyped (id INT PRIMARY KEY, a VARCHAR(9) CHARACTER SET utf8mb4)',
      "INSERT INTO retyped VALUES (1, 'x')",
    );
    await read('retyped', undefined, 10);
    await db.run(
      'ALTER TABLE retyped MODIFY a VARBINARY(9)',
      "INSERT INTO retyped VALUES (2, x'ff')",
    );
    const { schema, rows } = await read('retyped', undefined, 10);
    expect(schema.columns[1]?.type.kind).toBe('binary');
    expect(rows.map(({ row }) => row)).toEqual(['{"id":1,"a":"eA=="}', '{"id":2,"a":"/w=="}']);
  });

  it('says that a table is gone, before its first chunk and after', async () => {
    await expect(read('never_was', undefined, 10)).rejects.toMatchObject({
      code: 'snapshot.table-gone',
    });
    await db.run('CREATE TABLE short_lived (id INT PRIMARY KEY)');
    await read('short_lived', undefined, 10);
    await db.run('DROP TABLE short_lived');
    await expect(read('short_lived', undefined, 10)).rejects.toMatchObject({
      code: 'snapshot.table-gone',
    });
  });

  it.each([
    ['a floating-point key', 'CREATE TABLE float_key (k DOUBLE PRIMARY KEY)', 'float_key'],
    ['no key', 'CREATE TABLE keyless (k INT)', 'keyless'],
  ])('refuses a table with %s', async (_, sql, table) => {
    await db.run(sql);
    await expect(read(table, undefined, 10)).rejects.toMatchObject({
      code: 'snapshot.key-unsupported',
    });
  });

  it('waits for what the stream has shown, and says so when it does not come', async () => {
    await db.run('CREATE TABLE barred (id INT PRIMARY KEY)');
    const future = await futureOf(db);
    const impatient = new MysqlChunkReader(new OneServer(account()), { barrierTimeoutMs: 50 });
    const request = {
      table: { database: db.name, table: 'barred' },
      maxRows: 1,
      maxBytes: 1e6,
      barrier: future,
    };
    await expect(impatient.readChunk(request, never)).rejects.toMatchObject({
      code: 'snapshot.barrier-timeout',
    });
    await impatient.close();
  });

  it('stops waiting when it is cancelled, and reads again afterwards', async () => {
    await db.run('CREATE TABLE cancelled (id INT PRIMARY KEY)', 'INSERT INTO cancelled VALUES (1)');
    const future = await futureOf(db);
    const abort = new AbortController();
    const waiting = reader.readChunk(
      {
        table: { database: db.name, table: 'cancelled' },
        maxRows: 1,
        maxBytes: 1e6,
        barrier: future,
      },
      abort.signal,
    );
    const stopped = expect(waiting).rejects.toThrow('enough');
    setImmediate(() => {
      abort.abort(new Error('enough'));
    });
    await stopped;
    expect((await read('cancelled', undefined, 5)).rows).toEqual([
      { key: '{"id":1}', row: '{"id":1}' },
    ]);
  });

  it('reads the same rows whatever defaults the server has for sessions', async () => {
    await db.run(
      'CREATE TABLE swayed (k VARCHAR(9) PRIMARY KEY, c CHAR(5), d DATE, t TIMESTAMP)',
      "INSERT INTO swayed VALUES (x'27', 'a', '2024-02-31', '2024-01-01 00:00:00'), (x'5c', 'b', '0000-00-00', '2024-01-01 00:00:00'), (x'5e', NULL, NULL, NULL)",
    );
    const plain = await readAll('swayed', 1);
    expect(plain).toHaveLength(3);
    const defaults = {
      sql_mode:
        "'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH,NO_ZERO_DATE,STRICT_ALL_TABLES'",
      time_zone: "'+05:00'",
      transaction_isolation: "'READ-UNCOMMITTED'",
      sql_select_limit: '1',
      max_execution_time: '1',
      autocommit: '0',
    };
    const names = Object.keys(defaults);
    const [former] = await db.session.query(
      `SELECT ${names.map((name) => `@@global.${name} AS ${name}`).join(', ')}`,
      'test',
    );
    await using restoring = new AsyncDisposableStack();
    restoring.defer(() =>
      db.run(
        ...names.map((name) =>
          `SET GLOBAL ${name} = '${former?.[name]}'`.replace(/'(\d+)'$/, '$1'),
        ),
      ),
    );
    await db.run(
      ...Object.entries(defaults).map(([name, value]) => `SET GLOBAL ${name} = ${value}`),
    );
    const other = restoring.adopt(new MysqlChunkReader(new OneServer(account())), (it) =>
      it.close(),
    );
    const rows = await other.readChunk(
      {
        table: { database: db.name, table: 'swayed' },
        maxRows: 10,
        maxBytes: 1e6,
        barrier: await db.executed(),
      },
      never,
    );
    expect(rowTexts(rows.rows)).toStrictEqual(plain);
  });

  it('keeps its place by index ranges, never by reading from the start again', async () => {
    await db.run(
      "CREATE TABLE ranged (kind ENUM('a','b','c'), name VARCHAR(20) CHARACTER SET latin1, id INT, PRIMARY KEY (kind, name, id))",
      `INSERT INTO ranged SELECT 1 + n % 3, n % 10, n FROM (WITH RECURSIVE c AS (SELECT 1 n UNION ALL SELECT n + 1 FROM c WHERE n < 900) SELECT * FROM c) numbers`,
      'ANALYZE TABLE ranged',
    );
    expect(await readAll('ranged', 50)).toHaveLength(900);
    const { schema, lastKey } = await read('ranged', undefined, 400);
    const [plan] = await db.session.query(
      `EXPLAIN FORMAT=TREE ${chunkQuery(schema).sql(lastKey, 50)}`,
      'test',
    );
    expect(plan?.['EXPLAIN']).toMatch(/range scan on ranged using PRIMARY/);
    expect(plan?.['EXPLAIN']).not.toMatch(/Sort/);
  });
});

/** A transaction of this server that has not happened. */
async function futureOf(db: TestDatabase): Promise<GtidSetText> {
  const [row] = await db.session.query('SELECT @@server_uuid AS uuid', 'test');
  return `${row?.['uuid']}:900000000` as GtidSetText;
}
