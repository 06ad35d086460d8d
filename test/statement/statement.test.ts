import { describe, expect, it } from 'vitest';
import { type TableId } from '../../src/change/table.ts';
import {
  readStatement,
  type Statement,
  type StatementContext,
} from '../../src/statement/statement.ts';

const CONTEXT: StatementContext = {
  database: 'shop',
  sqlMode: 0n,
  explicitDefaultsForTimestamp: undefined,
  lowerCaseNames: false,
};
const ANSI_QUOTES = 4n;
const NO_BACKSLASH_ESCAPES = 0x100000n;

const t = (table: string, database = 'shop'): TableId => ({ database, table });
const read = (sql: string, context: Partial<StatementContext> = {}): Statement =>
  readStatement(sql, { ...CONTEXT, ...context });
const ddl = (...effects: readonly object[]): object => ({ kind: 'ddl', effects });
const changes = (...tables: readonly TableId[]): object => ({ kind: 'changesRows', tables });
const emptied = (table: string, database?: string): object => ({
  table: t(table, database),
  kind: 'emptied',
});
const dropped = (table: string, database?: string): object => ({
  table: t(table, database),
  kind: 'dropped',
});
const replaced = (table: string, from: string): object => ({
  table: t(table),
  kind: 'replaced',
  from: t(from),
});
const touched = (table: string): object => ({ table: t(table), kind: 'touched' });
const created = (table: string, ifNotExists = false): object => ({
  table: t(table),
  kind: 'created',
  ifNotExists,
});
const filled = (table: string): object => ({
  table: t(table),
  kind: 'rewritten',
  why: expect.any(String),
});

const HARMLESS = { kind: 'harmless' };
const UNKNOWN = { kind: 'changesRows', tables: 'unknown' };

describe('a statement that opens, ends or divides a transaction', () => {
  it.each<[string, string]>([
    ['BEGIN', 'begin'],
    ['begin work', 'begin'],
    ['START TRANSACTION WITH CONSISTENT SNAPSHOT', 'begin'],
    ['COMMIT', 'commit'],
    ['COMMIT WORK', 'commit'],
    ['ROLLBACK', 'rollback'],
    ['ROLLBACK WORK AND CHAIN', 'rollback'],
    ['ROLLBACK TO `a`', 'rollbackTo'],
    ['ROLLBACK WORK TO SAVEPOINT a', 'rollbackTo'],
    ['SAVEPOINT `a`', 'savepoint'],
    ['RELEASE SAVEPOINT a', 'savepoint'],
    ["XA START X'78',X'',1", 'xa'],
    ["XA COMMIT X'78',X'',1", 'xa'],
  ])('is told as what it is: %s', (sql, kind) => {
    expect(read(sql)).toEqual({ kind });
  });
});

describe('a statement that changes no rows', () => {
  it.each([
    '',
    '/* nothing but a comment */',
    '# Dummy event replacing event type 160 that slave cannot handle.',
    "SET PASSWORD FOR u = 'x'",
    'GRANT SELECT ON *.* TO u',
    'REVOKE ALL ON shop.* FROM u',
    "CREATE USER u IDENTIFIED BY 'x'",
    'ALTER USER u ACCOUNT LOCK',
    'RENAME USER a TO b',
    'DROP ROLE r',
    'FLUSH PRIVILEGES',
    'ANALYZE TABLE a UPDATE HISTOGRAM ON x',
    'OPTIMIZE TABLE a',
    'CHECK TABLE a',
    'CREATE DATABASE shop',
    'ALTER DATABASE shop CHARACTER SET latin1',
    'CREATE VIEW v AS SELECT * FROM a',
    'CREATE OR REPLACE ALGORITHM=MERGE DEFINER=`a`@`%` SQL SECURITY INVOKER VIEW v AS SELECT 1',
    'ALTER VIEW v AS SELECT 1',
    'DROP VIEW v',
    'CREATE DEFINER=`a`@`%` PROCEDURE x() BEGIN TRUNCATE a; END',
    'CREATE TRIGGER g BEFORE INSERT ON a FOR EACH ROW SET NEW.x = 1',
    'DROP TRIGGER g',
    'CREATE FUNCTION f() RETURNS INT RETURN 1',
    'CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM a',
    'ALTER EVENT e DISABLE',
    "CREATE TABLESPACE s ADD DATAFILE 's.ibd'",
    'DROP TABLESPACE s',
    "CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'h')",
    "CREATE SPATIAL REFERENCE SYSTEM 4120 NAME 'x' DEFINITION 'y'",
    'CREATE TEMPORARY TABLE a (id INT)',
    'CREATE TEMPORARY TABLE a SELECT * FROM b',
    'DROP TEMPORARY TABLE IF EXISTS a',
    'DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `a`',
    'INSTALL PLUGIN p SONAME "p.so"',
    'LOAD INDEX INTO CACHE a',
  ])('is harmless: %s', (sql) => {
    expect(read(sql)).toEqual(HARMLESS);
  });
});

describe('rows changed by a statement instead of events', () => {
  it.each<[string, object]>([
    [
      'INSERT INTO mysql.rds_heartbeat2(id, value) values (1,1) ON DUPLICATE KEY UPDATE value = 1',
      changes(t('rds_heartbeat2', 'mysql')),
    ],
    ['INSERT a SET x = 1', changes(t('a'))],
    ['insert ignore a values (1)', changes(t('a'))],
    ['INSERT LOW_PRIORITY IGNORE INTO `a` SELECT * FROM b INTO', changes(t('a'))],
    ['REPLACE DELAYED `into` VALUES (1)', changes(t('into'))],
    [
      'REPLACE INTO percona.checksums SELECT COUNT(*) FROM `shop`.`a`',
      changes(t('checksums', 'percona')),
    ],
    ['UPDATE LOW_PRIORITY `a` SET x = "TRUNCATE b"', changes(t('a'))],
    ['UPDATE a AS x USE INDEX (i, j) SET x.y = 1 WHERE z IN (SELECT z FROM b)', changes(t('a'))],
    [
      'UPDATE other.u JOIN shop.orders o ON u.id = o.id SET o.x = 1',
      changes(t('u', 'other'), t('orders')),
    ],
    ['UPDATE other.u, orders SET orders.x = 1', changes(t('u', 'other'), t('orders'))],
    ['UPDATE (other.u, (orders)) SET x = 1', changes(t('u', 'other'), t('orders'))],
    [
      'UPDATE other.u NATURAL LEFT OUTER JOIN orders STRAIGHT_JOIN b USING (a, c) SET x = 1',
      changes(t('u', 'other'), t('orders'), t('b')),
    ],
    [
      'UPDATE other.u, (SELECT a, b FROM c, d) AS e LEFT JOIN LATERAL (SELECT f) g ON TRUE SET u.x = 1',
      changes(t('u', 'other')),
    ],
    [
      'UPDATE {OJ other.u LEFT OUTER JOIN orders ON (u.id = orders.id)} SET x = 1',
      changes(t('u', 'other'), t('orders')),
    ],
    [
      'WITH c AS (SELECT 1 AS id), d (x) AS (SELECT 2) UPDATE orders JOIN c SET x = 1',
      changes(t('orders'), t('c')),
    ],
    [
      'WITH RECURSIVE c AS (SELECT 1) DELETE FROM orders WHERE id IN (TABLE c)',
      changes(t('orders')),
    ],
    ['DELETE FROM a WHERE x = 1', changes(t('a'))],
    ['DELETE QUICK IGNORE FROM a PARTITION (p0, p1) ORDER BY x, y LIMIT 3', changes(t('a'))],
    ['DELETE FROM a AS b WHERE b.x = 1', changes(t('a'))],
    ['DELETE FROM `other` . `u`', changes(t('u', 'other'))],
    [
      'DELETE o FROM other.u JOIN shop.orders AS o ON u.id = o.id WHERE u.x',
      changes(t('u', 'other'), t('orders')),
    ],
    [
      'DELETE a, other.u.* FROM a INNER JOIN other.u WHERE a.id = u.id',
      changes(t('a'), t('u', 'other')),
    ],
    ['DELETE FROM a.*, other.u USING a, other.u, b', changes(t('a'), t('u', 'other'), t('b'))],
    ["LOAD DATA INFILE '/x' IGNORE INTO TABLE other.u (x)", changes(t('u', 'other'))],
    ["LOAD XML LOCAL INFILE '/x' INTO TABLE a", changes(t('a'))],
    ['SET STATEMENT max_statement_time = 1 FOR DELETE FROM a', changes(t('a'))],
    ['INSERT INTO other.u VALUES (shop.f(1))', UNKNOWN],
    ['UPDATE other.u SET x = `shop` . `f` (1)', UNKNOWN],
    ['DELETE FROM other.u WHERE shop.f(x)', UNKNOWN],
    ['INSERT INTO other.u VALUES (f(1))', UNKNOWN],
    ['INSERT INTO other.u SELECT `f` (1)', UNKNOWN],
    ['INSERT INTO other.u VALUES (shop.now())', UNKNOWN],
    [
      'INSERT INTO other.u (a, b) SELECT COUNT(*), COALESCE(LOWER(CONV(BIT_XOR(CAST(CRC32(CONCAT_WS("#", a)) AS UNSIGNED)), 10, 16)), 0) FROM a USE INDEX (i) WHERE (a) IN (1) AND (b > now(6))',
      changes(t('u', 'other')),
    ],
    [
      'INSERT INTO u VALUES (1, 2) AS new (a, b) ON DUPLICATE KEY UPDATE c = VALUES (c)',
      changes(t('u')),
    ],
    ['UPDATE other.u, (SELECT f()) AS d SET u.x = 1', UNKNOWN],
    ['DELETE u FROM other.u JOIN other.v ON f(u.id) WHERE 1', UNKNOWN],
    ['WITH c (x) AS (SELECT f()) UPDATE other.u JOIN c SET u.x = 1', UNKNOWN],
    ['SELECT `shop`.`f`()', UNKNOWN],
    ['(SELECT `shop`.`f`())', UNKNOWN],
    ['((SELECT 1) UNION SELECT f())', UNKNOWN],
    ['WITH c AS (SELECT 1) SELECT f() FROM c', UNKNOWN],
    ['VALUES ROW(f())', UNKNOWN],
    ['CALL p()', UNKNOWN],
    ['DO f()', UNKNOWN],
    ['HANDLER a OPEN', UNKNOWN],
    ['EXECUTE s', UNKNOWN],
    ["BINLOG 'abc'", UNKNOWN],
    ["IMPORT TABLE FROM 'a.sdi'", UNKNOWN],
    ['BEGIN NOT ATOMIC DELETE FROM a; END', UNKNOWN],
    ['MERGE INTO a USING b', UNKNOWN],
    ['TRUNCATE', UNKNOWN],
    ['DROP TABLE', UNKNOWN],
    ['ALTER TABLE', UNKNOWN],
  ])('names the tables it may change: %s', (sql, expected) => {
    expect(read(sql)).toEqual(expected);
  });
});

describe('a statement about whole tables', () => {
  it.each<[string, object]>([
    ['TRUNCATE visits', ddl(emptied('visits'))],
    ['truncate table `shop`.`vis``its`', ddl(emptied('vis`its'))],
    ['/* a comment */ TRUNCATE TABLE a -- tail', ddl(emptied('a'))],
    ['TRUNCATE TABLE `shop`.`orders`; ', ddl(emptied('orders'))],
    [
      'DROP TABLE IF EXISTS `a`, other . b RESTRICT /* generated by server */',
      ddl(dropped('a'), dropped('b', 'other')),
    ],
    ['DROP TABLES a, b', ddl(dropped('a'), dropped('b'))],
    ['DROP TABLE a WAIT 5', ddl(dropped('a'))],
    ['DROP DATABASE IF EXISTS `a.b`', { kind: 'ddl', effects: [], dropsDatabase: 'a.b' }],
    ['DROP SCHEMA shop', { kind: 'ddl', effects: [], dropsDatabase: 'shop' }],
    ['CREATE TABLE IF NOT EXISTS n (id int)', ddl(created('n', true))],
    ['CREATE TABLE n LIKE a', ddl(created('n'))],
    ['CREATE TABLE n (LIKE a)', ddl(created('n'))],
    ['CREATE OR REPLACE TABLE n (id int)', ddl(created('n'))],
    [
      'CREATE TABLE `n` (\n  `a` int DEFAULT NULL,\n  `as` int\n) START TRANSACTION',
      ddl(created('n')),
    ],
    [
      'CREATE TABLE n (a INT) ENGINE=InnoDB PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (1))',
      ddl(created('n')),
    ],
    ['CREATE TABLE n SELECT * FROM a', ddl(created('n'), filled('n'))],
    ['CREATE TABLE n AS (SELECT * FROM a)', ddl(created('n'), filled('n'))],
    ['CREATE TABLE n (id INT) IGNORE SELECT * FROM a', ddl(created('n'), filled('n'))],
    ['CREATE TABLE n ((SELECT 1))', ddl(created('n'), filled('n'))],
    ['CREATE TABLE n TABLE a', ddl(created('n'), filled('n'))],
    ['CREATE TABLE n (id INT) ENGINE=MERGE UNION=(a, b)', ddl(created('n'), filled('n'))],
    ["CREATE TABLE n (id INT) ENGINE=FEDERATED CONNECTION='s/t'", ddl(created('n'), filled('n'))],
    ['RENAME TABLE a TO b', ddl(replaced('b', 'a'), dropped('a'))],
    [
      'RENAME TABLE a TO _a_old, _a_new TO a',
      ddl(replaced('_a_old', 'a'), replaced('a', '_a_new'), dropped('_a_new')),
    ],
    [
      'RENAME TABLE k TO k_old, l TO k, k TO m',
      ddl(replaced('k_old', 'k'), replaced('m', 'l'), dropped('k'), dropped('l')),
    ],
    ['RENAME TABLE a TO x, b TO a, x TO b', ddl(replaced('a', 'b'), replaced('b', 'a'))],
    ['RENAME TABLE a TO x, x TO y, y TO b', ddl(replaced('b', 'a'), dropped('a'))],
    ['RENAME TABLE a TO x, x TO a', ddl(touched('a'))],
    ['RENAME TABLES IF EXISTS a NOWAIT TO b', ddl(replaced('b', 'a'), dropped('a'))],
    ['RENAME TABLE a TO A', ddl(replaced('A', 'a'), dropped('a'))],
    ['CREATE INDEX i ON a (x)', ddl(touched('a'))],
    ['CREATE UNIQUE INDEX i USING BTREE ON a (x)', ddl(touched('a'))],
    ['DROP INDEX i ON a', ddl(touched('a'))],
    ['DROP INDEX `primary` ON a', ddl({ table: t('a'), kind: 'keyChanged' }, touched('a'))],
    ['REPAIR NO_WRITE_TO_BINLOG TABLE a, b QUICK', ddl(filled('a'), filled('b'))],
  ])('tells what it leaves behind: %s', (sql, expected) => {
    expect(read(sql)).toEqual(expected);
  });

  it('names databases and tables in lower case on a server that keeps them so', () => {
    const context = { lowerCaseNames: true, database: 'Shop' };
    expect(read('TRUNCATE Orders', context)).toEqual(ddl(emptied('orders')));
    expect(read('RENAME TABLE `SHOP`.A TO a', context)).toEqual(ddl(touched('a')));
    expect(read('DROP DATABASE Shop', context)).toMatchObject({ dropsDatabase: 'shop' });
    expect(read('DELETE A FROM Shop.A', context)).toEqual(changes(t('a')));
  });
});

describe('the text of a statement', () => {
  it('has identifiers in double quotes under ANSI_QUOTES only', () => {
    expect(read('TRUNCATE "a""b"', { sqlMode: ANSI_QUOTES })).toEqual(ddl(emptied('a"b')));
    expect(read('TRUNCATE "a"')).toEqual(UNKNOWN);
  });

  it('has backslashes that are no escapes under NO_BACKSLASH_ESCAPES', () => {
    const sql = "DELETE FROM other.u WHERE x = 'C:\\' OR shop.f('y')";
    expect(read(sql, { sqlMode: NO_BACKSLASH_ESCAPES })).toEqual(UNKNOWN);
    expect(read("DELETE FROM other.u WHERE x = '\\' OR shop.f(''y')")).toEqual(
      changes(t('u', 'other')),
    );
  });

  it.each<[string, string]>([
    ['what an executable comment holds', '/*!50001 TRUNCATE a */'],
    ['an executable comment without a version', 'TRUNCATE /*! TABLE */ a'],
    ['a comment inside an executable comment', "/*!50100 TRUNCATE -- '*/\n a*/"],
    ['comments of every kind', '# one\nTRUNCATE-- two\n/* three /* */ a'],
    ['dashes that are a comment at the end', 'TRUNCATE a --'],
    ['quotes inside comments', "TRUNCATE /* don't ` */ a"],
    ['spaces around the dot', 'TRUNCATE `shop` . a'],
    ['comments around the dot', 'TRUNCATE shop/**/./**/`a`'],
    ['an optimizer hint', 'TRUNCATE /*+ SET_VAR(x=1) */ a'],
    ['a comment for MariaDB in which nothing changes', 'TRUNCATE a /*M!100100 */'],
  ])('is read through %s', (_, sql) => {
    expect(read(sql)).toEqual(ddl(emptied('a')));
  });

  it.each<[string, string]>([
    ['begins with a digit', '2fa'],
    ['begins with a digit and an e', '1e5x'],
    ['holds dollars and letters of any language', 'größe$_1'],
    ['is a keyword', 'table_'],
  ])('may name a table that %s', (_, name) => {
    expect(read(`TRUNCATE ${name}`)).toEqual(ddl(emptied(name)));
    expect(read(`TRUNCATE shop.${name}`)).toEqual(ddl(emptied(name)));
  });

  it('may name a table that looks like a number, behind its database', () => {
    expect(read('TRUNCATE shop.1e5')).toEqual(ddl(emptied('1e5')));
    expect(read('TRUNCATE shop.12')).toEqual(ddl(emptied('12')));
  });

  it('rewrites its tables when a comment counts on newer servers only, unless it says the same', () => {
    expect(read('CREATE TABLE n (a INT) /*!80016 ENCRYPTION="N" */')).toEqual(ddl(created('n')));
    expect(read('DROP TABLE a /*!99999 , b */')).toEqual(
      ddl(dropped('a'), dropped('b'), filled('a'), filled('b')),
    );
    expect(read('/*!99999 DROP TABLE */ DELETE FROM a')).toEqual(UNKNOWN);
  });

  it('rewrites its tables when a character could not be decoded', () => {
    expect(read("ALTER TABLE a COMMENT '\ufffd'")).toEqual(ddl(touched('a'), filled('a')));
  });

  it('is read in linear time and without recursion, however long', () => {
    const long = 'x'.repeat(8 << 20);
    const many = '/* a */ '.repeat(1 << 16);
    for (const sql of [
      `DROP TABLE a /* ${long} */, b`,
      `DROP TABLE ${many} a, b`,
      `DROP TABLE a /*!99999 ${many} */, b`,
    ])
      expect(read(sql)).toEqual(ddl(dropped('a'), dropped('b')));
    expect(read(`INSERT INTO other.u VALUES ('${long}${"\\'".repeat(1 << 20)}')`)).toEqual(
      changes(t('u', 'other')),
    );
    const rows = '(1, now(2)),'.repeat(1 << 16);
    expect(read(`INSERT INTO other.u VALUES ${rows} (3, 4)`)).toEqual(changes(t('u', 'other')));
    expect(read(`INSERT INTO other.u VALUES ${'('.repeat(1 << 18)}`)).toEqual(
      changes(t('u', 'other')),
    );
  });
});
