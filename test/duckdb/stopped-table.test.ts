import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TableName } from '../../src/change/table.ts';
import { DuckDbFile } from '../../src/duckdb/database-file.ts';
import { DuckDbDestination } from '../../src/duckdb/duckdb-destination.ts';
import { RowStage } from '../../src/duckdb/row-stage.ts';
import type { ChangeRow, SinkBatch } from '../../src/sink/destination.ts';
import type { ControlRecord } from '../../src/topic/control-record.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
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

const ORDERS = schemaOf('shop.orders', [
  ['id', integer],
  ['note', varchar],
]);
const ITEMS = schemaOf('shop.items', [
  ['id', integer],
  ['note', varchar],
]);
const NAME = 'shop.orders' as TableName;
const TOPIC = 'shop.shop.orders' as Topic;
const OTHER = 'shop.shop.items' as Topic;

const order = (n: number, note = `note ${n}`): ChangeRow =>
  change(ORDERS, 'c', [BigInt(n), note], n);
const item = (n: number): ChangeRow => change(ITEMS, 'c', [BigInt(n), 'item'], n);
/** A value that its column's type does not hold. */
const poisoned = (n: number): ChangeRow => ({ ...order(n), row: `{"id":"x${n}","note":null}` });

const offsetsAt = (offset: number): SinkBatch['offsets'] =>
  [TOPIC, OTHER].map((topic) => ({ topic, partition: 0, offset }));

/** A change of each table in commit `n`, which is also its offset. */
function both(n: number, first: ChangeRow, control: readonly ControlRecord[] = []): SinkBatch {
  const tables = [rowsOf(ORDERS, [first]), rowsOf(ITEMS, [item(n)])];
  return { ...batch(n, tables, control), offsets: offsetsAt(n + 1) };
}

/** The same without the table that has stopped. */
function rest(n: number, control: readonly ControlRecord[] = []): SinkBatch {
  const only = batch(n, [rowsOf(ITEMS, [item(n)])], control);
  return { ...only, offsets: offsetsAt(n + 1).slice(1), without: [TOPIC] };
}

const begin = (n: number, id: string): ControlRecord => ({
  kind: 'snapshotBegin',
  seq: seqAt(n),
  table: NAME,
  snapshotId: id,
});
const end = (n: number, id: string): ControlRecord => ({ ...abandoned(n, id), covers: seqAt(1) });
/** Of a copy that was given up on its way. */
const abandoned = (n: number, id: string) =>
  ({ kind: 'snapshotEnd', seq: seqAt(n), table: NAME, snapshotId: id }) as const;

describe('a table that DuckDB cannot take', () => {
  let folder: ReturnType<typeof tempFolder>;
  let path = '';
  let warehouse: TestWarehouse;

  beforeEach(async () => {
    folder = tempFolder();
    path = join(folder.path, 'shop.duckdb');
    warehouse = await openWarehouse(path);
    await warehouse.destination.apply(both(1, order(1)));
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await warehouse[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  const sink = () => warehouse.destination;
  const reopen = async (): Promise<void> => {
    await warehouse[Symbol.asyncDispose]();
    warehouse = await openWarehouse(path);
  };
  const ids = async (table: string): Promise<readonly number[]> =>
    (await warehouse.query(`SELECT id FROM shop.${table} ORDER BY id`)).map(([id]) => Number(id));
  const statuses = () =>
    warehouse.query(
      'SELECT table_name, status, consistent, code, commit_ordinal FROM _cdc_status ORDER BY ALL',
    );
  /** What DuckDB says when it runs out of memory storing rows of orders, until told otherwise. */
  const lackMemory = (lacks: (rows: readonly ChangeRow[]) => boolean) => {
    const store: RowStage['store'] = Reflect.get(RowStage.prototype, 'store');
    return vi.spyOn(RowStage.prototype, 'store').mockImplementation(function (
      this: RowStage,
      rows,
      ...others
    ) {
      if (rows.table === NAME && lacks(rows.rows))
        throw new Error('Out of Memory Error: failed to allocate data of size 64.0 MiB');
      return Reflect.apply(store, this, [rows, ...others]);
    });
  };

  it('stops at its cut before and says why, while the others go on', async () => {
    expect(await sink().apply(both(2, poisoned(2)))).toEqual([TOPIC]);
    expect([await ids('orders'), await ids('items')]).toEqual([[1], [1, 2]]);
    await sink().apply(rest(3));
    expect([await ids('orders'), await ids('items')]).toEqual([[1], [1, 2, 3]]);
    expect(await statuses()).toEqual([
      ['shop.items', 'consistent', true, null, '3'],
      [NAME, 'stopped', false, 'duckdb.value-refused', '1'],
    ]);
    expect(sink().stopped()).toMatchObject([
      {
        table: NAME,
        topic: TOPIC,
        offsets: [{ topic: TOPIC, partition: 0, offset: 2 }],
        readAgain: 'never',
        code: 'duckdb.value-refused',
        position: expect.stringContaining('sequence') as string,
      },
    ]);
  });

  it('quotes no value of the row that it was stopped by', async () => {
    await sink().apply(both(2, poisoned(2)));
    expect(JSON.stringify(sink().stopped())).not.toContain('x2');
    expect(JSON.stringify(await warehouse.query('SELECT * FROM _cdc_status'))).not.toContain('x2');
  });

  it('is stopped after a restart too, with its history and its rows as of its own cut', async () => {
    await sink().apply(both(2, poisoned(2)));
    await reopen();
    await sink().apply(rest(3));
    expect(await ids('orders')).toEqual([1]);
    expect(await ids('orders__history')).toEqual([1]);
    expect(await ids('orders__changes')).toEqual([1]);
    expect((await sink().open())?.offsets).toContainEqual({
      topic: TOPIC,
      partition: 0,
      offset: 2,
    });
  });

  it('comes back by a snapshot that began after the row, from its end on, with what was deleted meanwhile', async () => {
    await sink().apply(both(2, poisoned(2)));
    await sink().apply(rest(3, [begin(1, 'old'), end(3, 'old')]));
    expect(sink().stopped()).toMatchObject([{ readAgain: 'never' }]);
    await sink().apply(rest(4, [begin(4, 'new')]));
    expect(sink().stopped()).toMatchObject([{ readAgain: 'fromSnapshot' }]);
    const read = [poisoned(2), { ...order(5), op: 'r' as const }];
    await sink().apply({ ...batch(5, [rowsOf(ORDERS, read)]), offsets: offsetsAt(6) });
    expect(await ids('orders')).toEqual([1]);
    await sink().apply({ ...batch(6, [], [end(6, 'new')]), offsets: offsetsAt(7) });
    expect(await ids('orders')).toEqual([5]);
    expect(sink().stopped()).toEqual([]);
    expect(await statuses()).toContainEqual([NAME, 'consistent', true, null, '6']);
    const [[cause] = []] = await warehouse.query('SELECT cause FROM _cdc_gaps');
    expect(cause).toContain('shop.orders was stopped by duckdb.value-refused');
  });

  it('goes on from its offsets at the next start when its cause is gone, with all that has waited', async () => {
    lackMemory(() => true);
    expect(await sink().apply(both(2, order(2)))).toEqual([TOPIC]);
    expect(sink().stopped()).toMatchObject([{ readAgain: 'never', code: 'duckdb.out-of-memory' }]);
    vi.restoreAllMocks();
    await sink().apply(rest(4, [{ kind: 'truncate', seq: seqAt(3), table: NAME }]));
    expect(await ids('orders')).toEqual([1]);
    await reopen();
    expect(sink().stopped()).toMatchObject([{ readAgain: 'fromOffsets' }]);
    const backlog = [order(2), { ...order(4), seq: seqAt(4) }];
    await sink().apply({ ...batch(5, [rowsOf(ORDERS, backlog)]), offsets: offsetsAt(6) });
    expect(await ids('orders')).toEqual([4]);
    expect(await statuses()).toContainEqual([NAME, 'consistent', true, null, '5']);
  });

  it('whose rows fit into memory in small pieces does not stop', async () => {
    const stored = lackMemory((rows) => rows.length > 1);
    const large = [2, 3, 4].map((n) => order(n, 'x'.repeat(600_000)));
    expect(await sink().apply(batch(4, [rowsOf(ORDERS, large)]))).toEqual([]);
    expect(await ids('orders')).toEqual([1, 2, 3, 4]);
    // With all that it may take, and once more after what other tables held is in the file.
    expect(stored.mock.calls.map(([{ rows }]) => rows.length)).toEqual([3, 3, 3, 1, 1, 1]);
  });

  it('whose rows fit into memory by themselves does not stop, and nothing is stored twice', async () => {
    let left = 2;
    lackMemory(() => left-- > 0);
    expect(await sink().apply(both(2, order(2)))).toEqual([]);
    expect([await ids('orders'), await ids('items')]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(await warehouse.query('SELECT count(*) FROM _sluice."shop.items__changes"')).toEqual([
      ['2'],
    ]);
    expect((await sink().open())?.offsets).toEqual(offsetsAt(3));
  });

  it('whose first schema has no key is stopped with nothing made for it, and listed', async () => {
    const keyless = schemaOf('shop.backup', [['id', integer]], []);
    const rows = [rowsOf(keyless, [{ ...order(2), row: '{"id":1}' }]), rowsOf(ITEMS, [item(2)])];
    expect(await sink().apply(batch(2, rows))).toEqual(['shop.shop.backup']);
    expect(await ids('items')).toEqual([1, 2]);
    expect(await statuses()).toContainEqual(['shop.backup', 'stopped', false, 'table.no-key', '1']);
    expect(
      await warehouse.query(
        `SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE '%backup%'`,
      ),
    ).toEqual([['0']]);
    await reopen();
    expect(sink().stopped()).toMatchObject([{ table: 'shop.backup', readAgain: 'never' }]);
  });

  it('that is announced without a row, and cannot be, is stopped with nothing made', async () => {
    const keyless = schemaOf('shop.backup', [['id', integer]], []);
    const name = 'shop.backup' as TableName;
    const schema: ControlRecord = {
      kind: 'schema',
      seq: seqAt(2, 0),
      table: name,
      schemaId: schemaIdOf(keyless),
    };
    const announced = batch(2, [rowsOf(ITEMS, [item(2)])], [schema], [keyless]);
    expect(await sink().apply(announced)).toEqual(['shop.shop.backup']);
    expect(await statuses()).toContainEqual([name, 'stopped', false, 'table.no-key', '1']);
    expect(await ids('items')).toEqual([1, 2]);
  });

  it('is stopped alone, with its columns and its views as they were, when DuckDB refuses a view of it', async () => {
    await warehouse.query('DROP VIEW shop.orders');
    await warehouse.query('CREATE TABLE shop.orders (foreign_to INTEGER)');
    const wider = schemaOf(NAME, [
      ['id', integer],
      ['more', varchar],
    ]);
    const row = change(wider, 'c', [7n, 'x'], 2);
    expect(await sink().apply(batch(2, [rowsOf(wider, [row]), rowsOf(ITEMS, [item(2)])]))).toEqual([
      TOPIC,
    ]);
    expect(await statuses()).toContainEqual([NAME, 'stopped', false, 'duckdb.failed', '1']);
    expect(await ids('items')).toEqual([1, 2]);
    expect(await warehouse.query('SELECT * FROM shop.orders')).toEqual([]);
    expect(
      await warehouse.query(
        `SELECT count(*) FROM duckdb_columns() WHERE table_name = 'shop.orders__changes' AND column_name = 'more'`,
      ),
    ).toEqual([['0']]);
    await warehouse.query('DROP TABLE shop.orders');
    await reopen();
    expect(sink().stopped()).toMatchObject([{ table: NAME, readAgain: 'fromOffsets' }]);
    await sink().apply(batch(3, [rowsOf(wider, [row])]));
    expect(await ids('orders')).toContain(7);
  });

  it('needs a snapshot when a record of its columns has passed while its form was refused', async () => {
    await warehouse.query('DROP VIEW shop.orders');
    await warehouse.query('CREATE TABLE shop.orders (foreign_to INTEGER)');
    const wider = schemaOf(NAME, [
      ['id', integer],
      ['more', varchar],
    ]);
    const defaults: ControlRecord = {
      kind: 'columns',
      seq: seqAt(2, 0),
      table: NAME,
      ...{ closed: [], renamed: [], defaults: [{ name: 'more', value: '"x"' }] },
    };
    await sink().apply(
      batch(2, [rowsOf(wider, [change(wider, 'c', [7n, 'y'], 2, 1)])], [defaults]),
    );
    await warehouse.query('DROP TABLE shop.orders');
    await reopen();
    expect(sink().stopped()).toMatchObject([{ table: NAME, readAgain: 'never' }]);
    expect(await statuses()).toContainEqual([NAME, 'stopped', false, 'duckdb.failed', '1']);
  });

  it.each([
    ['a view of its form', 'duckdb.failed', order(2)],
    ['a row', 'duckdb.value-refused', poisoned(3)],
  ])(
    'keeps a column that was replaced when %s was refused apart from the one before',
    async (_what, code, row) => {
      if (code === 'duckdb.failed') {
        await warehouse.query('DROP VIEW shop.orders__history');
        await warehouse.query('CREATE TABLE shop.orders__history (foreign_to INTEGER)');
      }
      const replaced: ControlRecord = {
        ...{ kind: 'columns', seq: seqAt(3, 2), table: NAME },
        ...{ closed: ['note'], renamed: [], defaults: [] },
      };
      expect(await sink().apply(both(3, row, [replaced]))).toEqual([TOPIC]);
      expect(await statuses()).toContainEqual([NAME, 'stopped', false, code, '1']);
      if (code === 'duckdb.failed') await warehouse.query('DROP TABLE shop.orders__history');
      await sink().apply(rest(4, [begin(4, 's')]));
      const copied = [1, 2].map((n) => change(ORDERS, 'r', [BigInt(n), 'copied'], 5, 2 * n - 1));
      const ends: readonly ControlRecord[] = [
        { kind: 'sweep', seq: seqAt(6, 0), table: NAME, olderThan: seqAt(4) },
        {
          ...{ kind: 'snapshotEnd', seq: seqAt(6, 2), table: NAME, snapshotId: 's' },
          covers: seqAt(4),
        },
      ];
      await sink().apply({ ...batch(6, [rowsOf(ORDERS, copied)], ends), offsets: offsetsAt(7) });
      expect(await statuses()).toContainEqual([NAME, 'consistent', true, null, '6']);
      expect(await warehouse.query('SELECT * FROM shop.orders ORDER BY id')).toEqual([
        ['1', 'copied'],
        ['2', 'copied'],
      ]);
      const past =
        'SELECT id, note, note__earlier FROM shop.orders__history ORDER BY id, valid_from';
      expect(await warehouse.query(past)).toEqual([
        ['1', null, 'note 1'],
        ['1', 'copied', null],
        ['2', 'copied', null],
      ]);
    },
  );

  it('is made at the snapshot that brings it, when it stopped with its first schema', async () => {
    const keyless = schemaOf('shop.late', [['id', integer]], []);
    const keyed = schemaOf('shop.late', [['id', integer]]);
    const late = { table: 'shop.late' as TableName, snapshotId: 's' };
    const topic = 'shop.shop.late' as Topic;
    const [old, read] = [2, 5].map((n) => ({ ...order(n), row: `{"id":${n}}` }));
    await sink().apply(batch(2, [rowsOf(keyless, [old!])]));
    const started = batch(4, [], [{ kind: 'snapshotBegin', seq: seqAt(4), ...late }]);
    await sink().apply({ ...started, without: [topic] });
    expect(sink().stopped()).toMatchObject([{ readAgain: 'fromSnapshot' }]);
    await sink().apply(batch(5, [rowsOf(keyless, [old!]), rowsOf(keyed, [read!])]));
    expect(await ids('late')).toEqual([]);
    await sink().apply(
      batch(6, [], [{ kind: 'snapshotEnd', seq: seqAt(6), ...late, covers: seqAt(1) }]),
    );
    expect(await ids('late')).toEqual([5]);
    expect(await statuses()).toContainEqual(['shop.late', 'consistent', true, null, '6']);
  });

  it('stays as it was when the snapshot that was to bring it back is cancelled half way', async () => {
    for (const n of [2, 3]) await sink().apply(both(n, order(n)));
    await sink().apply(both(4, poisoned(4)));
    await sink().apply(rest(5, [begin(5, 'first')]));
    const copied = (n: number, at: number) =>
      change(ORDERS, 'r', [BigInt(n), 'copied'], at, 2 * n - 1);
    await sink().apply({ ...batch(6, [rowsOf(ORDERS, [copied(1, 6)])]), offsets: offsetsAt(7) });
    await sink().apply({ ...batch(7, [], [abandoned(7, 'first')]), offsets: offsetsAt(8) });
    expect(await ids('orders')).toEqual([1, 2, 3]);
    expect(await statuses()).toContainEqual([NAME, 'stopped', false, 'duckdb.value-refused', '3']);
    await sink().apply({ ...batch(8, [], [begin(8, 'second')]), offsets: offsetsAt(9) });
    const all = [1, 3].map((n) => copied(n, 9));
    await sink().apply({ ...batch(9, [rowsOf(ORDERS, all)]), offsets: offsetsAt(10) });
    // The second request was cancelled, too, and has left its copy to another one.
    await sink().apply({ ...batch(10, [], [end(10, 'third')]), offsets: offsetsAt(11) });
    expect(await ids('orders')).toEqual([1, 3]);
    expect(await statuses()).toContainEqual([NAME, 'consistent', true, null, '10']);
  });

  it('is not folded while it is stopped', async () => {
    await sink().apply(both(2, poisoned(2)));
    await warehouse[Symbol.asyncDispose]();
    {
      await using file = await DuckDbFile.open(path, TEST_SETTINGS);
      const folding = { minDeltaRows: 0, stateFraction: 0, maxAgeMs: 0 };
      const options = { pipeline: 'shop', prefix: 'shop', nowMs: () => 0, reach: () => {} };
      const eager = new DuckDbDestination(file, { ...options, folding });
      await eager.open();
      await eager.compact(Number.POSITIVE_INFINITY);
    }
    warehouse = await openWarehouse(path);
    const folded = (table: string) =>
      warehouse.query(`SELECT count(*) FROM _sluice."shop.${table}__state"`);
    expect([await folded('orders'), await folded('items')]).toEqual([[['0']], [['2']]]);
    expect(await ids('orders')).toEqual([1]);
  });

  it('that is dropped at the source is not listed, and made again it begins with the rows since', async () => {
    await sink().apply(both(2, poisoned(2)));
    await sink().apply(rest(4, [{ kind: 'tableDropped', seq: seqAt(4), table: NAME }]));
    expect(await statuses()).not.toContainEqual(expect.arrayContaining([NAME]));
    expect(sink().stopped()).toMatchObject([{ readAgain: 'fromSnapshot' }]);
    const read = [poisoned(2), order(5)];
    await sink().apply({ ...batch(5, [rowsOf(ORDERS, read)]), offsets: offsetsAt(6) });
    expect(sink().stopped()).toEqual([]);
    expect(await ids('orders')).toEqual([5]);
    expect(await statuses()).toContainEqual([NAME, 'consistent', true, null, '5']);
  });

  it('needs a snapshot when more deletes have waited than a commit can carry', async () => {
    lackMemory(() => true);
    await sink().apply(both(2, order(2)));
    vi.restoreAllMocks();
    const many = Array.from(
      { length: 101 },
      (_, index): ControlRecord => ({
        kind: 'truncate',
        seq: seqAt(3, 2 * index + 1),
        table: NAME,
      }),
    );
    await sink().apply(rest(3, many));
    expect(await warehouse.query('SELECT count(*) FROM _sluice.pending_control')).toEqual([['0']]);
    await reopen();
    expect(sink().stopped()).toMatchObject([{ readAgain: 'never' }]);
  });

  it('takes a failure of the file for no table, and stops none', async () => {
    vi.spyOn(RowStage.prototype, 'store').mockRejectedValueOnce(new Error('IO Error: disk full'));
    await expect(sink().apply(both(2, order(2)))).rejects.toMatchObject({
      code: 'duckdb.io-failed',
    });
    await sink().open();
    expect(sink().stopped()).toEqual([]);
  });
});
