import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TableSchema, tableName } from '../../src/change/table.ts';
import { DuckDbFile } from '../../src/duckdb/database-file.ts';
import { DuckDbDestination } from '../../src/duckdb/duckdb-destination.ts';
import type { TableRows } from '../../src/sink/destination.ts';
import type { ControlRecord } from '../../src/topic/control-record.ts';
import type { Topic } from '../../src/topic/topic-name.ts';
import {
  batch,
  change,
  integer,
  openWarehouse,
  rowsOf,
  schemaOf,
  seqAt,
  TEST_SETTINGS,
  type TestWarehouse,
  tempFolder,
  varchar,
} from './warehouse.ts';

const schemaFor = (database: string, table: string): TableSchema => ({
  ...schemaOf('shop.t', [
    ['id', integer],
    ['note', varchar],
  ]),
  id: { database, table },
});
const [CLIENTS, OTHER] = [schemaFor('shop', 'clients'), schemaFor('shop', 'Clients')];
const ITEMS = schemaFor('shop', 'items');

/** A row whose text says the table that it is of. */
const row = (schema: TableSchema, id: number, ordinal: number): TableRows =>
  rowsOf(schema, [change(schema, 'c', [BigInt(id), tableName(schema.id)], ordinal)]);
const dropped = (schema: TableSchema, ordinal: number): ControlRecord => ({
  kind: 'tableDropped',
  seq: seqAt(ordinal, 0),
  table: tableName(schema.id),
});

describe('two tables whose relations would have one name in DuckDB', () => {
  let folder: ReturnType<typeof tempFolder>;
  let path = '';
  let warehouse: TestWarehouse;

  beforeEach(async () => {
    folder = tempFolder();
    path = join(folder.path, 'shop.duckdb');
    warehouse = await openWarehouse(path);
  });
  afterEach(async () => {
    await warehouse[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  const apply = (...args: Parameters<typeof batch>) => warehouse.destination.apply(batch(...args));
  const rowsIn = (relation: string) =>
    warehouse.query(`SELECT id::INTEGER, note FROM ${relation} ORDER BY ALL`);
  const views = async () =>
    (
      await warehouse.query(
        `SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE schema_name NOT IN ('main', '_sluice') AND NOT internal ORDER BY 1`,
      )
    ).flat();
  const shownBy = async () =>
    new Map(
      (await warehouse.query('SELECT table_name, view_schema, view_name FROM _cdc_status')).map(
        ([table, schema, view]) => [table, `${String(schema)}.${String(view)}`],
      ),
    );
  const fold = async (): Promise<void> => {
    await warehouse[Symbol.asyncDispose]();
    await using file = await DuckDbFile.open(path, TEST_SETTINGS);
    const destination = new DuckDbDestination(file, {
      ...{ pipeline: 'shop', prefix: 'shop', nowMs: () => 0, reach: () => {} },
      folding: { minDeltaRows: 0, stateFraction: 0, maxAgeMs: 0 },
    });
    await destination.open();
    await destination.compact(Number.POSITIVE_INFINITY);
    await file.close();
    warehouse = await openWarehouse(path);
  };

  it.each([
    [CLIENTS, OTHER, 'shop."Clients_x0_2"'],
    [schemaFor('shop', 'a'), schemaFor('shop', 'a__changes'), 'shop."a__changes_x0_2"'],
    [schemaFor('shop', 'a__history'), schemaFor('shop', 'a'), 'shop."a_x0_2"'],
    [schemaFor('shop', 'a'), schemaFor('SHOP', 'a'), 'shop."a_x0_2"'],
    [ITEMS, schemaFor('main', '_cdc_status'), 'main."_cdc_status_x0_2"'],
    [ITEMS, schemaFor('__sluice', 'items'), '"__sluice_"."items"'],
    [schemaFor('temp', 't'), schemaFor('temp_', 't'), '"temp__"."t"'],
    [schemaFor('shop', "a'b"), schemaFor('shop', 'A\'B".c'), 'shop."A\'B"".c"'],
  ])('of %j and %j, each shows its own rows', async (first, second, relation) => {
    await apply(1, [row(first, 1, 1)]);
    expect(await apply(2, [row(first, 2, 2), row(second, 7, 2)])).toEqual([]);
    await fold();
    await apply(3, [row(second, 8, 3)]);
    const name = tableName(second.id);
    const own = [
      [7, name],
      [8, name],
    ];
    expect(await rowsIn(relation)).toEqual(own);
    const beside = relation.replace(/"$/, '');
    expect(await rowsIn(`${beside}__changes"`)).toEqual(own);
    expect(await rowsIn(`${beside}__as_of"(TIMESTAMPTZ '2030-01-01')`)).toEqual(own);
    const [schema, view] = (await shownBy()).get(tableName(first.id))?.split(/\.(.*)/s) ?? [];
    expect(await rowsIn(`"${schema}"."${view}"`)).toEqual([
      [1, tableName(first.id)],
      [2, tableName(first.id)],
    ]);
    expect(`"${(await shownBy()).get(name)?.replace('.', '"."')}"`.toLowerCase()).toBe(
      relation
        .replace(/^(\w+)\./, '"$1".')
        .replaceAll('""', '"')
        .toLowerCase(),
    );
  });

  it('by a rename to other letters, the new one has the name, and the old one keeps its history', async () => {
    await apply(1, [row(CLIENTS, 1, 1), row(ITEMS, 1, 1)]);
    expect(await apply(2, [row(OTHER, 7, 2), row(ITEMS, 2, 2)], [dropped(CLIENTS, 2)])).toEqual([]);
    expect(await rowsIn('shop."Clients"')).toEqual([[7, 'shop.Clients']]);
    expect(await rowsIn('shop."Clients__changes"')).toEqual([[7, 'shop.Clients']]);
    expect(await rowsIn('shop."clients_x0_2__changes"')).toEqual([[1, 'shop.clients']]);
    expect(await rowsIn('shop."clients_x0_2__history"')).toEqual([[1, 'shop.clients']]);
    expect(await views()).toEqual([
      'shop.Clients',
      'shop.Clients__changes',
      'shop.Clients__history',
      'shop.clients_x0_2__changes',
      'shop.clients_x0_2__history',
      'shop.items',
      'shop.items__changes',
      'shop.items__history',
    ]);
    await fold();
    await apply(3, [row(OTHER, 8, 3)]);
    expect(await rowsIn('shop.clients')).toEqual([
      [7, 'shop.Clients'],
      [8, 'shop.Clients'],
    ]);
    expect(await shownBy()).toEqual(
      new Map([
        ['shop.Clients', 'shop.Clients'],
        ['shop.items', 'shop.items'],
      ]),
    );
  });

  it('by renames to and fro, the living one has the name and all of its history', async () => {
    await apply(1, [row(CLIENTS, 1, 1)]);
    await apply(2, [row(OTHER, 7, 2)], [dropped(CLIENTS, 2)]);
    await apply(3, [row(CLIENTS, 2, 3)], [dropped(OTHER, 3)]);
    expect(await rowsIn('shop.clients')).toEqual([[2, 'shop.clients']]);
    const versions =
      'SELECT coalesce(id, id__earlier)::INTEGER FROM shop.clients__history ORDER BY 1';
    expect(await warehouse.query(versions)).toEqual([[1], [2]]);
    expect(await rowsIn('shop."Clients_x0_3__changes"')).toEqual([[7, 'shop.Clients']]);
    expect(await views()).toHaveLength(5);
  });

  it('change hands with the cut, not with the piece that brings the second one', async () => {
    await apply(1, [row(CLIENTS, 1, 1)]);
    await apply(undefined, [row(OTHER, 7, 2)], [dropped(CLIENTS, 2)]);
    expect(await rowsIn('shop.clients')).toEqual([[1, 'shop.clients']]);
    await warehouse[Symbol.asyncDispose]();
    warehouse = await openWarehouse(path);
    await apply(undefined, [row(OTHER, 8, 2)]);
    expect(await rowsIn('shop.clients')).toEqual([[1, 'shop.clients']]);
    await apply(2, [row(ITEMS, 1, 2)]);
    expect(await rowsIn('shop.clients')).toEqual([
      [7, 'shop.Clients'],
      [8, 'shop.Clients'],
    ]);
    expect(await rowsIn('shop."clients_x0_2__history"')).toEqual([[1, 'shop.clients']]);
  });

  it('change hands also when the first one stands still at an older cut', async () => {
    await apply(1, [row(CLIENTS, 1, 1)]);
    const poisoned = row(CLIENTS, 2, 2);
    const broken = poisoned.rows.map((each) => ({ ...each, row: '{"id":"x","note":null}' }));
    const stopped = await apply(2, [{ ...poisoned, rows: broken }, row(ITEMS, 1, 2)]);
    expect(stopped).toEqual(['shop.shop.clients']);
    await warehouse.destination.apply({
      ...batch(3, [row(OTHER, 7, 3)], [dropped(CLIENTS, 3)]),
      without: stopped,
    });
    expect(await rowsIn('shop.clients')).toEqual([[7, 'shop.Clients']]);
    expect(await rowsIn('shop.clients_x0_2')).toEqual([[1, 'shop.clients']]);
    await apply(4, [row(OTHER, 8, 4)]);
    expect(await rowsIn('shop.clients')).toEqual([
      [7, 'shop.Clients'],
      [8, 'shop.Clients'],
    ]);
    expect(await rowsIn('shop.clients_x0_2__history')).toEqual([[1, 'shop.clients']]);
    expect(await views()).not.toContain('shop.clients_x0_2');
  });

  it('a file without names on record goes on under those it has, and records them', async () => {
    await warehouse[Symbol.asyncDispose]();
    rmSync(path);
    {
      await using file = await DuckDbFile.open(path, TEST_SETTINGS);
      const connection = await file.connect();
      const recorded = new URL('../fixtures/warehouses/duckdb-layout-3.sql', import.meta.url);
      await connection.run(readFileSync(recorded, 'utf8'));
    }
    warehouse = await openWarehouse(path);
    const before = await views();
    expect(await shownBy()).toEqual(
      new Map([
        ['shop.Clients', 'null.null'],
        ['shop.ORDERS', 'null.null'],
        ['shop.orders', 'shop.orders'],
        ['temp.t', 'temp_.t'],
      ]),
    );
    const [orders, temp] = [schemaFor('shop', 'orders'), schemaFor('temp', 't')];
    const without = ['shop.shop.ORDERS', 'shop.shop.Clients'] as Topic[];
    await warehouse.destination.apply({
      ...batch(4, [row(orders, 3, 4), row(temp, 3, 4)]),
      without,
    });
    await fold();
    expect(await views()).toEqual(before);
    expect(await rowsIn('shop.orders')).toEqual([1, 2, 3].map((id) => [id, 'shop.orders']));
    expect(await rowsIn('temp_.t')).toEqual([
      [1, 'temp.t'],
      [3, 'temp.t'],
    ]);
    // What an earlier version stopped for its name goes on from where it stopped.
    expect(warehouse.destination.stopped()).toMatchObject([
      { table: 'shop.Clients', readAgain: 'fromOffsets' },
      { table: 'shop.ORDERS', readAgain: 'fromOffsets' },
    ]);
    const capitals = schemaFor('shop', 'ORDERS');
    await apply(5, [row(OTHER, 7, 3), row(capitals, 1, 3), row(capitals, 9, 5)]);
    expect(await views()).not.toContain('shop.clients__history');
    expect(await rowsIn('shop.clients')).toEqual([[7, 'shop.Clients']]);
    expect(await rowsIn('shop.clients_x0_2__history')).toEqual([[1, 'shop.clients']]);
    expect(await rowsIn('shop."ORDERS_x0_2"')).toEqual([
      [1, 'shop.ORDERS'],
      [9, 'shop.ORDERS'],
    ]);
    const statuses = 'SELECT DISTINCT status, code FROM _cdc_status';
    expect(await warehouse.query(statuses)).toEqual([['consistent', null]]);
  });
});
