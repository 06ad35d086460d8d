import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RowValues } from '../../src/change/column-value.ts';
import type { Sequence } from '../../src/change/sequence.ts';
import type { TableName, TableSchema } from '../../src/change/table.ts';
import { DuckDbFile } from '../../src/duckdb/database-file.ts';
import { DuckDbDestination } from '../../src/duckdb/duckdb-destination.ts';
import type { TableRows } from '../../src/sink/destination.ts';
import type { ColumnChanges, ControlRecord } from '../../src/topic/control-record.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
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

const ITEMS = 'shop.items' as TableName;

/** A table of texts beside an integer key. */
const texts = (...columns: readonly string[]): TableSchema =>
  schemaOf(ITEMS, [['id', integer], ...columns.map((name) => [name, varchar] as const)]);

const announced = (schema: TableSchema, ordinal: number, row = 1): ControlRecord => ({
  kind: 'schema',
  seq: seqAt(ordinal, row),
  table: ITEMS,
  schemaId: schemaIdOf(schema),
});

const altered = (ordinal: number, changes: Partial<ColumnChanges>): ControlRecord => ({
  kind: 'columns',
  seq: seqAt(ordinal, 0),
  table: ITEMS,
  ...{ closed: [], renamed: [], defaults: [], ...changes },
});

describe('a table in a DuckDB warehouse', () => {
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
  /** One batch up to a cut, or a piece of one. */
  const apply = (
    cut: number | undefined,
    rows: readonly TableRows[],
    control: readonly ControlRecord[] = [],
    schemas: readonly TableSchema[] = [],
  ) => warehouse.destination.apply(batch(cut, rows, control, schemas));
  const put = (schema: TableSchema, ordinal: number, ...rows: readonly RowValues[]): TableRows =>
    rowsOf(
      schema,
      rows.map((values, index) => change(schema, 'c', values, ordinal, 2 * index + 1)),
    );
  const rowsIn = async (relation: string): Promise<readonly Record<string, unknown>[]> => {
    const names = (
      await warehouse.query(
        `SELECT column_name FROM (DESCRIBE SELECT * FROM ${relation}) WHERE NOT starts_with(column_name, '_cdc')`,
      )
    ).map(([name]) => String(name));
    const list = names.map((name) => `"${name.replaceAll('"', '""')}"::VARCHAR`).join(', ');
    const rows = await warehouse.query(`SELECT ${list} FROM ${relation} ORDER BY ALL`);
    return rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])));
  };
  const present = () => rowsIn('shop.items');
  const asOfNow = () => rowsIn(`shop.items__as_of(TIMESTAMPTZ '2030-01-01')`);
  const open = async () =>
    (await rowsIn('shop.items__history'))
      .filter(({ valid_to: to }) => to === null)
      .map(({ valid_from: _, valid_to: __, ...row }) => row);
  /** The present rows, by each of the ways to ask for them, before and after a fold. */
  const expectRows = async (rows: readonly Record<string, unknown>[]): Promise<void> => {
    expect(await present()).toEqual(rows);
    expect(await asOfNow()).toEqual(rows);
    expect(await open()).toMatchObject(rows);
    await fold();
    expect(await present()).toEqual(rows);
    expect(await asOfNow()).toEqual(rows);
  };

  describe('whose columns change', () => {
    it('shows nothing of a dropped column in one that comes back under its name', async () => {
      const [both, one] = [texts('a', 'b'), texts('a')];
      await apply(1, [put(both, 1, [1n, 'a1', 'old'], [2n, 'a2', 'old'])]);
      await apply(2, [], [announced(one, 2)], [one]);
      await apply(3, [], [announced(both, 3)], [both]);
      await apply(4, [rowsOf(both, [change(both, 'u', [2n, 'a2', 'new'], 4)])]);
      await expectRows([
        { id: '1', a: 'a1', b: null },
        { id: '2', a: 'a2', b: 'new' },
      ]);
      expect(await rowsIn('shop.items__changes')).toContainEqual({
        ...{ id: '1', a: 'a1', b: null },
        b__earlier: 'old',
      });
    });

    it('shows nothing of a column that is dropped and added by the same statement, under the same schema', async () => {
      const both = texts('a', 'b');
      await apply(1, [put(both, 1, [1n, 'a1', 'old'], [2n, 'a2', 'old'])]);
      await apply(2, [], [altered(2, { closed: ['b'] })]);
      expect(await present()).toEqual([
        { id: '1', a: 'a1', b: null },
        { id: '2', a: 'a2', b: null },
      ]);
      await apply(3, [put(both, 3, [3n, 'a3', 'new'])]);
      await expectRows([
        { id: '1', a: 'a1', b: null },
        { id: '2', a: 'a2', b: null },
        { id: '3', a: 'a3', b: 'new' },
      ]);
    });

    it('places rows on both sides of such a statement by their sequence, in whatever piece they come', async () => {
      const both = texts('a', 'b');
      await apply(1, [put(both, 1, [1n, 'a1', 'old'])]);
      await apply(
        undefined,
        [put(both, 4, [4n, 'a4', 'new']), put(both, 2, [2n, 'a2', 'old'])],
        [altered(3, { closed: ['b'] })],
      );
      expect(await present()).toEqual([{ id: '1', a: 'a1', b: 'old' }]);
      await apply(2, [put(both, 2, [5n, 'a5', 'old'])].map(moved));
      expect(await present()).toEqual([
        { id: '1', a: 'a1', b: 'old' },
        { id: '2', a: 'a2', b: 'old' },
        { id: '5', a: 'a5', b: 'old' },
      ]);
      await apply(5, []);
      await expectRows([
        { id: '1', a: 'a1', b: null },
        { id: '2', a: 'a2', b: null },
        { id: '4', a: 'a4', b: 'new' },
        { id: '5', a: 'a5', b: null },
      ]);
    });

    it('moves values to another name, and swaps two names at once', async () => {
      const [before, after] = [texts('a', 'b', 'c'), texts('b', 'a', 'd')];
      await apply(1, [put(before, 1, [1n, 'a1', 'b1', 'c1'])]);
      const renamed = [
        { from: 'a', to: 'b' },
        { from: 'b', to: 'a' },
        { from: 'c', to: 'd' },
      ];
      await apply(2, [], [altered(2, { renamed }), announced(after, 2)], [after]);
      await apply(3, [put(after, 3, [2n, 'b2', 'a2', 'd2'])]);
      await expectRows([
        { id: '1', b: 'a1', a: 'b1', d: 'c1' },
        { id: '2', b: 'b2', a: 'a2', d: 'd2' },
      ]);
      expect(Object.keys((await rowsIn('shop.items__changes'))[0] ?? {})).toEqual([
        ...['id', 'b', 'a', 'd'],
      ]);
    });

    it('shows a new spelling of a name, and a new order', async () => {
      const [before, after] = [texts('surname', 'b'), texts('b', 'SurName')];
      await apply(1, [put(before, 1, [1n, 's1', 'b1'])]);
      await apply(2, [put(after, 2, [2n, 'b2', 's2'])]);
      await expectRows([
        { id: '1', b: 'b1', SurName: 's1' },
        { id: '2', b: 'b2', SurName: 's2' },
      ]);
    });

    it('gives a name to another column while its own column is dropped', async () => {
      const [before, after] = [texts('a', 'b'), texts('b')];
      await apply(1, [put(before, 1, [1n, 'a1', 'b1'])]);
      const changes = { closed: ['b'], renamed: [{ from: 'a', to: 'b' }] };
      await apply(
        3,
        [put(after, 3, [2n, 'b2'])],
        [altered(2, changes), announced(after, 2)],
        [after],
      );
      await expectRows([
        { id: '1', b: 'a1' },
        { id: '2', b: 'b2' },
      ]);
    });

    it('shows the constant of an added column in older rows, folded or not, and the value in newer ones', async () => {
      const before = texts('a');
      const after = schemaOf(ITEMS, [
        ['id', integer],
        ['a', varchar],
        ['n', integer],
        ['day', { kind: 'date' }],
        ['at', { kind: 'timestamp', fractionDigits: 0 }],
        ['price', { kind: 'decimal', precision: 6, scale: 2 }],
        ['raw', { kind: 'binary', fixedBytes: 2 }],
      ]);
      await apply(1, [put(before, 1, [1n, 'a1'], [2n, 'a2'])]);
      const defaults = [
        { name: 'n', value: '7' },
        { name: 'day', value: '0' },
        { name: 'at', value: '"2026-11-23T00:00:00Z"' },
        { name: 'price', value: '"1.50"' },
        { name: 'raw', value: '"AQI="' },
      ];
      await apply(2, [], [altered(2, { defaults }), announced(after, 2)], [after]);
      const constants = {
        ...{ n: '7', day: '1970-01-01', at: '2026-11-23 00:00:00+00', price: '1.50' },
        raw: '\\x01\\x02',
      };
      await fold();
      await apply(3, [
        put(after, 3, [3n, 'a3', null, null, null, null, null]),
        rowsOf(after, [change(after, 'u', [2n, 'a2', 8n, null, null, null, null], 3, 9)]),
      ]);
      const nulls = { n: null, day: null, at: null, price: null, raw: null };
      await expectRows([
        { id: '1', a: 'a1', ...constants },
        { id: '2', a: 'a2', ...nulls, n: '8' },
        { id: '3', a: 'a3', ...nulls },
      ]);
      await apply(4, [], [{ kind: 'truncate', seq: seqAt(4), table: ITEMS }]);
      const deletes = await warehouse.query(
        `SELECT n::INTEGER FROM shop.items__changes WHERE _cdc.op = 'd' ORDER BY n`,
      );
      expect(deletes).toEqual([[7], [8], [null]]);
    });
  });

  describe('whose key changes', () => {
    const byCode = schemaOf(
      ITEMS,
      [
        ['code', varchar],
        ['v', varchar],
      ],
      ['code'],
    );
    const byId = schemaOf(ITEMS, [
      ['id', integer],
      ['code', varchar],
      ['v', varchar],
    ]);

    it('shows each row once when a copy has brought them under the new key', async () => {
      await apply(1, [put(byCode, 1, ['a', 'x'], ['b', 'y'])]);
      await fold();
      await apply(2, [], [announced(byId, 2)], [byId]);
      expect(await present()).toEqual([]);
      await apply(3, [put(byId, 3, [1n, 'a', 'x'], [2n, 'b', 'y'])]);
      await expectRows([
        { id: '1', code: 'a', v: 'x' },
        { id: '2', code: 'b', v: 'y' },
      ]);
    });

    it('ends every live row under the old key at the sequence of the change, each once', async () => {
      await apply(1, [put(byCode, 1, ['a', 'x'], ['b', 'y'])]);
      await fold();
      await apply(3, [put(byId, 3, [1n, 'a', 'x'])], [announced(byId, 2)], [byId]);
      await apply(4, []);
      const ends = await warehouse.query(
        `SELECT code, _cdc.seq FROM shop.items__changes WHERE _cdc.op = 'd' ORDER BY code`,
      );
      expect(ends).toEqual([
        ['a', seqAt(2)],
        ['b', seqAt(2)],
      ]);
    });

    it('shows rows of the old key until the cut has passed the change, and no row twice afterwards', async () => {
      await apply(1, [put(byCode, 1, ['a', 'x'])]);
      await apply(undefined, [put(byId, 5, [1n, 'a', 'x'])], [announced(byId, 4)], [byId]);
      await apply(3, [put(byCode, 3, ['b', 'y'])]);
      const old = [
        { code: 'a', v: 'x' },
        { code: 'b', v: 'y' },
      ];
      expect(await present()).toEqual(old);
      expect(await asOfNow()).toEqual(old);
      await fold();
      expect(await present()).toEqual(old);
      await apply(5, []);
      await expectRows([{ id: '1', code: 'a', v: 'x' }]);
    });

    it('compares keys within a generation only, when the same columns are the key again', async () => {
      const byBoth = schemaOf(
        ITEMS,
        [
          ['code', varchar],
          ['v', varchar],
        ],
        ['code', 'v'],
      );
      await apply(1, [put(byCode, 1, ['a', 'x'])]);
      await apply(3, [put(byBoth, 3, ['a', 'x'], ['a', 'y'])], [announced(byBoth, 2)], [byBoth]);
      await apply(5, [put(byCode, 5, ['a', 'y'])], [announced(byCode, 4)], [byCode]);
      await expectRows([{ code: 'a', v: 'y' }]);
      expect(await rowsIn('shop.items__history')).toHaveLength(4);
    });

    it('sweeps keys of its generation, and is truncated within it', async () => {
      await apply(1, [put(byCode, 1, ['a', 'x'])]);
      const sweep = { kind: 'sweep', seq: seqAt(5), table: ITEMS, olderThan: seqAt(4) } as const;
      await apply(
        5,
        [put(byId, 3, [1n, 'a', 'x'], [9n, 'gone', 'z']), put(byId, 4, [1n, 'a', 'x'])],
        [announced(byId, 2), sweep],
        [byId],
      );
      await expectRows([{ id: '1', code: 'a', v: 'x' }]);
      await apply(6, [], [{ kind: 'truncate', seq: seqAt(6), table: ITEMS }]);
      await expectRows([]);
    });

    it('keeps its key when the key column is renamed or widened', async () => {
      const renamed = schemaOf(ITEMS, [['key', varchar]], ['key']);
      const before = schemaOf(ITEMS, [['id', { kind: 'integer', bytes: 1, unsigned: false }]]);
      const wider = schemaOf(ITEMS, [['id', integer]]);
      await apply(1, [put(before, 1, [1n])]);
      await apply(2, [rowsOf(wider, [change(wider, 'u', [1n], 2)])]);
      await expectRows([{ id: '1' }]);
      const names = [{ from: 'id', to: 'key' }];
      await apply(
        3,
        [rowsOf(renamed, [change(renamed, 'u', ['1'], 4)])],
        [altered(3, { renamed: names }), announced(renamed, 3)],
        [renamed],
      );
      await expectRows([{ key: '1' }]);
      await apply(4, []);
      await expectRows([{ key: '1' }]);
    });
  });

  describe('that is dropped', () => {
    const dropped = (ordinal: number): readonly ControlRecord[] => [
      { kind: 'truncate', seq: seqAt(ordinal, 0), table: ITEMS },
      { kind: 'tableDropped', seq: seqAt(ordinal, 1), table: ITEMS },
    ];
    const views = async () =>
      (
        await warehouse.query(
          `SELECT view_name FROM duckdb_views() WHERE schema_name = 'shop' UNION ALL
           SELECT function_name FROM duckdb_functions() WHERE schema_name = 'shop' ORDER BY ALL`,
        )
      ).flat();
    const PAST = ['items__changes', 'items__history'];
    const ALL = ['items', 'items__as_of', ...PAST];

    it('has its view no more once the cut has passed that, and its history for ever', async () => {
      const schema = texts('a');
      await apply(1, [put(schema, 1, [1n, 'a1'])]);
      await apply(undefined, [], dropped(2));
      expect(await views()).toEqual(ALL);
      expect(await present()).toEqual([{ id: '1', a: 'a1' }]);
      await apply(2, []);
      expect(await views()).toEqual(PAST);
      await fold();
      expect(await views()).toEqual(PAST);
      expect(await rowsIn('shop.items__history')).toMatchObject([{ id: '1', a: 'a1' }]);
    });

    it('begins with fresh columns and a fresh key when it is made again, of the same form or another', async () => {
      const schema = texts('a');
      await apply(1, [put(schema, 1, [1n, 'old'])]);
      await fold();
      await apply(2, [], dropped(2));
      await apply(3, [], [announced(schema, 3)], [schema]);
      expect(await views()).toEqual(ALL);
      expect(await present()).toEqual([]);
      await apply(4, [put(schema, 4, [1n, 'new'])]);
      await expectRows([{ id: '1', a: 'new' }]);
      expect(await rowsIn('shop.items__history')).toMatchObject([
        { id: '1', a: 'new', id__earlier: null, a__earlier: null },
        { id: null, a: null, id__earlier: '1', a__earlier: 'old' },
      ]);
    });

    it('may be dropped and made again within one batch, with rows on both sides', async () => {
      const schema = texts('a');
      await apply(1, [put(schema, 1, [1n, 'a1'])]);
      const rows = rowsOf(schema, [
        change(schema, 'c', [2n, 'old'], 2),
        change(schema, 'c', [3n, 'new'], 5),
      ]);
      await apply(5, [rows], [...dropped(3), announced(schema, 4)], [schema]);
      await expectRows([{ id: '3', a: 'new' }]);
    });
  });

  it('takes columns of any name, its own among them', async () => {
    const names = [
      ...['__proto__', 'constructor', '_cdc', '_CDC_', '_cdc_op', '_CDC_SEQ', '_cdc_inexact'],
      ...['valid_from', 'VALID_TO', 'as_of', 'rowid', '_cdc_next_committed_at', 'op__v2'],
    ];
    const schema = texts(...names);
    const values = names.map((_, index) => `v${index}`);
    await apply(1, [put(schema, 1, [1n, ...values], [2n, ...values])]);
    await apply(2, [rowsOf(schema, [change(schema, 'd', [2n, ...values], 2)])]);
    const list = names.map((name) => `"${name}"`).join(', ');
    for (const relation of ['items', `items__as_of('2030-01-01')`, 'items__changes'])
      expect(await warehouse.query(`SELECT ${list} FROM shop.${relation} WHERE id = 1`)).toEqual([
        values,
      ]);
    await fold();
    expect(await warehouse.query(`SELECT ${list} FROM shop.items`)).toEqual([values]);
    const own = (await warehouse.query('SELECT column_name FROM (DESCRIBE shop.items__history)'))
      .flat()
      .slice(-3);
    expect(own).toEqual(['valid_from_', 'valid_to_', '_cdc__']);
    const [seqs] = await warehouse.query('SELECT min(_cdc__.seq) FROM shop.items__history');
    expect(seqs).toEqual([seqAt(1)]);
  });

  it.each([
    ['in letter case', 'Day', []],
    ['to another name', 'moment', [{ from: 'day', to: 'moment' }]],
  ])(
    'tells days apart that its key column cannot hold, when that is renamed %s',
    async (_, name, renamed) => {
      const keyed = (key: string): TableSchema =>
        schemaOf(
          ITEMS,
          [
            [key, { kind: 'date' }],
            ['v', varchar],
          ],
          [key],
        );
      const [before, after] = [keyed('day'), keyed(name)];
      await apply(1, [put(before, 1, ['0000-00-00', 'zero'], ['2026-02-00', 'old'])]);
      const control = renamed.length === 0 ? [] : [altered(2, { renamed })];
      await apply(2, [], [...control, announced(after, 2)], [after]);
      await apply(3, [rowsOf(after, [change(after, 'u', ['2026-02-00', 'new'], 3)])]);
      const texts = async (): Promise<unknown> =>
        warehouse.query(
          `SELECT v, list_extract(map_values(CAST(_cdc.inexact AS MAP(VARCHAR, VARCHAR))), 1) FROM shop.items__history ORDER BY v`,
        );
      const history = [
        ['new', '2026-02-00'],
        ['old', '2026-02-00'],
        ['zero', '0000-00-00'],
      ];
      expect(await texts()).toEqual(history);
      await expectRows([
        { [name]: null, v: 'new' },
        { [name]: null, v: 'zero' },
      ]);
      expect(await texts()).toEqual(history);
    },
  );

  it('of a warehouse of before goes on, and closes what its schema does not have', async () => {
    const both = texts('a', 'b');
    await apply(1, [put(both, 1, [1n, 'a1', 'b1'])]);
    await warehouse.query(
      `UPDATE _sluice.tables SET definition = json_merge_patch(definition, '{"closed": null}')`,
    );
    await fold();
    await apply(2, [put(texts('a'), 2, [2n, 'a2'])]);
    await expectRows([
      { id: '1', a: 'a1' },
      { id: '2', a: 'a2' },
    ]);
  });
});

/** The same rows at other places of their commit. */
const moved = ({ rows, ...rest }: TableRows): TableRows => ({
  ...rest,
  rows: rows.map((row) => ({ ...row, seq: row.seq.replace(/.$/, '9') as Sequence })),
});
