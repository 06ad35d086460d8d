import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DuckDbFile } from '../../src/duckdb/database-file.ts';
import { socketPath } from '../../src/duckdb/owner-socket.ts';
import { queryWarehouse, streamQuery } from '../../src/duckdb/query-client.ts';
import { type QueryServer, serveQueries } from '../../src/duckdb/query-server.ts';
import { TEST_SETTINGS, tempFolder } from './warehouse.ts';

const LONG =
  'SELECT count(*) FROM range(1000000) AS a, range(1000000) AS b WHERE a.range < b.range';

describe('queryWarehouse', () => {
  let folder: ReturnType<typeof tempFolder>;
  let path = '';
  let file: DuckDbFile;
  let server: QueryServer;

  beforeEach(async () => {
    folder = tempFolder();
    path = join(folder.path, 'shop.duckdb');
    file = await DuckDbFile.open(path, TEST_SETTINGS);
    server = serveQueries(file);
  });
  afterEach(async () => {
    await file.close();
    folder[Symbol.dispose]();
  });

  const ask = (sql: string, limit = 1000) => queryWarehouse(path, { sql, limit });

  it('answers with columns and rows, exact beyond a double', async () => {
    expect(
      await ask(
        `SELECT 18446744073709551615::UBIGINT AS a, 'é\n' AS b, 1.50::DECIMAL(5,2) AS c, NULL AS d`,
      ),
    ).toEqual({
      columns: ['a', 'b', 'c', 'd'],
      rows: [['18446744073709551615', 'é\n', '1.50', null]],
      truncated: false,
    });
  });

  it('answers at most as many rows as were asked for, and says that there are more', async () => {
    expect(await ask('SELECT i::INTEGER AS i FROM range(100000) AS r(i)', 2)).toMatchObject({
      rows: [[0], [1]],
      truncated: true,
    });
    expect(await ask('SELECT 1 AS i', 1)).toMatchObject({ rows: [[1]], truncated: false });
  });

  it('sees committed rows only', async () => {
    const writer = await file.connect();
    await writer.run('CREATE TABLE t(a INTEGER)');
    await writer.run('BEGIN');
    await writer.run('INSERT INTO t VALUES (1)');
    expect((await ask('SELECT * FROM t')).rows).toEqual([]);
    await writer.run('COMMIT');
    expect((await ask('SELECT * FROM t')).rows).toEqual([[1]]);
  });

  it.each([
    'DESCRIBE SELECT 1',
    'WITH x AS (SELECT 1) FROM x',
    'SHOW TABLES',
    'SUMMARIZE SELECT 1',
  ])('answers %s', async (sql) => {
    expect((await ask(sql)).columns).not.toEqual([]);
  });

  it.each([
    ['a write', 'CREATE TABLE t(a INTEGER)'],
    ['two statements', 'SELECT 1; SELECT 2'],
    ['nothing', '  '],
    ['a setting', 'SET threads = 1'],
    ['leaving the transaction', 'COMMIT'],
    ['another database', "ATTACH '/tmp/x.duckdb'"],
    ['a copy', "COPY (SELECT 1) TO '/tmp/x.csv'"],
    ['an extension', 'INSTALL httpfs'],
    ['SQL that is none', 'SELEC 1'],
  ])('refuses %s', async (_what, sql) => {
    await expect(ask(sql)).rejects.toMatchObject({ code: 'query.refused' });
  });

  it('reads no file of the machine', async () => {
    const secret = join(folder.path, 'secret.txt');
    writeFileSync(secret, 'secret');
    await expect(ask(`SELECT * FROM read_text('${secret}')`)).rejects.toThrow(
      /disabled by configuration/,
    );
  });

  it('stops a long query when its client leaves, so that the file can be closed', async () => {
    const socket = createConnection(socketPath(path));
    for (const sql of ['SELECT 1', LONG]) socket.write(`${JSON.stringify({ sql, limit: 1 })}\n`);
    await new Promise((resolve) => socket.once('data', resolve));
    expect((await ask('SELECT 2')).rows).toEqual([[2]]);
    socket.destroy();
    await file.close();
  });

  it('has let go of every client once it is closed, also in the middle of a long query', async () => {
    const socket = createConnection(socketPath(path));
    for (const sql of ['SELECT 1', LONG]) socket.write(`${JSON.stringify({ sql, limit: 1 })}\n`);
    await new Promise((resolve) => socket.once('data', resolve));
    const release = vi.spyOn(file, 'release');
    await server.close();
    expect(release).toHaveBeenCalledOnce();
    await expect(ask('SELECT 1')).rejects.toThrow();
  });

  it('answers with the error of a row that no text can hold, and answers the next question', async () => {
    const tooLong = 'SELECT repeat(chr(1), 90000000) AS x';
    await expect(ask(tooLong)).rejects.toMatchObject({
      code: 'query.refused',
      message: expect.stringContaining('a row is too long'),
    });
    expect((await ask('SELECT 1')).rows).toEqual([[1]]);
  }, 60_000);

  it('says so when a query fails behind rows that it has given', async () => {
    const bad = `SELECT CASE WHEN i = 150000 THEN error('spoilt') ELSE i END AS i FROM range(200000) AS r(i)`;
    await expect(ask(bad, 1_000_000)).rejects.toMatchObject({ code: 'query.refused' });
    expect((await ask(bad, 10)).rows).toHaveLength(10);
    expect((await ask('SELECT 1::INTEGER AS i')).rows).toEqual([[1]]);
  });

  it.each([
    `SELECT * FROM enable_logging('QueryLog', storage := 'stdout')`,
    'SELECT * FROM "enable_logging" ()',
    `SELECT * FROM enable_profiling(save_location := 'p.json')`,
    `SELECT write_log('x')`,
    'SELECT * FROM truncate_duckdb_logs()',
    'SELECT * FROM checkpoint /* now */ ()',
    'SELECT * FROM Force_Checkpoint()',
    `SELECT * FROM query('SELECT * FROM enable_' || 'logging()')`,
  ])('does not answer what does more than read: %s', async (sql) => {
    await expect(ask(sql)).rejects.toThrow('does more than read');
  });

  it('answers what only sounds like it', async () => {
    expect((await ask(`SELECT 'checkpoint' AS query, 1::INTEGER AS checkpoint`)).rows).toEqual([
      ['checkpoint', 1],
    ]);
  });

  it('ends a query at a row that is longer than may be, and answers the next question', async () => {
    await server.close();
    server = serveQueries(file, { rowChars: 1_000 });
    await expect(ask(`SELECT repeat('x', n * 400) AS x FROM range(4) AS r(n)`)).rejects.toThrow(
      /a row is too long to be sent/,
    );
    expect((await ask('SELECT 1')).rows).toEqual([[1]]);
  });

  it('sends rows of 60 MB as JSON one after another, and no more of them than are taken', async () => {
    const sql = 'SELECT repeat(chr(1), 10000000) AS x FROM range(10)';
    let taken = 0;
    for await (const part of streamQuery(path, { sql })) {
      if (!('rows' in part)) continue;
      expect(part.rows.map(([text]) => String(text).length)).toEqual([10_000_000]);
      taken += 1;
      if (taken === 2) break;
    }
    expect((await ask('SELECT 1')).rows).toEqual([[1]]);
  }, 60_000);

  it('answers with hundreds of thousands of rows', async () => {
    const { rows, truncated } = await ask('SELECT i::INTEGER FROM range(300000) AS r(i)', 999_999);
    expect(truncated).toBe(false);
    expect(rows).toHaveLength(300_000);
    expect(rows.every(([value], index) => value === index)).toBe(true);
  });

  it('answers with a text of 60 MB', async () => {
    const { rows } = await ask(`SELECT repeat('xy', 30000000) AS x`);
    expect(rows[0]?.[0] === 'xy'.repeat(30_000_000)).toBe(true);
  });

  it('gives up a question that takes too long, and answers the next one', async () => {
    await server.close();
    server = serveQueries(file, { timeoutMs: 50 });
    await expect(ask(LONG)).rejects.toThrow(/it took more than 0.05 s/);
    await server.close();
    server = serveQueries(file);
    expect((await ask('SELECT 1')).rows).toEqual([[1]]);
  });

  it('gives a question the time that it asks for', async () => {
    const asked = queryWarehouse(path, { sql: LONG, timeoutMs: 50 });
    await expect(asked).rejects.toThrow(/it took more than 0.05 s; --timeout allows more/);
  });

  it('lets go of a client that asks nothing', async () => {
    await server.close();
    server = serveQueries(file, { idleMs: 20 });
    const socket = createConnection(socketPath(path));
    await new Promise((resolve) => socket.resume().once('close', resolve));
  });

  it('lets go of a client that asks on and on without waiting', async () => {
    const socket = createConnection(socketPath(path));
    for (let n = 0; n < 20; n += 1) socket.write(`${JSON.stringify({ sql: LONG })}\n`);
    await new Promise((resolve) => socket.resume().once('close', resolve));
    expect((await ask('SELECT 1')).rows).toEqual([[1]]);
  });

  it('quotes no more of an error than can be read', async () => {
    const refused = ask('SELECT error(repeat(chr(1), 1000000))');
    await expect(refused).rejects.toMatchObject({
      code: 'query.refused',
      message: expect.stringMatching(/^[^]{0,5000}$/) as string,
    });
  });

  it('turns away a client beyond the bound, until another one leaves', async () => {
    await server.close();
    server = serveQueries(file, { clients: 1 });
    const socket = createConnection(socketPath(path));
    socket.write(`${JSON.stringify({ sql: 'SELECT 1', limit: 1 })}\n`);
    await new Promise((resolve) => socket.once('data', resolve));
    await expect(ask('SELECT 2')).rejects.toThrow(/1 clients ask already/);
    socket.destroy();
    await vi.waitFor(async () => expect((await ask('SELECT 2')).rows).toEqual([[2]]));
  });

  it('lets nobody but this user connect', () => {
    expect(statSync(socketPath(path)).mode & 0o777).toBe(0o600);
  });

  it('says so when no worker has the file open', async () => {
    await file.close();
    await expect(ask('SELECT 1')).rejects.toMatchObject({ code: 'query.no-worker' });
  });

  it('replaces a socket that a dead process has left behind', async () => {
    await file.close();
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(`${path}.old`, resolve));
    const { rename } = await import('node:fs/promises');
    await rename(`${path}.old`, socketPath(path));
    await new Promise((resolve) => dead.close(resolve));
    file = await DuckDbFile.open(path, TEST_SETTINGS);
    serveQueries(file);
    expect((await ask('SELECT 1')).rows).toEqual([[1]]);
  });

  it('belongs to one of two that claim the file at the same time, in one thread or in two', async () => {
    await file.close();
    const claims = await Promise.allSettled([1, 2].map(() => DuckDbFile.open(path, TEST_SETTINGS)));
    const owners = claims.filter((claim) => claim.status === 'fulfilled');
    expect(owners).toHaveLength(1);
    for (const { value } of owners) await value.close();

    const start = async (): Promise<readonly [Worker, unknown]> => {
      const thread = new Worker(new URL('./claim-file-thread.ts', import.meta.url), {
        workerData: path,
      });
      const [said] = (await once(thread, 'message')) as unknown[];
      return [thread, said];
    };
    const threads = await Promise.all([start(), start()]);
    expect(threads.map(([, said]) => said).sort()).toEqual(['claimed', 'duckdb.locked']);
    await Promise.all(threads.map(([thread]) => thread.terminate()));
    file = await DuckDbFile.open(path, TEST_SETTINGS);
  });

  it('is claimed whatever link leads to the file', async () => {
    const link = join(folder.path, 'link.duckdb');
    await symlink(path, link);
    const claim = DuckDbFile.open(link, TEST_SETTINGS);
    await expect(claim).rejects.toMatchObject({ code: 'duckdb.locked' });
  });

  describe('for a path that is too long for a socket', () => {
    let temporary = '';
    beforeEach(async () => {
      await server.close();
      await file.close();
      temporary = await mkdtemp(join(tmpdir(), 'sluice-t-'));
      vi.stubEnv('TMPDIR', temporary);
      path = join(temporary, 'x'.repeat(100), 'shop.duckdb');
    });
    afterEach(async () => {
      vi.unstubAllEnvs();
      await file.close();
      await rm(temporary, { recursive: true });
    });

    it('is in a folder that nobody else may use', async () => {
      file = await DuckDbFile.open(path, TEST_SETTINGS);
      serveQueries(file);
      expect((await ask('SELECT 1')).rows).toEqual([[1]]);
      const folder = dirname(socketPath(path));
      expect(dirname(folder)).toBe(temporary);
      for (const made of [folder, dirname(path)]) expect(statSync(made).mode & 0o777).toBe(0o700);
    });

    it.each([
      ['open to others', (folder: string) => mkdir(folder).then(() => chmod(folder, 0o755))],
      ['a link', (folder: string) => symlink(temporary, folder)],
      ['a file', (folder: string) => writeFile(folder, '')],
    ])('is refused, to listen and to ask, where the folder is %s', async (_what, make) => {
      await make(dirname(socketPath(path)));
      const refused = { code: 'duckdb.io-failed' };
      await expect(DuckDbFile.open(path, TEST_SETTINGS)).rejects.toMatchObject(refused);
      await expect(ask('SELECT 1')).rejects.toMatchObject(refused);
    });
  });

  it('finds a socket for a path that is too long for one', () => {
    const long = `/${'x'.repeat(120)}/shop.duckdb`;
    expect(Buffer.byteLength(socketPath(long))).toBeLessThanOrEqual(103);
    expect(socketPath(long)).not.toBe(socketPath(`${long}2`));
  });
});
