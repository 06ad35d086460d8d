import { describe, expect, it } from 'vitest';
import { eventually, type ShopPipeline } from '../../demo/shop-pipeline.ts';
import {
  expectEverythingEqual,
  givenServers,
  openShop,
  SOON_MS,
  STACK_TEST_MS,
} from '../support/shop-harness.ts';

/** Comments on the view of `noted` and its columns, waited for. */
async function expectComments(shop: ShopPipeline, expected: readonly unknown[]): Promise<void> {
  const sql = `SELECT '' AS name, comment FROM duckdb_views() WHERE schema_name = '${shop.name}' AND view_name = 'noted'
    UNION ALL SELECT column_name, comment FROM duckdb_columns() WHERE schema_name = '${shop.name}' AND table_name = 'noted' ORDER BY name`;
  let shown: unknown;
  await eventually('the comments of the source', SOON_MS, async () => {
    // Nobody answers while no worker has the warehouse open.
    shown = await shop.query(sql).catch(() => 'no answer');
    return JSON.stringify(shown) === JSON.stringify(expected) ? true : undefined;
  }).catch(() => undefined);
  expect(shown).toEqual(expected);
}

describe.skipIf(!givenServers())('comments of the source', () => {
  it(
    'are in the warehouse, and change there when they change, also while nobody captures',
    async () => {
      await using scope = await openShop({ scale: 0.01 });
      const { shop } = scope;
      await shop.run(
        `CREATE TABLE noted (id INT PRIMARY KEY COMMENT 'the "number"', note TEXT) COMMENT = 'it''s\\nnoted'`,
      );
      shop.startWorker();
      await shop.apply();
      await shop.snapshotEnded(SOON_MS);
      await expectComments(shop, [
        ['', `it's\nnoted`],
        ['id', 'the "number"'],
        ['note', null],
      ]);

      await shop.run("ALTER TABLE noted COMMENT = 'noted again'");
      await expectComments(shop, [
        ['', 'noted again'],
        ['id', 'the "number"'],
        ['note', null],
      ]);

      await shop.run(
        "ALTER TABLE noted ADD COLUMN extra INT COMMENT 'the extra' FIRST, COMMENT = ''",
        'INSERT INTO noted (id, extra) VALUES (1, 2)',
      );
      await expectComments(shop, [
        ['', null],
        ['extra', 'the extra'],
        ['id', 'the "number"'],
        ['note', null],
      ]);

      await shop.stopWorkers();
      await shop.run("ALTER TABLE noted MODIFY COLUMN note TEXT COMMENT 'while nobody looked'");
      shop.startWorker();
      await expectComments(shop, [
        ['', null],
        ['extra', 'the extra'],
        ['id', 'the "number"'],
        ['note', 'while nobody looked'],
      ]);
      await expectEverythingEqual(shop);
    },
    STACK_TEST_MS,
  );
});
