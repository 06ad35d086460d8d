import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tableIdOf, tableName } from '../../src/change/table.ts';
import {
  exactPattern,
  followedTables,
  isGhostTable,
  parseTablePattern,
  singleTable,
  splitPatterns,
  tableFilter,
  twoReadings,
} from '../../src/change/table-pattern.ts';

const matches = (pattern: string, database: string, table: string): boolean =>
  tableFilter([pattern], [])({ database, table });

/** As MySQL allows them: anything but NUL, here with what patterns care about in plenty. */
const names = fc
  .array(fc.constantFrom('a', 'B', '.', '`', '*', ',', '@', ' ', 'é', '$', '\\'), { minLength: 1 })
  .map((chars) => chars.join(''));
const tables = fc.record({ database: names, table: names });

describe('a pattern of tables', () => {
  it.each<[pattern: string, database: string, table: string, is: boolean]>([
    ['shop.*', 'shop', 'orders', true],
    ['shop.*', 'shop', 'a.b', true],
    ['shop.*', 'shop2', 'orders', false],
    ['shop.order_*', 'shop', 'order_1', true],
    ['shop.order_*', 'shop', 'orders', false],
    ['*.*', 'example.com', 'users', true],
    ['*.users', 'example.com', 'users', true],
    ['shop.orders.old', 'shop', 'orders.old', true],
    ['shop.orders.old', 'shop.orders', 'old', false],
    ['`shop.orders`.old', 'shop.orders', 'old', true],
    ['`example.com`.*', 'example.com', 'users', true],
    ['`example.com`.*', 'example', 'com.users', false],
    ['`shop`.x.*', 'shop', 'x.1', true],
    ['`a``b.c`.*', 'a`b.c', 't', true],
    ['shop.`a*`', 'shop', 'a*', true],
    ['shop.`a*`', 'shop', 'ab', false],
    ['shop.Orders', 'shop', 'orders', false],
    ['s(h)op.+', 's(h)op', '+', true],
    ['shop', 'shop', 'orders', true],
    ['`shop.x', 'shop', 'x', false],
    ['*.*', 'mysql', 'user', false],
  ])('%s meets %s . %s: %s', (pattern, database, table, is) => {
    expect(matches(pattern, database, table)).toBe(is);
  });

  it('that names one table exactly names no other, whatever its name holds', () => {
    fc.assert(
      fc.property(tables, tables, (table, other) => {
        const only = tableFilter([exactPattern(table)], []);
        expect(only(table)).toBe(true);
        expect(only(other)).toBe(other.database === table.database && other.table === table.table);
        expect(singleTable(exactPattern(table))).toEqual(table);
      }),
    );
  });

  it('reads a table’s name as the table, unless that holds a star or begins with a backtick', () => {
    fc.assert(
      fc.property(tables, (table) => {
        fc.pre(!(table.database + table.table).includes('*') && !table.table.startsWith('`'));
        const name = tableName(table);
        expect(singleTable(name)).toEqual(tableIdOf(name));
      }),
    );
  });

  it.each(['shop', '', '`shop.x', 'sh`op.x', '`a`b.c', '`a`.`b`c'])('is not %j', (text) => {
    expect(parseTablePattern(text)).toBeUndefined();
  });

  it('with a star behind a second dot has two readings, which quotes tell apart', () => {
    expect(twoReadings('case02.x.*')).toEqual(['`case02.x`.*', '`case02`.x.*']);
    expect(twoReadings('a.b.c*')).toEqual(['`a.b`.c*', '`a`.b.c*']);
    for (const clear of ['shop.*', 'shop.orders.old', '`case02.x`.*', '*.orders'])
      expect(twoReadings(clear)).toBeUndefined();
  });

  it('may hold a comma in backticks and still stand in a list', () => {
    expect(splitPatterns('shop.a, `x,y`.b ,shop.*')).toEqual(['shop.a', '`x,y`.b', 'shop.*']);
    expect(splitPatterns('')).toEqual([]);
  });
});

describe('the tables that a pipeline follows', () => {
  it.each([
    ['_orders_gho', true],
    ['_orders_ghc', true],
    ['_orders_del', true],
    ['_orders_20261123040506_del', true],
    ['_orders_new', true],
    ['__orders_new', true],
    ['_orders_old', true],
    ['orders_new', false],
    ['orders_old', false],
    ['_new', false],
    ['_orders_newer', false],
  ])('%s is the name of a ghost table: %s', (table, is) => {
    expect(isGhostTable({ database: 'shop', table })).toBe(is);
  });

  const ghost = { database: 'shop', table: '_orders_gho' };
  const follows = (selection: Partial<Parameters<typeof followedTables>[0]>): boolean =>
    followedTables({ include: ['shop.*'], exclude: [], ...selection })(ghost);

  it('are without ghost tables, also where the specification is older than that setting', () => {
    expect(follows({})).toBe(false);
    expect(follows({ ghostTables: 'skip' })).toBe(false);
    expect(
      followedTables({ include: ['shop.*'], exclude: [] })({ ...ghost, table: 'orders' }),
    ).toBe(true);
  });

  it('have a ghost table that is asked for, by the setting or by its own name', () => {
    expect(follows({ ghostTables: 'follow' })).toBe(true);
    expect(follows({ include: ['shop.*', 'shop._orders_gho'] })).toBe(true);
    expect(follows({ include: ['shop._orders_*'] })).toBe(false);
    expect(follows({ ghostTables: 'follow', exclude: ['shop._*'] })).toBe(false);
  });
});
