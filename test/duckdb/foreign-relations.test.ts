import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TableSchema, tableName } from '../../src/change/table.ts';
import type { SinkBatch } from '../../src/sink/destination.ts';
import type { ControlRecord } from '../../src/topic/control-record.ts';
import { tableTopic } from '../../src/topic/topic-name.ts';
import {
  batch,
  change,
  integer,
  openWarehouse,
  rowsOf,
  schemaOf,
  seqAt,
  type TestWarehouse,
  tempFolder,
  varchar,
} from './warehouse.ts';

const COLUMNS = [
  ['id', integer],
  ['note', varchar],
] as const;
const [ORDERS, ITEMS] = [schemaOf('shop.orders', COLUMNS), schemaOf('shop.items', COLUMNS)];
const TOPIC = tableTopic('shop', ORDERS.id);

const row = (schema: TableSchema, ordinal: number) =>
  rowsOf(schema, [change(schema, 'c', [BigInt(ordinal), 'ours'], ordinal)]);
const both = (ordinal: number): SinkBatch =>
  batch(ordinal, [row(ORDERS, ordinal), row(ITEMS, ordinal)]);
const dropped = (ordinal: number): ControlRecord => ({
  kind: 'tableDropped',
  seq: seqAt(ordinal, 0),
  table: tableName(ORDERS.id),
});

/** What somebody may have made under a name of the table, and what tells that it is still there. */
const THEIRS: readonly (readonly [what: string, make: string, tell: string])[] = [
  ['a table', 'CREATE TABLE shop.orders AS SELECT 7 AS theirs', 'SELECT theirs FROM shop.orders'],
  ['a view', 'CREATE VIEW shop.Orders AS SELECT 7 AS theirs', 'SELECT theirs FROM shop.orders'],
  [
    'a view of the bookkeeping',
    'CREATE VIEW shop.orders__history AS SELECT 7 AS theirs FROM _sluice.checkpoint',
    'SELECT theirs FROM shop.orders__history',
  ],
  [
    'a macro',
    'CREATE MACRO shop.orders__as_of(n) AS TABLE SELECT 7 AS theirs',
    'SELECT theirs FROM shop.orders__as_of(1)',
  ],
];

describe('what somebody has made in a DuckDB file', () => {
  let folder: ReturnType<typeof tempFolder>;
  let warehouse: TestWarehouse;

  beforeEach(async () => {
    folder = tempFolder();
    warehouse = await openWarehouse(join(folder.path, 'shop.duckdb'));
    await warehouse.query('CREATE SCHEMA IF NOT EXISTS shop');
  });
  afterEach(async () => {
    await warehouse[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  const query = (sql: string) => warehouse.query(sql);
  const apply = async (next: SinkBatch) => {
    await warehouse.destination.open();
    return warehouse.destination.apply(next);
  };
  const statuses = () =>
    query('SELECT table_name, status, code FROM _cdc_status ORDER BY table_name');

  it.each(THEIRS)(
    'stays when it is %s, and stops the table of that name alone',
    async (_what, make, tell) => {
      await query(make);
      expect(await apply(both(1))).toEqual([TOPIC]);
      expect(await query(tell)).toEqual([[7]]);
      expect(await query('SELECT note FROM shop.items')).toEqual([['ours']]);
      expect(warehouse.destination.stopped()).toMatchObject([
        { table: 'shop.orders', code: 'duckdb.table-refused' },
      ]);
      expect(warehouse.destination.stopped()[0]?.reason).toContain('"shop"."orders');
    },
  );

  it('is in the way no more when it is gone, and the table goes on by itself', async () => {
    await query('CREATE VIEW shop.orders AS SELECT 7 AS theirs');
    await apply(both(1));
    await query('DROP VIEW shop.orders');
    expect(await apply(batch(2, [row(ORDERS, 1), row(ITEMS, 2)]))).toEqual([]);
    expect(await query('SELECT note FROM shop.orders')).toEqual([['ours']]);
    expect(await statuses()).toEqual([
      ['shop.items', 'consistent', null],
      ['shop.orders', 'consistent', null],
    ]);
  });

  it('stays under the name of a table that is gone, and stops the one that is made again', async () => {
    await apply(both(1));
    await apply(batch(2, [row(ITEMS, 2)], [dropped(2)]));
    await query('CREATE VIEW shop.orders AS SELECT 7 AS theirs');
    await warehouse.destination.compact(Number.POSITIVE_INFINITY);
    await apply(batch(3, [row(ITEMS, 3)], [dropped(3)]));
    expect(await query('SELECT theirs FROM shop.orders')).toEqual([[7]]);
    expect(await apply(both(4))).toEqual([TOPIC]);
    expect(await query('SELECT theirs FROM shop.orders')).toEqual([[7]]);
    expect(await query('SELECT count(*)::INTEGER FROM shop.orders__history')).toEqual([[1]]);
  });

  it('stays also when the table that it has stopped is dropped', async () => {
    await query('CREATE VIEW shop.orders__history AS SELECT 7 AS theirs');
    await apply(both(1));
    await apply(batch(2, [row(ITEMS, 2)], [dropped(2)]));
    expect(await query('SELECT theirs FROM shop.orders__history')).toEqual([[7]]);
  });
});
