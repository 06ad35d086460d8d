import { describe, expect, it } from 'vitest';
import type { TableName, TableSchema } from '../../src/change/table.ts';
import type { SinkBatch } from '../../src/sink/destination.ts';
import type { ControlRecord } from '../../src/topic/control-record.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import { type Topic, tableTopic } from '../../src/topic/topic-name.ts';
import { batch, change, integer, rowsOf, schemaOf, seqAt, varchar } from '../duckdb/warehouse.ts';
import { ENDPOINT, Place, type Rows } from './place.ts';

const COLUMNS = [
  ['id', integer],
  ['note', varchar],
] as const;
const ORDERS = schemaOf('shop.orders', COLUMNS);
const ITEMS = schemaOf('shop.items', COLUMNS);
const ORDERS_NAME = 'shop.orders' as TableName;
const topicOf = ({ id }: TableSchema): Topic => tableTopic('shop', id);

const rowOf = (schema: TableSchema, id: bigint, note: string, ordinal: number, row = 1) =>
  rowsOf(schema, [change(schema, 'c', [id, note], ordinal, row)]);

const FIRST = batch(1, [rowOf(ORDERS, 1n, 'first', 1), rowOf(ITEMS, 1n, 'a', 1, 2)]);

/** The column `note` is dropped, and another one of its name added. */
const REPLACED: ControlRecord = {
  ...{ kind: 'columns', seq: seqAt(2, 0), table: ORDERS_NAME },
  ...{ closed: ['note'], renamed: [], defaults: [] },
};
const SECOND = batch(2, [rowOf(ORDERS, 2n, 'second', 2), rowOf(ITEMS, 2n, 'b', 2, 2)], [REPLACED]);

/** A copy of a table that reads it from commit 4 on, and sweeps. */
function copyOf(schema: TableSchema, values: readonly (readonly [bigint, string])[]) {
  const table = `${schema.id.database}.${schema.id.table}` as TableName;
  const shared = { table, snapshotId: 's' };
  const begun: SinkBatch = {
    ...batch(3, [], [{ kind: 'snapshotBegin', seq: seqAt(3), ...shared }]),
    without: [topicOf(schema)],
  };
  const rows = values.map(([id, note], index) => change(schema, 'r', [id, note], 4, 2 * index + 1));
  const ended = batch(
    5,
    [rowsOf(schema, rows)],
    [
      { kind: 'sweep', seq: seqAt(5, 0), table, olderThan: seqAt(3) },
      { kind: 'snapshotEnd', seq: seqAt(5, 2), ...shared, covers: seqAt(3) },
    ],
  );
  return { begun, ended };
}

const STATUS =
  'SELECT s.table_name, s.status, s.code FROM {own}._cdc_status AS s ORDER BY s.table_name';
const NAMES =
  "SELECT t.name, JSON_VALUE(t.definition, '$.names.view') AS view_name FROM {own}._cdc_tables AS t ORDER BY t.name";

const shown = (place: Place, view: string): Promise<Rows> =>
  place.rows(`SELECT o.id, o.note FROM {shop}.\`${view}\` AS o ORDER BY o.id`);

/** Somebody has a table where a view is meant to be. */
async function occupy(place: Place, view: string): Promise<void> {
  await place.run(`DROP VIEW IF EXISTS {shop}.\`${view}\``);
  await place.run(`CREATE TABLE {shop}.\`${view}\` (theirs INT64)`);
}

const clear = (place: Place, view: string): Promise<void> =>
  place.run(`DROP TABLE {shop}.\`${view}\``);

async function relations(place: Place, dataset: string): Promise<readonly string[]> {
  const parts = place.sql(dataset).replaceAll('`', '').split('.');
  return place.service.tables(parts.at(-1) ?? '');
}

describe.skipIf(ENDPOINT === '')('a form of which BigQuery refuses a view', () => {
  it('is on record with its columns, and comes back by a copy with what was said of them', async () => {
    await using place = await Place.make();
    await place.live(FIRST);
    await occupy(place, 'orders__history');
    await place.live(SECOND);
    expect(await place.rows(STATUS)).toEqual([
      ['shop.items', 'consistent', null],
      ['shop.orders', 'stopped', 'bigquery.table-refused'],
    ]);
    expect(await shown(place, 'items')).toHaveLength(2);
    await clear(place, 'orders__history');
    const { begun, ended } = copyOf(ORDERS, [
      [1n, 'copied'],
      [2n, 'second'],
    ]);
    await place.live(begun);
    await place.live(ended);
    expect(await place.rows(STATUS)).toEqual([
      ['shop.items', 'consistent', null],
      ['shop.orders', 'consistent', null],
    ]);
    expect(await shown(place, 'orders')).toEqual([
      ['1', 'copied'],
      ['2', 'second'],
    ]);
    const past =
      'SELECT h.id, h.note, h.note__earlier FROM {shop}.orders__history AS h ORDER BY h.id, h.note__earlier DESC';
    expect(await place.rows(past)).toEqual([
      ['1', null, 'first'],
      ['1', 'copied', null],
      ['2', 'second', null],
    ]);
  });

  it('keeps the name of a column that is in the table from one of another type', async () => {
    await using place = await Place.make();
    await place.live(FIRST);
    await occupy(place, 'orders__history');
    const wider = schemaOf('shop.orders', [...COLUMNS, ['more', integer]]);
    const row = rowsOf(wider, [change(wider, 'c', [2n, 'second', 5n], 2)]);
    await place.live(batch(2, [row]));
    await clear(place, 'orders__history');
    const other = schemaOf('shop.orders', [...COLUMNS, ['more', varchar]]);
    const schema: ControlRecord = {
      ...{ kind: 'schema', seq: seqAt(3, 0), table: ORDERS_NAME },
      schemaId: schemaIdOf(other),
    };
    const { begun, ended } = copyOf(ORDERS, []);
    const announced = {
      ...batch(3, [], [schema, ...begun.control], [other]),
      without: begun.without!,
    };
    await place.live(announced);
    const copied = rowsOf(other, [change(other, 'r', [1n, 'first', 'text'], 4)]);
    await place.live({ ...ended, tables: [copied] });
    const rows = 'SELECT o.id, o.note, o.more FROM {shop}.orders AS o ORDER BY o.id';
    expect(await place.rows(rows)).toEqual([['1', 'first', 'text']]);
  });

  it.each([
    ['goes on when the next attempt finds nothing in the way', true],
    ['stops when the next attempt is refused as well', false],
  ])('%s, whose first one died behind the refusal', async (_title, isCleared) => {
    await using place = await Place.make();
    await place.live(FIRST);
    await occupy(place, 'orders__history');
    const dies = place.live(SECOND, (point) => {
      if (point === 'sinkMidTransaction') throw new Error('killed');
    });
    await expect(dies).rejects.toThrow('killed');
    if (isCleared) await clear(place, 'orders__history');
    await place.live(SECOND);
    const [, [, status] = []] = await place.rows(STATUS);
    expect(status).toBe(isCleared ? 'consistent' : 'stopped');
    if (!isCleared) return;
    const past = 'SELECT h.id, h.note FROM {shop}.orders__history AS h ORDER BY h.id';
    expect(await place.rows(past)).toEqual([
      ['1', null],
      ['2', 'second'],
    ]);
  });

  it('of a table that is new leaves nothing of the table, and nothing of others is taken', async () => {
    await using place = await Place.make();
    await place.live(FIRST);
    const before = [await relations(place, '{shop}'), await relations(place, '{own}')];
    const late = schemaOf('shop.late', COLUMNS);
    await occupy(place, 'late__history');
    await place.live(batch(2, [rowOf(late, 1n, 'late', 2)]));
    const after = [await relations(place, '{shop}'), await relations(place, '{own}')];
    expect(after.map((names) => [...names].sort())).toEqual([
      [...(before[0] ?? []), 'late__history'].sort(),
      [...(before[1] ?? [])].sort(),
    ]);
    expect(await place.rows('SELECT l.theirs FROM {shop}.late__history AS l')).toEqual([]);
  });
});

describe.skipIf(ENDPOINT === '')('a name that changes hands where BigQuery refuses a view', () => {
  const like = (table: string): TableSchema => ({ ...ORDERS, id: { database: 'shop', table } });
  const [clients, capital] = [like('clients'), like('Clients')];
  const dropOf = ({ id }: TableSchema, ordinal: number): ControlRecord => ({
    kind: 'tableDropped',
    seq: seqAt(ordinal, 0),
    table: `shop.${id.table}` as TableName,
  });

  it('is on record of the one that has it, when the other one is refused its new name', async () => {
    await using place = await Place.make();
    await place.live(batch(1, [rowOf(clients, 1n, 'old', 1)]));
    await occupy(place, 'clients_x0_2__history');
    await place.live(batch(2, [rowOf(capital, 7n, 'new', 2)], [dropOf(clients, 2)]));
    expect(await place.rows(NAMES)).toEqual([
      ['shop.Clients', 'Clients'],
      ['shop.clients', 'clients_x0_2'],
    ]);
    expect(await shown(place, 'Clients')).toEqual([['7', 'new']]);
  });

  it('is that of a table which was refused it with the copy that brings the table back, without a row', async () => {
    await using place = await Place.make();
    await place.live(batch(1, [rowOf(clients, 1n, 'old', 1), rowOf(capital, 1n, 'old', 1, 2)]));
    await place.live(batch(2, [], [dropOf(clients, 2), dropOf(capital, 2)]));
    await occupy(place, 'Clients__history');
    const schema: ControlRecord = {
      ...{ kind: 'schema', seq: seqAt(3, 0), table: 'shop.Clients' as TableName },
      schemaId: schemaIdOf(capital),
    };
    await place.live(batch(3, [rowOf(capital, 7n, 'new', 3, 3)], [schema], [capital]));
    expect(await place.rows(STATUS)).toEqual([
      ['shop.Clients', 'stopped', 'bigquery.table-refused'],
    ]);
    await clear(place, 'Clients__history');
    const shared = { table: 'shop.Clients' as TableName, snapshotId: 's' };
    const begin: ControlRecord = { kind: 'snapshotBegin', seq: seqAt(4), ...shared };
    const end: ControlRecord = { kind: 'snapshotEnd', seq: seqAt(6), ...shared, covers: seqAt(4) };
    await place.live({ ...batch(4, [], [begin]), without: [topicOf(capital)] });
    await place.live(batch(6, [], [end]));
    expect(await shown(place, 'Clients')).toEqual([]);
    const past = 'SELECT h.note__earlier FROM {shop}.Clients__history AS h';
    expect(await place.rows(past)).toEqual([['old']]);
    expect(await place.rows(STATUS)).toEqual([['shop.Clients', 'consistent', null]]);
  });
});
