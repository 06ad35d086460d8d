import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TableName, tableIdOf, tableName } from '../../src/change/table.ts';

const names = fc.string({
  minLength: 1,
  maxLength: 8,
  unit: fc.constantFrom('a', 'B', '.', '`', ' ', 'ü', '-'),
});

describe('a table name', () => {
  it.each([
    [{ database: 'shop', table: 'orders' }, 'shop.orders'],
    [{ database: 'shop', table: 'orders.old' }, 'shop.orders.old'],
    [{ database: 'example.com', table: 'users' }, '`example.com`.users'],
    [{ database: 'a`b', table: 'c`d' }, '`a``b`.c`d'],
    [{ database: 'my shop', table: 'orders' }, 'my shop.orders'],
  ])('of %j is %s and is read back', (id, name) => {
    expect(tableName(id)).toBe(name);
    expect(tableIdOf(name as TableName)).toEqual(id);
  });

  it('differs between any two tables, whatever their names hold', () => {
    fc.assert(
      fc.property(names, names, names, names, (database, table, other, its) => {
        const [one, two] = [
          { database, table },
          { database: other, table: its },
        ];
        expect(tableIdOf(tableName(one))).toEqual(one);
        expect(tableName(one) === tableName(two)).toBe(database === other && table === its);
      }),
    );
  });

  it('without a database is refused', () => {
    expect(() => tableIdOf('orders' as TableName)).toThrow('not a table name: orders');
  });
});
