import { describe, expect, it } from 'vitest';
import type { TableName } from '../../src/change/table.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import { batch, change, integer, rowsOf, schemaOf, seqAt, varchar } from '../duckdb/warehouse.ts';
import { diesAt, ENDPOINT, Place } from './place.ts';

const COLUMNS = [
  ['id', integer],
  ['note', varchar],
] as const;
const ORDERS = schemaOf('shop.orders', COLUMNS);
const ORDERS_NAME = 'shop.orders' as TableName;

describe.skipIf(ENDPOINT === '')('a table whose key changes', () => {
  it('has new rows in changelog and state clustered by the new one', async () => {
    await using place = await Place.make();
    const byNote = schemaOf('shop.orders', [['note', varchar]], ['note']);
    await place.live(batch(1, [rowsOf(byNote, [change(byNote, 'c', ['a'], 1)])]));
    await place.fold();
    const layouts = async (): Promise<readonly (readonly string[])[]> => [
      await place.clustering('shop__orders__changes'),
      await place.clustering('shop__orders__state'),
    ];
    expect(await layouts()).toEqual([['note'], ['note']]);
    const schemaId = schemaIdOf(ORDERS);
    const announced = { kind: 'schema', seq: seqAt(2, 0), table: ORDERS_NAME, schemaId } as const;
    const copied = rowsOf(ORDERS, [change(ORDERS, 'r', [1n, 'a'], 3)]);
    await place.live(batch(3, [copied], [announced], [ORDERS]));
    expect(await layouts()).toEqual([['id'], ['note']]);
    expect(await place.key('shop__orders__state')).toEqual(['note']);
    await place.fold();
    expect(await layouts()).toEqual([['id'], ['id']]);
    expect(await place.key('shop__orders__state')).toEqual(['id']);
    expect(await place.rows('SELECT o.id, o.note FROM {shop}.orders AS o')).toEqual([['1', 'a']]);
  });

  it.each([
    ['its first step', [1]],
    ['its second step', [2]],
    ['its first step, and the one after that behind its own', [1, 1]],
  ])(
    'shows each row once and declares its key, also when its sink is killed in a fold behind %s',
    async (_title, deaths) => {
      await using place = await Place.make();
      const byNote = schemaOf('shop.orders', [['note', varchar]], ['note']);
      await place.live(batch(1, [rowsOf(byNote, [change(byNote, 'c', ['a'], 1)])]));
      await place.fold();
      const schemaId = schemaIdOf(ORDERS);
      const announced = { kind: 'schema', seq: seqAt(2, 0), table: ORDERS_NAME, schemaId } as const;
      const copied = [change(ORDERS, 'r', [1n, 'a'], 3, 1), change(ORDERS, 'r', [2n, 'b'], 3, 3)];
      await place.live(batch(3, [rowsOf(ORDERS, copied)], [announced], [ORDERS]));
      const expectRows = async (): Promise<void> =>
        expect(
          await place.rows('SELECT o.id, o.note FROM {shop}.orders AS o ORDER BY o.id'),
        ).toEqual([
          ['1', 'a'],
          ['2', 'b'],
        ]);
      await expectRows();
      for (const nth of deaths) {
        await expect(place.fold(diesAt('sinkCompacting', nth))).rejects.toThrow('killed');
        await expectRows();
      }
      await place.live(batch(4, [rowsOf(ORDERS, [change(ORDERS, 'u', [2n, 'b'], 4)])]));
      await place.fold();
      await expectRows();
      expect(await place.key('shop__orders__state')).toEqual(['id']);
      expect(
        await place.rows('SELECT o.id FROM {shop}.orders__latest AS o ORDER BY o.id'),
      ).toHaveLength(2);
    },
  );

  it('to a type that another column holds has none declared, since neither column has all of its values', async () => {
    await using place = await Place.make();
    await place.live(batch(1, [rowsOf(ORDERS, [change(ORDERS, 'c', [1n, 'a'], 1)])]));
    await place.fold();
    expect(await place.key('shop__orders__state')).toEqual(['id']);
    const asText = schemaOf('shop.orders', [
      ['id', varchar],
      ['note', varchar],
    ]);
    const rows = [change(asText, 'c', ['x', 'b'], 2, 1), change(asText, 'c', ['y', 'c'], 2, 3)];
    await place.live(batch(2, [rowsOf(asText, rows)]));
    await place.fold();
    expect(await place.key('shop__orders__state')).toEqual([]);
    const shown = 'SELECT o.id FROM {shop}.orders AS o ORDER BY o.id';
    expect(await place.rows(shown)).toEqual([['1'], ['x'], ['y']]);
  });

  it('to one that BigQuery cannot cluster by is clustered by none', async () => {
    await using place = await Place.make();
    const binary = { kind: 'binary', fixedBytes: 16 } as const;
    const byBytes = schemaOf('shop.orders', [['uuid', binary], ...COLUMNS], ['uuid']);
    await place.live(batch(1, [rowsOf(ORDERS, [change(ORDERS, 'c', [1n, 'a'], 1)])]));
    await place.fold();
    const bytes = Buffer.alloc(16, 7).toString('base64');
    const copied = rowsOf(byBytes, [change(byBytes, 'r', [bytes, 1n, 'a'], 2)]);
    await place.live(batch(2, [copied]));
    await place.fold();
    for (const table of ['changes', 'state'])
      expect(await place.clustering(`shop__orders__${table}`)).toEqual([]);
    expect(await place.rows('SELECT o.id FROM {shop}.orders AS o')).toEqual([['1']]);
  });
});
