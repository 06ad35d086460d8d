import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BinlogDecoder } from '../../src/binlog/decoder.ts';
import type { Sight, SourceTable } from '../../src/capture/source-server.ts';
import type { GtidSetText } from '../../src/change/gtid.ts';
import { formatGtidSet, parseGtidSet } from '../../src/change/gtid-set.ts';
import { type TableSchema, tableName } from '../../src/change/table.ts';
import { connect } from '../../src/mysql/connection.ts';
import { OneServer } from '../../src/mysql/one-server.ts';
import { MysqlSourceServer } from '../../src/mysql/source-server.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import { eventsIn } from '../support/decoded-events.ts';
import {
  account,
  dump,
  eventsUntil,
  isRowsOf,
  MYSQL_URL,
  never,
  type TestDatabase,
  testDatabase,
} from './support.ts';

const tableIn = ({ sight }: { readonly sight: Sight }): SourceTable => {
  if (sight.kind !== 'readable') throw new Error(`a table that is ${sight.kind}`);
  return sight.table;
};

const NO_SCHEMA: TableSchema = { id: { database: '', table: '' }, columns: [], key: [] };

describe.skipIf(!MYSQL_URL)('the source server', () => {
  let db: TestDatabase;

  beforeAll(async () => {
    db = await testDatabase();
  });
  afterAll(async () => {
    await db[Symbol.asyncDispose]();
  });

  const server = (
    include: readonly string[] = ['*.*'],
    exclude: readonly string[] = [],
  ): MysqlSourceServer =>
    new MysqlSourceServer(new OneServer(account()), {
      serverId: 4_100_000 + process.pid,
      identity: `server-${process.pid}`,
      include,
      exclude,
    });

  it('tells its history in canonical form', async () => {
    const source = server();
    const history = await source.history();
    expect(history.serverUuid).toMatch(/^[0-9a-f-]{36}$/);
    expect(history.gtidExecuted).toContain(history.serverUuid);
    expect(formatGtidSet(parseGtidSet(history.gtidExecuted))).toBe(history.gtidExecuted);
    expect(history.binlogEnd.file).toMatch(/\.\d{6}$/);
    expect(history.oldestFile <= history.binlogEnd.file).toBe(true);
    await source.close();
  });

  it('makes a new connection when the old one was killed', async () => {
    const source = server();
    const mine = `SELECT id FROM information_schema.processlist WHERE command = 'Sleep' AND id <> CONNECTION_ID()`;
    const before = new Set((await db.session.query(mine, 'test')).map(({ id }) => id));
    await source.history();
    const opened = (await db.session.query(mine, 'test')).filter(
      ({ id }) => !before.has(id ?? null),
    );
    for (const { id } of opened) await db.run(`KILL ${id}`);
    await expect
      .poll(() =>
        source.history().then(
          () => 'ok',
          () => 'failed',
        ),
      )
      .toBe('ok');
    await source.close();
  });

  it('lists base tables that match, sorted by name, with keys in key order', async () => {
    await db.run(
      'CREATE TABLE b_orders (x INT, y INT, z INT, PRIMARY KEY (z, x))',
      'CREATE TABLE a_orders (id INT PRIMARY KEY)',
      'CREATE TABLE audit (id INT)',
      'CREATE VIEW v_orders AS SELECT 1 AS one',
    );
    const source = server([`${db.name}.*`], ['*.b_*']);
    expect((await source.capturedTables()).map(({ id }) => tableName(id))).toEqual([
      `${db.name}.a_orders`,
      `${db.name}.audit`,
    ]);
    await source.close();
    const all = server([`${db.name}.*_orders`]);
    const tables = (await all.capturedTables()).map(tableIn);
    expect(tables.map(({ schema }) => [schema.id.table, schema.key])).toEqual([
      ['a_orders', [0]],
      ['b_orders', [2, 0]],
    ]);
    await all.close();
  });

  it('tells what people have written about tables and columns, which is no part of the schema', async () => {
    await db.run(
      `CREATE TABLE noted (
        id INT PRIMARY KEY COMMENT 'it''s "the" \\\\ number',
        plain INT, note TEXT COMMENT 'zwei\\nZeilen, \`ü\`'
      ) COMMENT = 'Größen'`,
      'CREATE TABLE unnoted (id INT PRIMARY KEY, plain INT)',
    );
    const source = server([`${db.name}.*noted`]);
    const [noted, unnoted] = (await source.capturedTables()).map(tableIn);
    expect(noted?.comments).toEqual({
      table: 'Größen',
      columns: { id: `it's "the" \\ number`, note: 'zwei\nZeilen, `ü`' },
    });
    expect(unnoted?.comments).toEqual({ columns: {} });
    const before = schemaIdOf(noted?.schema ?? NO_SCHEMA);
    await db.run("ALTER TABLE noted COMMENT = ''");
    const id = { database: db.name, table: 'noted' };
    const altered = tableIn({ sight: await source.look(id) });
    expect(altered.comments).toEqual({ columns: noted?.comments.columns });
    expect(schemaIdOf(altered.schema)).toBe(before);
    expect(await source.look({ ...id, table: 'not_there' })).toEqual({ kind: 'gone' });
    await source.close();
  });

  it('tells the full type of every column, with its charset', async () => {
    await db.run(
      'CREATE TABLE typed (id BIGINT UNSIGNED PRIMARY KEY, `__proto__` VARCHAR(20) CHARACTER SET latin1, e ENUM("a") CHARACTER SET utf8mb4)',
    );
    const source = server([]);
    const typed = tableIn({ sight: await source.look({ database: db.name, table: 'typed' }) });
    expect([...(typed.columnTypes ?? [])]).toEqual([
      ['id', 'bigint unsigned'],
      ['__proto__', 'varchar(20) charset latin1'],
      ['e', "enum('a') charset utf8mb4"],
    ]);
    await source.close();
  });

  it('opens no table to list them', async () => {
    await db.run('CREATE TABLE unopened (id INT PRIMARY KEY) ENGINE=MEMORY', 'FLUSH TABLES');
    const source = server([`${db.name}.*`]);
    await source.capturedTables();
    await source.close();
    const open = await db.session.query(`SHOW OPEN TABLES FROM ${db.name}`, 'test');
    expect(open.map((row) => row['Table'])).not.toContain('unopened');
  });

  it('never lists tables of the server itself', async () => {
    const source = server(['*.*']);
    const databases = new Set((await source.capturedTables()).map(({ id }) => id.database));
    for (const system of ['mysql', 'sys', 'information_schema', 'performance_schema'])
      expect(databases).not.toContain(system);
    await source.close();
  });

  it('waits for executed transactions no longer than it is told', async () => {
    const source = server();
    const { gtidExecuted, serverUuid } = await source.history();
    await source.waitForExecuted(gtidExecuted, 1000);
    await source.waitForExecuted(`${serverUuid}:900000000` as GtidSetText, 20);
    await source.close();
  });

  it('streams rows of an event beyond 16 MB whole', async () => {
    await db.run('CREATE TABLE big_rows (id INT PRIMARY KEY, body LONGTEXT)');
    const before = await db.executed();
    await db.run("INSERT INTO big_rows VALUES (1, REPEAT('ab', 18000000)), (2, 'small')");
    const rows: unknown[] = [];
    await eventsUntil(before, (event) => {
      if (isRowsOf(event, 'big_rows'))
        rows.push(...event.read().map(({ after }) => [after?.[0], (after?.[1] as string).length]));
      return rows.length === 2;
    });
    expect(rows).toEqual([
      [1, 36_000_000],
      [2, 5],
    ]);
  });

  it('is told that it has been taken over when the same pipeline dumps again', async () => {
    const executed = await db.executed();
    await using first = await dump(executed);
    await using second = await dump(executed);
    const ended = async (): Promise<never> => {
      for (;;) Array.from(await first.read());
    };
    await expect(ended()).rejects.toMatchObject({
      code: 'mysql.taken-over',
      entry: { outcome: 'end' },
    });
    await db.run('CREATE TABLE after_takeover (id INT PRIMARY KEY)');
    expect(await nextQuery(second)).toContain('after_takeover');
  });

  it('leaves no dump thread behind when it is closed', async () => {
    const dumps = async (): Promise<number> => {
      const sql = `SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'`;
      return (await db.session.query(sql, 'test')).length;
    };
    const before = await dumps();
    const stream = await dump(await db.executed(), 'leaves-nothing');
    expect(await dumps()).toBe(before + 1);
    await stream[Symbol.asyncDispose]();
    await expect.poll(dumps).toBe(before);
  });

  it('refuses a position of which it has no more history', async () => {
    await db.run('FLUSH BINARY LOGS');
    const [status] = await db.session.query('SHOW BINARY LOG STATUS', 'test');
    await db.run(`PURGE BINARY LOGS TO '${status?.['File']}'`);
    await expect(dump('' as GtidSetText)).rejects.toMatchObject({
      code: 'binlog.purged',
      entry: { outcome: 'gap' },
    });
  });

  it('refuses a position ahead of its own history', async () => {
    const [row] = await db.session.query('SELECT @@server_uuid AS uuid', 'test');
    await expect(dump(`${row?.['uuid']}:1-900000000` as GtidSetText)).rejects.toMatchObject({
      code: 'binlog.diverged',
    });
  });

  it.each([
    ['a wrong password', { password: 'wrong' }, 'mysql.access-denied'],
    ['a closed port', { port: 1 }, 'mysql.unreachable'],
    ['a host without an address', { host: 'no-such-host.invalid' }, 'mysql.unreachable'],
    ['a certificate nobody vouches for', { tls: { verify: true } }, 'mysql.tls-failed'],
  ])('says what is wrong about %s without telling the password', async (_, wrong, code) => {
    const failure: unknown = await connect({ ...account(), ...wrong }, {}, never).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code });
    expect(`${String(failure)} ${JSON.stringify(failure)}`).not.toContain('"wrong"');
  });

  it('is read over TLS as well', async () => {
    await using session = await connect({ ...account(), tls: { verify: false } }, {}, never);
    const [row] = await session.query("SHOW SESSION STATUS LIKE 'Ssl_cipher'", 'test');
    expect(row?.['Value']).not.toBe('');
  });
});

async function nextQuery(stream: Awaited<ReturnType<typeof dump>>): Promise<string> {
  const decoder = new BinlogDecoder();
  for (;;)
    for (const { bytes, start, end } of await stream.read())
      for await (const event of eventsIn(decoder.decode(bytes, start, end)))
        if (event.kind === 'query') return event.sql;
}
