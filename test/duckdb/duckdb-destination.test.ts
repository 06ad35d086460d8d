import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ColumnType,
  type TableComments,
  type TableName,
  tableName,
} from '../../src/change/table.ts';
import { DuckDbFile } from '../../src/duckdb/database-file.ts';
import { DuckDbDestination } from '../../src/duckdb/duckdb-destination.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import { internalTopics, type Topic } from '../../src/topic/topic-name.ts';
import {
  batch,
  change,
  cutAt,
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

const ORDERS = 'shop.orders' as TableName;
const orders = schemaOf(ORDERS, [
  ['id', integer],
  ['status', varchar],
]);
const create = (id: number, status: string, ordinal: number, row = 1) =>
  change(orders, 'c', [id, status], ordinal, row);
const update = (id: number, status: string, ordinal: number, row = 1) =>
  change(orders, 'u', [id, status], ordinal, row);
const remove = (id: number, status: string, ordinal: number, row = 1) =>
  change(orders, 'd', [id, status], ordinal, row);

describe('DuckDbDestination', () => {
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

  const reopen = async (): Promise<void> => {
    await warehouse[Symbol.asyncDispose]();
    warehouse = await openWarehouse(path);
  };
  const apply = (...args: Parameters<typeof batch>) => warehouse.destination.apply(batch(...args));
  const present = () => warehouse.query('SELECT id::INTEGER, status FROM shop.orders ORDER BY id');
  /** Folds whatever there is, by way of a destination that always finds it worth it. */
  const fold = async (): Promise<void> => {
    await warehouse[Symbol.asyncDispose]();
    await using file = await DuckDbFile.open(path, TEST_SETTINGS);
    const destination = new DuckDbDestination(file, {
      pipeline: 'shop',
      prefix: 'shop',
      nowMs: () => 0,
      reach: () => {},
      folding: { minDeltaRows: 0, stateFraction: 0, maxAgeMs: 0 },
    });
    await destination.open();
    await destination.compact(Number.POSITIVE_INFINITY);
    await file.close();
    warehouse = await openWarehouse(path);
  };
  const foldedRows = async (): Promise<number> => {
    const [[count] = []] = await warehouse.query(
      'SELECT count(*) FROM _sluice."shop.orders__state"',
    );
    return Number(count);
  };

  const comments = () =>
    warehouse.query(`SELECT view_name, comment FROM duckdb_views() WHERE schema_name = 'shop' AND comment IS NOT NULL
      UNION ALL SELECT table_name || '.' || column_name, comment FROM duckdb_columns()
      WHERE schema_name = 'shop' AND comment IS NOT NULL ORDER BY ALL`);

  it('shows the comments of the source on views and their columns, after a fold and a restart too', async () => {
    const noted = (ordinal: number, given: TableComments, schema = orders) => {
      const [seq, schemaId] = [seqAt(ordinal, 0), schemaIdOf(schema)];
      return { kind: 'schema' as const, seq, table: ORDERS, schemaId, comments: given };
    };
    const first = { table: `The customer's`, columns: { id: 'number "1"', status: 'a\nb' } };
    await apply(1, [rowsOf(orders, [create(1, 'new', 1)])], [noted(1, first)], [orders]);
    const shown = [
      ['orders', `The customer's`],
      ['orders.id', 'number "1"'],
      ['orders.status', 'a\nb'],
      ['orders__changes', `The customer's`],
      ['orders__changes.id', 'number "1"'],
      ['orders__changes.status', 'a\nb'],
      ['orders__history', `The customer's`],
      ['orders__history.id', 'number "1"'],
      ['orders__history.status', 'a\nb'],
    ];
    expect(await comments()).toEqual(shown);
    await fold();
    expect(await comments()).toEqual(shown);

    const without = schemaOf(ORDERS, [['id', integer]]);
    await apply(2, [], [noted(2, { columns: {} }, without)], [without]);
    await reopen();
    expect(await comments()).toEqual(
      ['orders__changes', 'orders__history'].map((view) => [`${view}.status`, 'a\nb']),
    );
    await apply(3, [], [noted(3, { columns: {} })], [orders]);
    expect(await comments()).toEqual(
      ['orders__changes', 'orders__history'].map((view) => [`${view}.status__earlier`, 'a\nb']),
    );
    expect(await present()).toEqual([[1, null]]);
  });

  it('has the comments of the last commit when its process is gone before the log is folded into the file', async () => {
    const [seq, schemaId] = [seqAt(1, 0), schemaIdOf(orders)];
    const given = { table: 'the table', columns: { id: 'the number' } };
    const record = { kind: 'schema' as const, seq, table: ORDERS, schemaId, comments: given };
    await apply(1, [rowsOf(orders, [create(1, 'new', 1)])], [record], [orders]);
    const left = join(folder.path, 'left.duckdb');
    copyFileSync(path, left);
    copyFileSync(`${path}.wal`, `${left}.wal`);
    const before = await comments();
    await warehouse[Symbol.asyncDispose]();
    warehouse = await openWarehouse(left);
    expect(await comments()).toEqual(before);
    expect(before).toContainEqual(['orders__history.id', 'the number']);
    expect(await present()).toEqual([[1, 'new']]);
  });

  it('takes any comment that the source takes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.string({ unit: 'binary', minLength: 1 }), async (n, text) => {
        const schema = schemaOf(ORDERS, [['id', integer]]);
        const [seq, schemaId] = [seqAt(1, n), schemaIdOf(schema)];
        const given = { table: text, columns: { id: text } };
        const record = { kind: 'schema' as const, seq, table: ORDERS, schemaId, comments: given };
        await apply(undefined, [], [record], [schema]);
        const read = text.replaceAll('\0', '␀');
        expect((await comments()).slice(0, 2)).toEqual([
          ['orders', read],
          ['orders.id', read],
        ]);
      }),
      {
        numRuns: 30,
        examples: [
          [0, "'"],
          [0, "\\'; DROP --"],
          [0, '\0\r\n"'],
          [0, '🎉\u2028'],
        ],
      },
    );
  });

  it('shows nothing of a commit before its cut, and all of it after', async () => {
    await apply(undefined, [rowsOf(orders, [create(1, 'new', 1), create(2, 'new', 2)])]);
    expect(await present()).toEqual([]);
    expect(await warehouse.query('SELECT * FROM shop.orders__changes')).toEqual([]);
    await apply(1, []);
    expect(await present()).toEqual([[1, 'new']]);
    await apply(2, []);
    expect(await present()).toEqual([
      [1, 'new'],
      [2, 'new'],
    ]);
  });

  it('gives back offsets, cut and warehouse id when the file is opened again', async () => {
    const offsets = [
      { topic: 'shop.shop.orders' as Topic, partition: 2, offset: 17 },
      { topic: internalTopics('shop').control, partition: 0, offset: 3, topicId: 'c' },
    ];
    await warehouse.destination.apply({ ...batch(7, []), offsets });
    await warehouse.destination.apply({
      ...batch(8, []),
      offsets: [{ ...offsets[0]!, offset: 9_007_199_254_740_991 }],
    });
    await reopen();
    expect(await warehouse.destination.open()).toEqual({
      offsets: [{ ...offsets[0]!, offset: 9_007_199_254_740_991 }, offsets[1]],
      cut: cutAt(8),
      warehouseId: 'w1',
    });
  });

  it('shows the newest change of a key whatever order partitions arrive in', async () => {
    await apply(undefined, [rowsOf(orders, [update(1, 'newest', 3)])]);
    await apply(3, [rowsOf(orders, [create(1, 'oldest', 1), update(1, 'middle', 2)])]);
    expect(await present()).toEqual([[1, 'newest']]);
  });

  it('follows a key change, which is a delete and a create at one row', async () => {
    await apply(1, [rowsOf(orders, [create(1, 'a', 1)])]);
    await apply(2, [rowsOf(orders, [remove(1, 'a', 2, 0), create(2, 'a', 2, 1)])]);
    expect(await present()).toEqual([[2, 'a']]);
  });

  it('gives the same rows before and after folding, and takes changes on top', async () => {
    await apply(2, [rowsOf(orders, [create(1, 'a', 1), create(2, 'a', 1, 3), remove(2, 'a', 2)])]);
    await apply(undefined, [rowsOf(orders, [create(4, 'beyond the cut', 3)])]);
    await fold();
    expect(await foldedRows()).toBe(1);
    expect(await present()).toEqual([[1, 'a']]);
    await apply(4, [rowsOf(orders, [update(1, 'b', 4), create(2, 'again', 4, 3)])]);
    const rows = [
      [1, 'b'],
      [2, 'again'],
      [4, 'beyond the cut'],
    ];
    expect(await present()).toEqual(rows);
    await fold();
    expect(await present()).toEqual(rows);
    expect(await foldedRows()).toBe(3);
  });

  it('refuses a change of a commit that is published already, and stores nothing of its batch', async () => {
    await apply(5, [rowsOf(orders, [create(1, 'a', 5)])]);
    await expect(
      apply(6, [rowsOf(orders, [create(2, 'b', 6), create(3, 'late', 4)])]),
    ).rejects.toMatchObject({ code: 'sink.behind-watermark', facts: { seq: seqAt(4) } });
    await reopen();
    expect(await warehouse.query('SELECT count(*) FROM _sluice."shop.orders__changes"')).toEqual([
      ['1'],
    ]);
  });

  it('turns a truncate into one delete for each key that lived before it', async () => {
    await apply(2, [
      rowsOf(orders, [create(1, 'folded', 1), create(2, 'gone', 1, 3), remove(2, 'gone', 2)]),
    ]);
    await fold();
    const truncate = { kind: 'truncate', seq: seqAt(4, 0), table: ORDERS } as const;
    await apply(5, [rowsOf(orders, [create(3, 'b', 3), create(1, 'after', 5)])], [truncate]);
    expect(await present()).toEqual([[1, 'after']]);
    expect(
      await warehouse.query(
        `SELECT id::INTEGER, status, _cdc.seq FROM shop.orders__changes WHERE _cdc.op = 'd' AND _cdc.position IS NULL ORDER BY id`,
      ),
    ).toEqual([
      [1, 'folded', seqAt(4, 0)],
      [3, 'b', seqAt(4, 0)],
    ]);
  });

  it('sweeps live keys that nothing has touched since the sweep began, and no others', async () => {
    await apply(1, [rowsOf(orders, [create(1, 'lost at the source', 1), create(2, 'seen', 1, 3)])]);
    await fold();
    const sweep = {
      kind: 'sweep',
      seq: seqAt(4, 0),
      table: ORDERS,
      olderThan: seqAt(2, 0),
    } as const;
    const read = change(orders, 'r', [2, 'seen'], 3);
    await apply(5, [rowsOf(orders, [read, create(3, 'later', 5)])], [sweep]);
    expect(await present()).toEqual([
      [2, 'seen'],
      [3, 'later'],
    ]);
  });

  it('keeps a control record until a cut covers it, across a restart', async () => {
    await apply(1, [rowsOf(orders, [create(1, 'a', 1)])]);
    const truncate = { kind: 'truncate', seq: seqAt(3, 0), table: ORDERS } as const;
    await apply(2, [], [truncate]);
    expect(await present()).toEqual([[1, 'a']]);
    await reopen();
    await apply(3, []);
    expect(await present()).toEqual([]);
  });

  it.each([
    [
      'its own, however long its cut took',
      { committedAtUs: Date.UTC(2026, 10, 23) * 1000 + 2_500_000 },
      '00:00:02.5',
    ],
    ['that of the next change of the table when it carries none', {}, '00:00:04'],
  ])('gives the deletes of a truncate a commit time: %s', async (_which, time, expected) => {
    await apply(1, [rowsOf(orders, [create(1, 'a', 1)])]);
    const truncate = { kind: 'truncate', seq: seqAt(3, 0), table: ORDERS, ...time } as const;
    await apply(2, [rowsOf(orders, [create(2, 'b', 4)])], [truncate]);
    await reopen();
    await apply(9, []);
    const deleted = `SELECT _cdc.committed_at::TIMESTAMP FROM shop.orders__changes WHERE _cdc.op = 'd'`;
    expect(await warehouse.query(deleted)).toEqual([[`2026-11-23 ${expected}`]]);
  });

  it('says which tables are consistent', async () => {
    const status = () => warehouse.query('SELECT table_name, status, consistent FROM _cdc_status');
    const snapshotId = 's1';
    const schema = {
      kind: 'schema',
      seq: seqAt(1, 0),
      table: ORDERS,
      schemaId: schemaIdOf(orders),
    } as const;
    await apply(1, [], [schema], [orders]);
    expect(await present()).toEqual([]);
    expect(await status()).toEqual([[ORDERS, 'consistent', true]]);
    await apply(2, [], [{ kind: 'gap', seq: seqAt(2, 0), cause: 'purged', from: '', to: '' }]);
    expect(await status()).toEqual([[ORDERS, 'gap', false]]);
    await apply(3, [], [{ kind: 'snapshotBegin', seq: seqAt(3, 0), table: ORDERS, snapshotId }]);
    expect(await status()).toEqual([[ORDERS, 'snapshotting', false]]);
    const end = { kind: 'snapshotEnd', seq: seqAt(4, 2), table: ORDERS, snapshotId } as const;
    await apply(4, [], [{ ...end, covers: seqAt(3, 0) }]);
    expect(await status()).toEqual([[ORDERS, 'consistent', true]]);
  });

  it('shows every version of a row with the time it was valid, and rows as of a time', async () => {
    await apply(4, [
      rowsOf(orders, [create(1, 'a', 1), update(1, 'b', 2), remove(1, 'b', 3), create(1, 'c', 4)]),
    ]);
    expect(
      await warehouse.query(
        `SELECT status, strftime(valid_from, '%S'), strftime(valid_to, '%S') FROM shop.orders__history ORDER BY valid_from`,
      ),
    ).toEqual([
      ['a', '01', '02'],
      ['b', '02', '03'],
      ['c', '04', null],
    ]);
    const asOf = (second: number) =>
      warehouse.query(
        `SELECT status FROM shop.orders__as_of(TIMESTAMPTZ '2026-11-23 00:00:0${second}.5+00')`,
      );
    expect(await asOf(0)).toEqual([]);
    expect(await asOf(2)).toEqual([['b']]);
    expect(await asOf(3)).toEqual([]);
    expect(await asOf(4)).toEqual([['c']]);
  });

  it('never shows half a transaction as of a time that lies between its rows', async () => {
    const late = { ...create(2, 'same commit', 2, 3), committedAtUs: cutAt(2).committedAtUs };
    await apply(2, [rowsOf(orders, [create(1, 'before', 1), create(3, 'same commit', 2), late])]);
    const [[before], [after]] = (await warehouse.query(
      `SELECT count(*) FROM shop.orders__as_of('2026-11-23 00:00:01.999999+00')
       UNION ALL SELECT count(*) FROM shop.orders__as_of('2026-11-23 00:00:02+00')`,
    )) as [[string], [string]];
    expect([before, after]).toEqual(['1', '3']);
  });

  describe('when the schema changes', () => {
    const columns = async () =>
      (await warehouse.query(`SELECT column_name, column_type FROM (DESCRIBE shop.orders)`)).map(
        ([name, type]) => `${String(name)} ${String(type)}`,
      );

    it('adds a column where the source has it, with NULL in older rows, and keeps _cdc last', async () => {
      await apply(1, [rowsOf(orders, [create(1, 'a', 1)])]);
      await fold();
      const wider = schemaOf(ORDERS, [
        ['id', integer],
        ['note', varchar],
        ['status', varchar],
      ]);
      await apply(2, [
        rowsOf(wider, [change(wider, 'c', [2, 'n', 'b'], 2, 3)]),
        rowsOf(orders, [create(3, 'older', 2, 1)]),
      ]);
      expect(await columns()).toEqual(['id BIGINT', 'note VARCHAR', 'status VARCHAR']);
      expect(
        await warehouse.query('SELECT id::INTEGER, note, status FROM shop.orders ORDER BY id'),
      ).toEqual([
        [1, null, 'a'],
        [2, 'n', 'b'],
        [3, null, 'older'],
      ]);
      const changes = await warehouse.query(
        'SELECT column_name FROM (DESCRIBE shop.orders__changes)',
      );
      expect(changes.flat()).toEqual(['id', 'note', 'status', '_cdc']);
    });

    it('shows a dropped column with the changes, behind the others, and not with the present rows', async () => {
      await apply(1, [rowsOf(orders, [create(1, 'a', 1)])]);
      const narrow = schemaOf(ORDERS, [
        ['id', integer],
        ['note', varchar],
      ]);
      await apply(2, [rowsOf(narrow, [change(narrow, 'c', [2, 'n'], 2)])]);
      const rows = 'SELECT * REPLACE (id::INTEGER AS id) FROM shop.orders';
      expect(await warehouse.query(`${rows} ORDER BY id`)).toEqual([
        [1, null],
        [2, 'n'],
      ]);
      const changes = 'SELECT * EXCLUDE (_cdc) REPLACE (id::INTEGER AS id)';
      expect(await warehouse.query(`${changes} FROM shop.orders__changes ORDER BY id`)).toEqual([
        [1, null, 'a'],
        [2, 'n', null],
      ]);
    });

    it.each<readonly [ColumnType, unknown, ColumnType, unknown, string, readonly unknown[]]>([
      [
        { kind: 'integer', bytes: 1, unsigned: false },
        -1,
        { kind: 'integer', bytes: 4, unsigned: true },
        4294967295,
        'BIGINT',
        ['-1', '4294967295'],
      ],
      [
        { kind: 'decimal', precision: 5, scale: 2 },
        '1.25',
        { kind: 'decimal', precision: 6, scale: 4 },
        '1.2345',
        'DECIMAL(7,4)',
        ['1.2500', '1.2345'],
      ],
      [
        { kind: 'integer', bytes: 4, unsigned: false },
        7,
        varchar,
        'seven',
        'VARCHAR',
        ['7', 'seven'],
      ],
      [
        varchar,
        'seven',
        { kind: 'integer', bytes: 4, unsigned: false },
        7,
        'VARCHAR',
        ['seven', '7'],
      ],
      [
        { kind: 'date' },
        0,
        { kind: 'datetime', fractionDigits: 0 },
        1000,
        'TIMESTAMP',
        ['1970-01-01 00:00:00', '1970-01-01 00:00:01'],
      ],
    ])('widens %o (%o) to hold %o (%o)', async (from, old, to, fresh, type, texts) => {
      const before = schemaOf(ORDERS, [
        ['id', integer],
        ['v', from],
      ]);
      const after = schemaOf(ORDERS, [
        ['id', integer],
        ['v', to],
      ]);
      await apply(1, [rowsOf(before, [change(before, 'c', [1, old as never], 1)])]);
      await fold();
      await apply(2, [rowsOf(after, [change(after, 'c', [2, fresh as never], 2)])]);
      expect(await columns()).toEqual(['id BIGINT', `v ${type}`]);
      expect(
        (await warehouse.query('SELECT v::VARCHAR FROM shop.orders ORDER BY id')).flat(),
      ).toEqual(texts);
    });

    it('begins a column anew where no type holds its old values and its new ones', async () => {
      const before = schemaOf(ORDERS, [
        ['id', integer],
        ['v', { kind: 'binary', fixedBytes: 0 }],
      ]);
      const after = schemaOf(ORDERS, [
        ['id', integer],
        ['v', varchar],
      ]);
      await apply(1, [rowsOf(before, [change(before, 'c', [1, 'AA=='], 1)])]);
      await apply(2, [rowsOf(after, [change(after, 'c', [2, 'x'], 2)])]);
      await reopen();
      expect(await columns()).toEqual(['id BIGINT', 'v VARCHAR']);
      expect(await warehouse.query('SELECT v FROM shop.orders ORDER BY id')).toEqual([
        [null],
        ['x'],
      ]);
      expect(
        await warehouse.query('SELECT v__earlier::VARCHAR FROM shop.orders__history ORDER BY id'),
      ).toEqual([['\\x00'], [null]]);
    });
  });

  it('tells two keys apart that differ only in dates no date type can hold', async () => {
    const days = schemaOf(
      'shop.days',
      [
        ['id', integer],
        ['day', { kind: 'date' }],
      ],
      ['id', 'day'],
    );
    const rows = ['0000-00-00', '2024-00-00', 19_000].map((day, index) =>
      change(days, 'c', [1, day], 1, 2 * index + 1),
    );
    await apply(1, [rowsOf(days, rows)]);
    await apply(2, [rowsOf(days, [change(days, 'd', [1, '2024-00-00'], 2)])]);
    const left = 'SELECT day::VARCHAR FROM shop.days ORDER BY day NULLS FIRST';
    expect(await warehouse.query(left)).toEqual([[null], ['2022-01-08']]);
    await fold();
    await apply(3, [rowsOf(days, [change(days, 'd', [1, '0000-00-00'], 3)])]);
    expect(await warehouse.query(left)).toEqual([['2022-01-08']]);
  });

  it('stops a table without a key alone', async () => {
    const schema = schemaOf('shop.t', [['id', integer]], []);
    await apply(1, [rowsOf(orders, [create(1, 'a', 1)])]);
    const control = {
      kind: 'schema',
      seq: seqAt(2, 0),
      table: tableName(schema.id),
      schemaId: schemaIdOf(schema),
    } as const;
    const { database, table } = schema.id;
    const stopped = await apply(2, [rowsOf(orders, [create(2, 'b', 2)])], [control], [schema]);
    expect(stopped).toEqual([`shop.${database}.${table}`]);
    expect(await present()).toEqual([
      [1, 'a'],
      [2, 'b'],
    ]);
    expect(
      await warehouse.query("SELECT table_name, code FROM _cdc_status WHERE status = 'stopped'"),
    ).toEqual([[`${database}.${table}`, 'table.no-key']]);
  });

  it.each(['temp', 'system', 'MEMORY', '_sluice', 'information_schema', 'pg_catalog'])(
    'shows a database called %s in a schema with an underscore behind the name',
    async (database) => {
      const table = schemaOf(`${database}.t`, [['id', integer]]);
      await apply(1, [rowsOf(table, [change(table, 'c', [1n], 1)])]);
      expect(await warehouse.query(`SELECT id FROM "${database}_".t`)).toEqual([['1']]);
    },
  );

  it('takes any name for database, table and column', async () => {
    const odd = schemaOf('da"ta\'b;-- é.ta"b\'le as_of', [
      ['id', integer],
      ['select "x"\' /~', varchar],
      ['as_of', integer],
      ['valid_from', integer],
    ]);
    await apply(1, [rowsOf(odd, [change(odd, 'c', [1, "it's", 2, 3], 1)])]);
    const name = `"da""ta'b;-- é"."ta""b'le as_of`;
    expect(
      await warehouse.query(
        `SELECT * REPLACE (1 AS id, 2 AS as_of, 3 AS valid_from) FROM ${name}"`,
      ),
    ).toEqual([[1, "it's", 2, 3]]);
    expect(
      await warehouse.query(`SELECT count(*) FROM ${name}__history" WHERE valid_to IS NULL`),
    ).toEqual([['1']]);
    expect(await warehouse.query(`SELECT count(*) FROM ${name}__as_of"('2030-01-01')`)).toEqual([
      ['1'],
    ]);
  });

  describe('that begins at a cut', () => {
    const before = {
      cut: cutAt(5),
      offsets: [{ topic: 'shop.shop.orders' as Topic, partition: 1, offset: 40, topicId: 'id' }],
    };
    const schemaAt = (ordinal: number) =>
      ({
        kind: 'schema',
        seq: seqAt(ordinal, 0),
        table: ORDERS,
        schemaId: schemaIdOf(orders),
      }) as const;
    const begin = (ordinal: number) =>
      ({ kind: 'snapshotBegin', seq: seqAt(ordinal, 0), table: ORDERS, snapshotId: 's' }) as const;
    const end = (ordinal: number, covers: number) =>
      ({ ...begin(ordinal), kind: 'snapshotEnd', covers: seqAt(covers, 0) }) as const;
    const statusOf = () => warehouse.query('SELECT status, consistent FROM _cdc_status');

    it('keeps the warehouse before it under its id, and forgets it', async () => {
      await apply(1, [rowsOf(orders, [create(1, 'old', 1)])]);
      const state = await warehouse.destination.create({ warehouseId: 'w2', start: before });
      expect(state).toEqual({ ...before, warehouseId: 'w2' });
      await reopen();
      expect(await warehouse.destination.open()).toEqual(state);
      await apply(6, [rowsOf(orders, [create(2, 'new', 6)])]);
      expect(await present()).toEqual([[2, 'new']]);
      await warehouse[Symbol.asyncDispose]();
      warehouse = await openWarehouse(`${path}.w1`);
      expect(await present()).toEqual([[1, 'old']]);
    });

    it('calls a table incomplete until a snapshot has ended that began behind the cut', async () => {
      await warehouse.destination.create({ warehouseId: 'w2', start: before });
      await reopen();
      const old = [schemaAt(1), begin(2), end(4, 2)];
      await apply(6, [], old, [orders]);
      expect(await statusOf()).toEqual([['incomplete', false]]);
      await apply(7, [], [end(7, 2)]);
      expect(await statusOf()).toEqual([['incomplete', false]]);
      await reopen();
      await apply(8, [], [begin(8)]);
      expect(await statusOf()).toEqual([['snapshotting', false]]);
      await apply(9, [], [end(9, 8)]);
      expect(await statusOf()).toEqual([['consistent', true]]);
    });

    it('calls a table consistent that is younger than the cut', async () => {
      await warehouse.destination.create({ warehouseId: 'w2', start: before });
      await reopen();
      await apply(6, [], [schemaAt(6)], [orders]);
      expect(await statusOf()).toEqual([['consistent', true]]);
    });
  });

  it('holds no more in memory and in temporary files, however many batches it has stored', async () => {
    const status = 'x'.repeat(1_000);
    for (let ordinal = 1; ordinal <= 20; ordinal++) {
      const rows = Array.from({ length: 2_000 }, (_, row) => create(row, status, ordinal, row));
      await apply(ordinal, [rowsOf(orders, rows)]);
    }
    const [[heldBytes] = []] = await warehouse.query(
      `SELECT sum(memory_usage_bytes + temporary_storage_bytes)::INTEGER FROM duckdb_memory() WHERE tag = 'IN_MEMORY_TABLE'`,
    );
    expect(heldBytes).toBeLessThan(32_000_000);
  });

  it('lists a table that is not followed before it has a row, and no table that is gone', async () => {
    const status = () =>
      warehouse.query(
        'SELECT table_name, status, code, not_consistent_since FROM _cdc_status ORDER BY ALL',
      );
    const other = 'shop.hidden' as TableName;
    const hidden = { kind: 'tableGap', cause: 'invisible', followed: false } as const;
    await apply(
      2,
      [rowsOf(orders, [create(1, 'a', 1)])],
      [
        { ...hidden, seq: seqAt(2), table: other },
        { kind: 'snapshotBegin', seq: seqAt(2, 3), table: ORDERS, snapshotId: 's' },
      ],
    );
    await reopen();
    expect(await status()).toEqual([
      [other, 'stopped', 'invisible', seqAt(2)],
      [ORDERS, 'snapshotting', null, seqAt(2, 3)],
    ]);
    await apply(3, [], [{ kind: 'tableDropped', seq: seqAt(3), table: ORDERS }]);
    expect(await status()).toEqual([[other, 'stopped', 'invisible', seqAt(2)]]);
    expect(await warehouse.query('SELECT cause FROM _cdc_gaps')).toEqual([
      ['shop.hidden: invisible'],
    ]);
  });

  it('takes over a file of the layout before: what was not consistent is mended by a copy that sweeps', async () => {
    await warehouse[Symbol.asyncDispose]();
    rmSync(path);
    const recorded = readFileSync(
      new URL('../fixtures/warehouses/duckdb-layout-2.sql', import.meta.url),
      'utf8',
    );
    {
      await using file = await DuckDbFile.open(path, TEST_SETTINGS);
      const connection = await file.connect();
      await connection.run(recorded);
    }
    warehouse = await openWarehouse(path);
    expect((await warehouse.destination.open())?.offsets).toHaveLength(3);
    const status = () =>
      warehouse.query('SELECT table_name, status, consistent FROM _cdc_status ORDER BY ALL');
    expect(await status()).toEqual([
      ['shop.items', 'gap', false],
      ['shop.labels', 'snapshotting', false],
      [ORDERS, 'consistent', true],
    ]);
    const end = (table: string, ordinal: number, covers?: number) =>
      ({
        kind: 'snapshotEnd',
        seq: seqAt(ordinal, 7),
        table: table as TableName,
        snapshotId: 's',
        ...(covers === undefined ? {} : { covers: seqAt(covers) }),
      }) as const;
    await apply(8, [], [end('shop.labels', 7), end('shop.items', 8)]);
    expect(await status()).toEqual([
      ['shop.items', 'gap', false],
      ['shop.labels', 'gap', false],
      [ORDERS, 'consistent', true],
    ]);
    await reopen();
    await apply(9, [], [end('shop.labels', 9, 8), end('shop.items', 9, 8)]);
    expect(await status()).toEqual([
      ['shop.items', 'consistent', true],
      ['shop.labels', 'consistent', true],
      [ORDERS, 'consistent', true],
    ]);
    expect(await warehouse.query('SELECT count(*) FROM _sluice.pending_control')).toEqual([['0']]);
    expect(await warehouse.query('SELECT note FROM shop.orders')).toEqual([["it's"]]);
  });

  it('refuses the file of another pipeline', async () => {
    await apply(1, []);
    await warehouse[Symbol.asyncDispose]();
    await using file = await DuckDbFile.open(path, TEST_SETTINGS);
    const options = { prefix: 'shop', nowMs: () => 0, reach: () => {} };
    const foreign = new DuckDbDestination(file, { ...options, pipeline: 'other' });
    await expect(foreign.open()).rejects.toMatchObject({ code: 'sink.foreign-warehouse' });
  });

  it('neither opens nor creates a file that must be there and is not', async () => {
    const gone = join(folder.path, 'gone.duckdb');
    await expect(
      DuckDbFile.open(gone, { ...TEST_SETTINGS, mustExist: true }),
    ).rejects.toMatchObject({ code: 'sink.warehouse-lost', facts: { file: gone } });
    expect(existsSync(gone)).toBe(false);
  });

  it('finds no warehouse in a file that nobody has made one in', async () => {
    await using file = await DuckDbFile.open(join(folder.path, 'new.duckdb'), TEST_SETTINGS);
    const options = { pipeline: 'shop', prefix: 'shop', nowMs: () => 0, reach: () => {} };
    expect(await new DuckDbDestination(file, options).open()).toBeUndefined();
  });

  it.each([
    ['deleted', () => rmSync(path)],
    [
      'replaced by another',
      () => {
        copyFileSync(path, `${path}.copy`);
        renameSync(`${path}.copy`, path);
      },
    ],
  ])('commits nothing to a file that was %s while it was open', async (_how, vanish) => {
    await apply(1, [rowsOf(orders, [create(1, 'a', 1)])]);
    vanish();
    await expect(apply(2, [rowsOf(orders, [create(2, 'b', 2)])])).rejects.toMatchObject({
      code: 'sink.warehouse-lost',
    });
    expect(await present()).toEqual([[1, 'a']]);
  });

  it('lets nobody open the file twice, not even in this process', async () => {
    await expect(DuckDbFile.open(path, TEST_SETTINGS)).rejects.toMatchObject({
      code: 'duckdb.locked',
    });
  });

  it('says that a file is no DuckDB database', async () => {
    const other = join(folder.path, 'text.duckdb');
    writeFileSync(other, 'x'.repeat(20_000));
    await expect(DuckDbFile.open(other, TEST_SETTINGS)).rejects.toMatchObject({
      code: 'duckdb.io-failed',
    });
    expect(readFileSync(other, 'utf8')).toBe('x'.repeat(20_000));
  });
});
