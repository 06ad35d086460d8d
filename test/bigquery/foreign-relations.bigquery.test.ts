import { describe, expect, it } from 'vitest';
import type { TableName, TableSchema } from '../../src/change/table.ts';
import type { SinkBatch } from '../../src/sink/destination.ts';
import type { ControlRecord } from '../../src/topic/control-record.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import { batch, change, integer, rowsOf, schemaOf, seqAt, varchar } from '../duckdb/warehouse.ts';
import { ENDPOINT, Place } from './place.ts';

const COLUMNS = [
  ['id', integer],
  ['note', varchar],
] as const;
const [ORDERS, ITEMS] = [schemaOf('shop.orders', COLUMNS), schemaOf('shop.items', COLUMNS)];

/** A change of a table, whose note says whose it is. */
const row = (schema: TableSchema, note: string, ordinal: number) =>
  rowsOf(schema, [change(schema, 'c', [BigInt(ordinal), note], ordinal)]);
const dropped = (ordinal: number): ControlRecord => ({
  kind: 'tableDropped',
  seq: seqAt(ordinal, 0),
  table: 'shop.orders' as TableName,
});

const NOTES = 'SELECT o.note FROM {shop}.orders AS o ORDER BY o.id';
const AS_OF = "SELECT o.note FROM {shop}.orders__as_of(TIMESTAMP '2030-01-01') AS o ORDER BY o.id";
const STATUS =
  'SELECT s.table_name, s.status, s.code FROM {own}._cdc_status AS s ORDER BY s.table_name';
const REFUSED = ['shop.orders', 'stopped', 'bigquery.table-refused'];

describe.skipIf(ENDPOINT === '')('two pipelines with one dataset of views', () => {
  it('show the tables of the first under their names, and stop those of the second alone', async () => {
    await using eu = await Place.make();
    await using us = await Place.make(undefined, eu);
    await eu.live(batch(1, [row(ORDERS, 'eu', 1)]));
    await us.live(batch(1, [row(ORDERS, 'us', 1), row(ITEMS, 'us', 1)]));
    expect(await us.rows(STATUS)).toEqual([['shop.items', 'consistent', null], REFUSED]);
    const [[reason] = []] = await us.rows(
      "SELECT s.reason FROM {own}._cdc_status AS s WHERE s.table_name = 'shop.orders'",
    );
    expect(reason).toContain(us.sql('{shop}.`orders`'));
    await eu.fold();
    await us.fold();
    await eu.live(batch(2, [row(ORDERS, 'eu', 2)]));
    expect(await eu.rows(NOTES)).toEqual([['eu'], ['eu']]);
    expect(await eu.rows(AS_OF)).toEqual([['eu'], ['eu']]);
    expect(await us.rows('SELECT i.note FROM {shop}.items AS i')).toEqual([['us']]);
    await us.sink().create({ warehouseId: 'again' });
    expect(await eu.rows(NOTES)).toEqual([['eu'], ['eu']]);
    expect(await eu.rows(AS_OF)).toEqual([['eu'], ['eu']]);
  });

  it('leave each other what the source of the second has dropped', async () => {
    await using eu = await Place.make();
    await using us = await Place.make(undefined, eu);
    await eu.live(batch(1, [row(ORDERS, 'eu', 1)]));
    await us.live(batch(1, [row(ORDERS, 'us', 1), row(ITEMS, 'us', 1)]));
    await us.live(batch(2, [row(ITEMS, 'us', 2)], [dropped(2)]));
    await us.fold();
    expect(await eu.rows(NOTES)).toEqual([['eu']]);
    expect(await eu.rows(AS_OF)).toEqual([['eu']]);
  });
});

describe.skipIf(ENDPOINT === '')('what somebody has made in a dataset of views', () => {
  it.each([
    [
      'a view',
      'CREATE VIEW {shop}.orders__latest AS SELECT 7 AS theirs',
      'SELECT l.theirs FROM {shop}.orders__latest AS l',
    ],
    [
      'a view of the bookkeeping',
      'CREATE VIEW {shop}.orders AS SELECT 7 AS theirs FROM {own}.`_cdc_checkpoints` AS p',
      'SELECT o.theirs FROM {shop}.orders AS o',
    ],
    [
      'a table function',
      'CREATE TABLE FUNCTION {shop}.orders__as_of(n INT64) AS (SELECT 7 AS theirs)',
      'SELECT o.theirs FROM {shop}.orders__as_of(1) AS o',
    ],
  ])('stays when it is %s, and the table goes on when it is gone', async (_what, make, tell) => {
    await using place = await Place.make();
    await place.service.ensureDataset(place.sql('{shop}').split('`')[3] ?? '');
    await place.run(make);
    const first = batch(1, [row(ORDERS, 'ours', 1), row(ITEMS, 'ours', 1)]);
    await place.live(first);
    expect(await place.rows(STATUS)).toEqual([['shop.items', 'consistent', null], REFUSED]);
    await place.live(batch(2, [row(ITEMS, 'ours', 2)], [dropped(2)]));
    await place.fold();
    await place.sink().create({ warehouseId: 'again' });
    expect(await place.rows(tell)).toEqual([['7']]);
  });

  it('stays under the name of a table that the source has dropped', async () => {
    await using place = await Place.make();
    await place.live(batch(1, [row(ORDERS, 'ours', 1), row(ITEMS, 'ours', 1)]));
    await place.live(batch(2, [row(ITEMS, 'ours', 2)], [dropped(2)]));
    await place.run('CREATE VIEW {shop}.orders AS SELECT 7 AS theirs');
    await place.fold();
    const schema: ControlRecord = {
      ...{ kind: 'schema', seq: seqAt(3, 0), table: 'shop.orders' as TableName },
      schemaId: schemaIdOf(ORDERS),
    };
    await place.live(batch(3, [row(ORDERS, 'ours', 3), row(ITEMS, 'ours', 3)], [schema], [ORDERS]));
    const theirs = 'SELECT o.theirs FROM {shop}.orders AS o';
    expect(await place.rows(theirs)).toEqual([['7']]);
    expect(await place.rows(STATUS)).toEqual([['shop.items', 'consistent', null], REFUSED]);
    await place.sink().create({ warehouseId: 'again' });
    expect(await place.rows(theirs)).toEqual([['7']]);
  });

  it('keeps no warehouse from being put aside when it is a table where a view was', async () => {
    await using place = await Place.make();
    await place.live(batch(1, [row(ORDERS, 'ours', 1)]));
    await place.run('DROP VIEW {shop}.orders__latest');
    await place.run('CREATE TABLE {shop}.orders__latest AS SELECT 7 AS theirs');
    await place.sink().create({ warehouseId: 'again' });
    expect(await place.rows('SELECT l.theirs FROM {shop}.orders__latest AS l')).toEqual([['7']]);
    expect(await place.rows('SELECT COUNT(*) AS c FROM {own}._cdc_tables AS t')).toEqual([['0']]);
  });
});

describe.skipIf(ENDPOINT === '')('views that an attempt made and did not put on record', () => {
  it('are the next one’s own, and so are those of a warehouse whose record is lost', async () => {
    await using place = await Place.make();
    const first: SinkBatch = batch(1, [row(ORDERS, 'ours', 1)]);
    await place.live(first);
    await place.run("DELETE FROM {own}._cdc_tables AS t WHERE t.name = 'shop.orders'");
    await place.live(batch(2, [row(ORDERS, 'ours', 2)]));
    expect(await place.rows(STATUS)).toEqual([['shop.orders', 'consistent', null]]);
    expect(await place.rows(NOTES)).toEqual([['ours'], ['ours']]);
    expect(await place.rows(AS_OF)).toEqual([['ours'], ['ours']]);
  });
});
