import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/control/finding.ts';
import { preflight } from '../../src/mysql/preflight.ts';
import { account, MYSQL_URL, never, type TestDatabase, testDatabase } from './support.ts';

const USER = `pf_${process.pid}`;

describe.skipIf(!MYSQL_URL)('the preflight', () => {
  let db: TestDatabase;
  const undo: string[] = [];

  beforeAll(async () => {
    db = await testDatabase();
    await db.run(
      'CREATE TABLE good (id INT PRIMARY KEY)',
      `CREATE USER ${USER} IDENTIFIED BY 'pf'`,
    );
  });
  afterEach(async () => {
    await db.run(...undo.splice(0).reverse());
  });
  afterAll(async () => {
    await db.run(`DROP USER ${USER}`);
    await db[Symbol.asyncDispose]();
  });

  const look = (
    overrides: Partial<Parameters<typeof preflight>[0]> = {},
  ): Promise<readonly Finding[]> =>
    preflight(
      {
        account: account(),
        serverId: 777_001,
        include: [`${db.name}.good`],
        exclude: [],
        ...overrides,
      },
      never,
    );
  const wrong = (findings: readonly Finding[]): readonly Finding[] =>
    findings.filter(({ severity }) => severity !== 'ok');

  it('finds nothing wrong with a server set up as the manual says', async () => {
    expect(wrong(await look())).toEqual([]);
  });

  it.each([
    ['binlog_row_metadata', 'MINIMAL', 'FULL'],
    ['binlog_row_image', 'MINIMAL', 'FULL'],
    ['binlog_format', 'MIXED', 'ROW'],
    ['binlog_row_value_options', "'PARTIAL_JSON'", "''"],
  ])('is stopped by %s = %s, and its SQL cures it', async (variable, bad, good) => {
    await db.run(`SET GLOBAL ${variable} = ${bad}`);
    undo.push(`SET GLOBAL ${variable} = ${good}`);
    const [finding, ...more] = wrong(await look());
    expect(more).toEqual([]);
    expect(finding).toMatchObject({
      check: variable,
      severity: 'fatal',
      fixSql: `SET PERSIST ${variable} = ${good}`,
    });
    await db.run(finding?.fixSql ?? '', `RESET PERSIST ${variable}`);
    expect(wrong(await look())).toEqual([]);
  });

  it('is stopped by a server without GTIDs and names the steps', async () => {
    await db.run('SET GLOBAL gtid_mode = ON_PERMISSIVE');
    undo.push('SET GLOBAL gtid_mode = ON');
    const [finding] = wrong(await look());
    expect(finding).toMatchObject({ check: 'gtid_mode', severity: 'fatal' });
    expect(finding?.fixSql).toContain('ON_PERMISSIVE; SET PERSIST gtid_mode = ON');
  });

  it('warns of commits out of order and of a short retention', async () => {
    await db.run(
      'SET GLOBAL binlog_order_commits = OFF',
      'SET GLOBAL binlog_expire_logs_seconds = 3600',
    );
    undo.push(
      'SET GLOBAL binlog_order_commits = ON',
      'SET GLOBAL binlog_expire_logs_seconds = 2592000',
    );
    expect(wrong(await look()).map(({ check, severity }) => [check, severity])).toEqual([
      ['binlog_order_commits', 'warning'],
      ['binlog_expire_logs_seconds', 'warning'],
    ]);
  });

  it('is stopped by a pipeline that takes the id of the server', async () => {
    const [row] = await db.session.query('SELECT @@server_id AS id', 'test');
    expect(wrong(await look({ serverId: Number(row?.['id']) }))).toMatchObject([
      { check: 'server_id', severity: 'fatal' },
    ]);
  });

  it('is stopped by tables without a usable key and spells the ALTER out, which works', async () => {
    await db.run('CREATE TABLE `no key` (v INT)', 'CREATE TABLE bad_key (k FLOAT PRIMARY KEY)');
    undo.push('DROP TABLE `no key`, bad_key');
    const include = [`${db.name}.*`];
    const findings = wrong(await look({ include }));
    expect(findings.map(({ message }) => message).join('\n')).toMatch(
      /no key has no primary key[^]*bad_key has a FLOAT/,
    );
    const alter = findings.find(({ fixSql }) => fixSql?.startsWith('ALTER'))?.fixSql ?? '';
    await db.run(alter);
    expect(
      wrong(await look({ include }))
        .map(({ message }) => message)
        .join(),
    ).not.toContain('no key');
  });

  it('warns of an engine without transactions', async () => {
    await db.run('CREATE TABLE old_engine (id INT PRIMARY KEY) ENGINE=MyISAM');
    undo.push('DROP TABLE old_engine');
    expect(wrong(await look({ include: [`${db.name}.old_*`] }))).toMatchObject([
      { check: 'engine', severity: 'warning' },
    ]);
  });

  it('warns of a table that is left out because it has the name of a ghost table', async () => {
    await db.run('CREATE TABLE _good_old (id INT PRIMARY KEY)');
    undo.push('DROP TABLE _good_old');
    const all = `${db.name}.*`;
    const [finding, ...more] = wrong(await look({ include: [all] }));
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ check: 'ghost-tables', severity: 'warning' });
    expect(finding?.message).toContain(`"${db.name}._good_old" into source.include`);
    for (const cured of [
      { include: [all], ghostTables: 'follow' as const },
      { include: [all, `${db.name}._good_old`] },
      { include: [all], exclude: [`${db.name}._*`] },
    ])
      expect(wrong(await look(cured))).toEqual([]);
  });

  it('warns of cascades exactly where the server does not log them', async () => {
    await db.run(
      'CREATE TABLE parent (id INT PRIMARY KEY)',
      'CREATE TABLE child (id INT PRIMARY KEY, p INT, CONSTRAINT fk_p FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE)',
    );
    undo.push('DROP TABLE child, parent');
    const [row] = await db.session.query(
      "SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'",
      'test',
    );
    const logged = row?.['Value'] === 'OFF';
    const findings = wrong(await look({ include: [`${db.name}.child`] }));
    expect(findings).toMatchObject(logged ? [] : [{ check: 'foreign-keys', severity: 'warning' }]);
  });

  it('is stopped by patterns that match nothing, and names them', async () => {
    expect(wrong(await look({ include: ['nosuch.*', 'other.t'] }))).toMatchObject([
      {
        check: 'tables',
        severity: 'fatal',
        message: expect.stringContaining('nosuch.*, other.t') as string,
      },
    ]);
  });

  it('is stopped by missing privileges until its own SQL has been run', async () => {
    const low = { ...account(), user: USER, password: 'pf' };
    await db.run(`GRANT INSERT ON ${db.name}.good TO ${USER}`);
    const before = wrong(await look({ account: low }));
    expect(before.map(({ check, severity }) => [check, severity])).toEqual([
      ['privileges', 'fatal'],
      ['privileges', 'fatal'],
    ]);
    for (const { fixSql } of before) await db.run(fixSql ?? '');
    expect(wrong(await look({ account: low }))).toEqual([]);
  });

  it('counts privileges that come by a role', async () => {
    const role = `pf_role_${process.pid}`;
    await db.run(
      `CREATE ROLE ${role}`,
      `GRANT REPLICATION SLAVE, REPLICATION CLIENT, SELECT ON *.* TO ${role}`,
      `REVOKE ALL PRIVILEGES, GRANT OPTION FROM ${USER}`,
      `GRANT ${role} TO ${USER}`,
      `SET DEFAULT ROLE ${role} TO ${USER}`,
    );
    undo.push(`DROP ROLE ${role}`);
    expect(wrong(await look({ account: { ...account(), user: USER, password: 'pf' } }))).toEqual(
      [],
    );
  });
});
