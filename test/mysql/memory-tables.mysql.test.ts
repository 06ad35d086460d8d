import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type MysqlAccount } from '../../src/mysql/connection.ts';
import { OneServer } from '../../src/mysql/one-server.ts';
import { preflight } from '../../src/mysql/preflight.ts';
import { MysqlSourceServer } from '../../src/mysql/source-server.ts';
import type { Stack } from '../../tools/stack/stack.ts';
import { ownServers } from '../support/shop-harness.ts';
import { MYSQL_URL, never } from './support.ts';

const SERVERS_MS = 180_000;
const INCLUDE = ['shop.*'];

/** The server is restarted, so it is the test's own. */
describe.skipIf(!MYSQL_URL)('a MEMORY table that a restart of the server has emptied', () => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let account: MysqlAccount;

  const run = async (...statements: readonly string[]) => {
    await using session = await connect(account, {}, never);
    let rows: Awaited<ReturnType<typeof session.query>> = [];
    for (const sql of statements) rows = await session.query(sql, 'test statement');
    return rows;
  };

  const loggedAfter = async (file: string, pos: string): Promise<string> => {
    const files = (await run('SHOW BINARY LOGS')).map((row) => row['Log_name'] ?? '');
    const texts: string[] = [];
    for (const name of files.slice(files.indexOf(file)))
      for (const row of await run(
        `SHOW BINLOG EVENTS IN '${name}'${name === file ? ` FROM ${pos}` : ''}`,
      ))
        texts.push(row['Info'] ?? '');
    return texts.join('\n');
  };

  beforeAll(async () => {
    stack = scope.use(await ownServers(['mysql']));
    const { mysql } = stack.addresses;
    if (!mysql) throw new Error('no server');
    const { host, port, user, password } = mysql;
    account = { host, port, user, password };
  }, SERVERS_MS);
  afterAll(() => scope.disposeAsync(), SERVERS_MS);

  it(
    'is announced in the log at its first use, although all definitions were looked at before',
    async () => {
      await run(
        'CREATE DATABASE shop',
        'CREATE TABLE shop.mem (id INT PRIMARY KEY, v INT) ENGINE=MEMORY',
        'INSERT INTO shop.mem VALUES (1, 1), (2, 2)',
      );
      await stack.stop('mysql');
      await stack.start('mysql');
      const [end] = await run('SHOW BINARY LOG STATUS');
      const source = new MysqlSourceServer(new OneServer(account), {
        include: INCLUDE,
        exclude: [],
        serverId: 4_100_000,
        identity: 'memory',
        heartbeatMs: 1000,
      });
      expect(await source.capturedTables()).toHaveLength(1);
      await source.look({ database: 'shop', table: 'mem' });
      await source.close();
      await preflight({ account, serverId: 4_100_000, include: INCLUDE, exclude: [] }, never);
      await run('INSERT INTO shop.mem VALUES (9, 9)');
      const logged = await loggedAfter(end?.['File'] ?? '', end?.['Position'] ?? '');
      expect(logged).toContain('TRUNCATE TABLE `shop`.`mem`');
      expect(await run('SELECT id FROM shop.mem')).toMatchObject([{ id: '9' }]);
    },
    SERVERS_MS,
  );
});
