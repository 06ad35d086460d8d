import { describe, expect, it } from 'vitest';
import { tableSizes } from '../../src/mysql/table-sizes.ts';
import { account, MYSQL_URL, never, testDatabase } from './support.ts';

describe.skipIf(!MYSQL_URL)('the sizes of tables', () => {
  it('are added up over the captured ones alone, as the statistics have them now', async () => {
    await using db = await testDatabase();
    await db.run(
      'CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(100))',
      'CREATE TABLE items (id INT PRIMARY KEY)',
      'CREATE TABLE audit (id INT PRIMARY KEY)',
      'CREATE VIEW recent AS SELECT * FROM orders',
      "INSERT INTO orders VALUES (1, 'a'), (2, 'b'), (3, 'c')",
      'INSERT INTO audit VALUES (1)',
      'ANALYZE TABLE orders, items, audit',
    );
    const captured = { include: [`${db.name}.*`], exclude: [`${db.name}.audit`] };
    const sizes = await tableSizes(account(), captured, never);
    expect(sizes).toMatchObject({ tables: 2, rows: 3 });
    // A page each at least.
    expect(sizes.dataBytes).toBeGreaterThanOrEqual(2 * 16_384);
  });

  it('are nothing where no table is captured', async () => {
    const captured = { include: ['nowhere_at_all.*'], exclude: [] };
    expect(await tableSizes(account(), captured, never)).toEqual({
      tables: 0,
      rows: 0,
      dataBytes: 0,
    });
  });
});
