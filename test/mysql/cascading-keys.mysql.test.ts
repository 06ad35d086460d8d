import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tableName } from '../../src/change/table.ts';
import { readCascadingKeys } from '../../src/mysql/cascading-keys.ts';
import { connect } from '../../src/mysql/connection.ts';
import { ownServers } from '../support/shop-harness.ts';
import { MYSQL_URL, never } from './support.ts';

const TABLES = [
  'CREATE DATABASE shop',
  'CREATE DATABASE elsewhere',
  'CREATE TABLE elsewhere.customers (id INT PRIMARY KEY)',
  'CREATE TABLE shop.orders (id INT PRIMARY KEY)',
  'CREATE TABLE shop.lines_ (id INT PRIMARY KEY, o INT, FOREIGN KEY (o) REFERENCES shop.orders (id) ON DELETE CASCADE)',
  'CREATE TABLE shop.notes (id INT PRIMARY KEY, o INT, FOREIGN KEY (o) REFERENCES shop.orders (id) ON DELETE SET NULL ON UPDATE CASCADE)',
  'CREATE TABLE shop.invoices (id INT PRIMARY KEY, o INT, FOREIGN KEY (o) REFERENCES shop.orders (id) ON UPDATE CASCADE)',
  'CREATE TABLE shop.plain (id INT PRIMARY KEY, o INT, FOREIGN KEY (o) REFERENCES shop.orders (id))',
  'CREATE TABLE shop.restricted (id INT PRIMARY KEY, o INT, FOREIGN KEY (o) REFERENCES shop.orders (id) ON DELETE RESTRICT ON UPDATE NO ACTION)',
  'CREATE TABLE shop.addresses (id INT PRIMARY KEY, c INT, FOREIGN KEY (c) REFERENCES elsewhere.customers (id) ON DELETE CASCADE)',
  'CREATE TABLE elsewhere.visits (id INT PRIMARY KEY, o INT, FOREIGN KEY (o) REFERENCES shop.orders (id) ON DELETE CASCADE)',
];

TABLES.push(
  'CREATE TABLE shop.pairs (id INT PRIMARY KEY, a INT, b INT, UNIQUE KEY (b, a))',
  'CREATE TABLE shop.parts (id INT PRIMARY KEY, x INT, y INT, FOREIGN KEY (x, y) REFERENCES shop.pairs (b, a) ON UPDATE CASCADE)',
);

/** As on every server before 9.6. */
const NATIVE = ['innodb_native_foreign_keys=ON'];

describe.skipIf(!MYSQL_URL)('the foreign keys that change rows behind the log', () => {
  let own: Awaited<ReturnType<typeof ownServers>>;

  beforeAll(async () => {
    own = await ownServers(['mysql'], { mysqlOptions: NATIVE });
  });
  afterAll(async () => {
    await own[Symbol.asyncDispose]();
  });

  it('are those with an action, whoever captures their tables, with the columns of the parent', async () => {
    const { mysql } = own.addresses;
    if (!mysql) throw new Error('there is no MySQL');
    await using session = await connect(mysql, {}, never);
    for (const sql of TABLES) await session.query(sql, 'making tables');
    const keys = await readCascadingKeys(session);
    const told = keys.map(({ parent, child, onDelete, onUpdate, columns }) => [
      tableName(parent),
      tableName(child),
      onDelete,
      onUpdate,
      ...columns,
    ]);
    expect(told.toSorted()).toEqual([
      ['elsewhere.customers', 'shop.addresses', true, false, 'id'],
      ['shop.orders', 'elsewhere.visits', true, false, 'id'],
      ['shop.orders', 'shop.invoices', false, true, 'id'],
      ['shop.orders', 'shop.lines_', true, false, 'id'],
      ['shop.orders', 'shop.notes', true, true, 'id'],
      ['shop.pairs', 'shop.parts', false, true, 'b', 'a'],
    ]);
  });
});
