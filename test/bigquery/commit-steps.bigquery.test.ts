import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LoadPlan, loggedPlans } from '../../src/bigquery/load-plan.ts';
import { runRepeatable } from '../../src/bigquery/run-script.ts';
import { withStagedData } from '../../src/bigquery/staged-data.ts';
import type { Statement } from '../../src/bigquery/statement.ts';
import type { ColumnType, TableName, TableSchema } from '../../src/change/table.ts';
import { judgeFailure } from '../../src/errors/policy.ts';
import type { ChangeRow } from '../../src/sink/destination.ts';
import type { SinkKillPoint } from '../../src/sink/kill-points.ts';
import type { ControlRecord } from '../../src/topic/control-record.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import { batch, change, integer, rowsOf, schemaOf, seqAt, varchar } from '../duckdb/warehouse.ts';
import { diesAt, ENDPOINT, Place, type Rows } from './place.ts';
import { SkippingClock } from './skipping-clock.ts';

const MANY_TABLES_MS = 900_000;

const COLUMNS = [
  ['id', integer],
  ['note', varchar],
] as const;
const schemaAt = (index: number): TableSchema => schemaOf(`shop.t${index}`, COLUMNS);
const nameAt = (index: number): TableName => `shop.t${index}` as TableName;
const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);

/** As many as the emulator plans a query over within a minute. */
const TABLES_A_QUERY = 10;

/** How many rows each of the tables shows, with a note of one. */
async function countsOf(place: Place, tables: readonly number[]): Promise<Rows> {
  const counts: (readonly (string | null)[])[] = [];
  for (let at = 0; at < tables.length; at += TABLES_A_QUERY) {
    const selects = tables
      .slice(at, at + TABLES_A_QUERY)
      .map(
        (n) => `SELECT ${n} AS n, COUNT(*) AS total, MAX(t.note) AS note FROM {shop}.t${n} AS t`,
      );
    counts.push(...(await place.rows(`${selects.join(' UNION ALL ')} ORDER BY n`)));
  }
  return counts;
}

const statusesOf = 'SELECT s.status, COUNT(*) AS n FROM {own}._cdc_status AS s GROUP BY s.status';

describe.skipIf(ENDPOINT === '')(
  'a cut that empties more tables than a transaction may change',
  () => {
    const ALL = upTo(150);
    let place: Place;
    beforeAll(async () => {
      place = await Place.make();
      const rows = ALL.map((n) => {
        const schema = schemaAt(n);
        const list = [1n, 2n].map((id) => change(schema, 'c', [id, 'old'], 1, 2 * n + Number(id)));
        return rowsOf(schema, list);
      });
      await place.live(batch(1, rows));
    }, MANY_TABLES_MS);
    afterAll(() => place[Symbol.asyncDispose]());

    it(
      'by 120 truncates, shows 120 empty tables, and the other 30 as they were',
      async () => {
        const truncates = upTo(120).map((n): ControlRecord => {
          return { kind: 'truncate', seq: seqAt(2, 1 + n), table: nameAt(n) };
        });
        await place.live(batch(2, [], truncates));
        const counts = await countsOf(place, ALL);
        expect(counts.map(([, count]) => count)).toEqual(ALL.map((n) => (n < 120 ? '0' : '2')));
        expect(await place.rows(statusesOf)).toEqual([['consistent', '150']]);
      },
      MANY_TABLES_MS,
    );

    it(
      'by a copy of all 150 that ends in one commit, is each table as it was copied',
      async () => {
        const begins = ALL.map((n): ControlRecord => {
          return { kind: 'snapshotBegin', seq: seqAt(3, 1 + n), table: nameAt(n), snapshotId: 's' };
        });
        const copied = ALL.map((n) => {
          const schema = schemaAt(n);
          return rowsOf(schema, [change(schema, 'r', [2n, 'copied'], 4, 1 + n)]);
        });
        const ends = ALL.flatMap((n): readonly ControlRecord[] => [
          { kind: 'sweep', seq: seqAt(5, 1 + 2 * n), table: nameAt(n), olderThan: seqAt(4, 0) },
          {
            ...{ kind: 'snapshotEnd', seq: seqAt(5, 2 + 2 * n), table: nameAt(n), snapshotId: 's' },
            covers: seqAt(3, 1 + n),
          },
        ]);
        await place.live(batch(5, copied, [...begins, ...ends]));
        const counts = await countsOf(place, ALL);
        expect(counts).toEqual(ALL.map((n) => [String(n), '1', 'copied']));
        expect(await place.rows(statusesOf)).toEqual([['consistent', '150']]);
      },
      MANY_TABLES_MS,
    );
  },
);

/** Two truncates of one table with rows between, and a sweep of another: three deletes. */
const ORDERS = schemaOf('shop.orders', COLUMNS);
const ITEMS = schemaOf('shop.items', COLUMNS);
const ORDERS_NAME = 'shop.orders' as TableName;
const ITEMS_NAME = 'shop.items' as TableName;
const FIRST = batch(1, [
  rowsOf(ORDERS, [change(ORDERS, 'c', [1n, 'a'], 1, 1), change(ORDERS, 'c', [2n, 'b'], 1, 2)]),
  rowsOf(ITEMS, [change(ITEMS, 'c', [1n, 'a'], 1, 3), change(ITEMS, 'c', [2n, 'b'], 1, 4)]),
]);
const SECOND = batch(
  5,
  [
    rowsOf(ORDERS, [change(ORDERS, 'c', [3n, 'c'], 3, 1), change(ORDERS, 'c', [4n, 'd'], 5, 1)]),
    rowsOf(ITEMS, [change(ITEMS, 'r', [2n, 'b'], 3, 2)]),
  ],
  [
    { kind: 'truncate', seq: seqAt(2), table: ORDERS_NAME },
    { kind: 'truncate', seq: seqAt(4), table: ORDERS_NAME },
    { kind: 'sweep', seq: seqAt(4, 2), table: ITEMS_NAME, olderThan: seqAt(3, 0) },
  ],
);

/** Every change once, with each delete, and the rows that are left. */
async function expectSecond(place: Place): Promise<void> {
  const changes = (table: string): Promise<Rows> =>
    place.rows(
      `SELECT c.id, c._cdc.op AS op, c._cdc.seq AS seq FROM {shop}.${table}__changes AS c ORDER BY seq, c.id`,
    );
  expect(await changes('orders')).toEqual([
    ['1', 'c', seqAt(1, 1)],
    ['2', 'c', seqAt(1, 2)],
    ['1', 'd', seqAt(2)],
    ['2', 'd', seqAt(2)],
    ['3', 'c', seqAt(3, 1)],
    ['3', 'd', seqAt(4)],
    ['4', 'c', seqAt(5, 1)],
  ]);
  expect(await changes('items')).toEqual([
    ['1', 'c', seqAt(1, 3)],
    ['2', 'c', seqAt(1, 4)],
    ['2', 'r', seqAt(3, 2)],
    ['1', 'd', seqAt(4, 2)],
  ]);
  const present =
    'SELECT t.id FROM {shop}.orders AS t UNION ALL SELECT -t.id AS id FROM {shop}.items AS t ORDER BY id';
  expect(await place.rows(present)).toEqual([['-2'], ['4']]);
  await place.fold();
  expect(await place.rows(present)).toEqual([['-2'], ['4']]);
}

const KILLED: readonly (readonly [SinkKillPoint, nth: number])[] = [
  ['sinkMidTransaction', 1],
  ['sinkDeletesWritten', 1],
  ['sinkDeletesWritten', 2],
  ['sinkDeletesWritten', 3],
  ['sinkBeforeCommit', 1],
];

describe.skipIf(ENDPOINT === '')('a commit that is made in steps', () => {
  it.each(KILLED)(
    'deletes each row once when its sink is killed at %s, arrival %i',
    async (point, nth) => {
      await using place = await Place.make();
      await place.live(FIRST);
      await expect(place.live(SECOND, diesAt(point, nth))).rejects.toThrow('killed');
      const shown = await place.rows('SELECT o.id FROM {shop}.orders AS o ORDER BY o.id');
      expect(shown).toEqual([['1'], ['2']]);
      const early = "SELECT c.id FROM {shop}.orders__changes AS c WHERE c._cdc.op = 'd'";
      expect(await place.rows(early)).toEqual([]);
      await place.live(SECOND);
      await expectSecond(place);
    },
  );

  it('deletes each row once when a sink that was taken over goes on', async () => {
    await using place = await Place.make();
    await place.live(FIRST);
    await expect(place.live(SECOND, diesAt('sinkDeletesWritten', 1))).rejects.toThrow('killed');
    const [old, fresh] = [place.sink(), place.sink()];
    await old.open();
    await fresh.open();
    await fresh.apply(SECOND);
    await old.apply(SECOND);
    await expectSecond(place);
  });

  it('by a plan of an earlier version has its deletes in the commit, once', async () => {
    await using place = await Place.make();
    await place.live(FIRST);
    const { warehouseId = '' } = (await place.sink().open()) ?? {};
    const { offsets, cut } = SECOND;
    const plan: LoadPlan = { warehouseId, commit: 2, offsets, cut, ingestedAtUs: 0 };
    await loggedPlans(place.log).store(plan);
    await place.live(SECOND);
    expect([...place.front.jobs.keys()].filter((id) => id.includes('-delete-'))).toEqual([]);
    await expectSecond(place);
  });

  it('that is refused is an incident with the reason, and goes on when that is put right', async () => {
    await using place = await Place.make();
    await place.live(FIRST);
    await place.run('ALTER TABLE {own}.`_cdc_loads` RENAME TO `_cdc_loads_aside`');
    const failure = await place.live(SECOND).catch(judgeFailure);
    expect(failure).toMatchObject({
      outcome: 'blocked',
      message: expect.stringContaining('_cdc_loads'),
    });
    await place.run('ALTER TABLE {own}.`_cdc_loads_aside` RENAME TO `_cdc_loads`');
    await place.live(SECOND);
    await expectSecond(place);
  });

  it('stops a new table alone whose view BigQuery does not make', async () => {
    await using place = await Place.make();
    await place.live(batch(1, [rowsOf(ITEMS, [change(ITEMS, 'c', [1n, 'a'], 1)])]));
    await place.run('CREATE TABLE {shop}.`orders` (x INT64)');
    const rows = [
      rowsOf(ITEMS, [change(ITEMS, 'c', [2n, 'b'], 2, 1)]),
      rowsOf(ORDERS, [change(ORDERS, 'c', [1n, 'a'], 2, 2)]),
    ];
    await place.live(batch(2, rows));
    expect(await place.rows('SELECT COUNT(*) AS n FROM {shop}.items AS i')).toEqual([['2']]);
    const status =
      'SELECT s.table_name, s.status, s.code FROM {own}._cdc_status AS s ORDER BY s.table_name';
    expect(await place.rows(status)).toEqual([
      ['shop.items', 'consistent', null],
      ['shop.orders', 'stopped', 'bigquery.table-refused'],
    ]);
  });

  it('has data that no request holds in a table first, each text once', async () => {
    await using place = await Place.make();
    await place.run('CREATE TABLE {own}.`taken` (name STRING, content STRING)');
    const content = `${'it\'s "large" \\ 😀'.repeat(400)}\n`;
    const list = JSON.stringify(upTo(50).map((n) => ({ name: `n${n}` })));
    const sql = place.sql(
      "BEGIN TRANSACTION;\nINSERT INTO {own}.`taken` (name, content) SELECT JSON_VALUE(r, '$.name') AS name, @content AS content FROM UNNEST(JSON_QUERY_ARRAY(@list)) AS r;\nCOMMIT TRANSACTION;",
    );
    const statement: Statement = { sql, data: { content, list } };
    const id = `sluice-${randomUUID()}`;
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const staged = await withStagedData(place.context(), id, statement, 1_000);
      expect(staged.sql).not.toContain('large');
      if (attempt === 1) await runRepeatable(place.context(), staged, 'committing');
    }
    const taken =
      'SELECT COUNT(*) AS n, COUNT(DISTINCT t.name) AS names, MIN(t.content) AS content FROM {own}.taken AS t';
    expect(await place.rows(taken)).toEqual([['50', '50', content]]);
    expect([...place.front.jobs.keys()].filter((job) => job.startsWith(id)).length).toBeGreaterThan(
      10,
    );
  });
});

describe.skipIf(ENDPOINT === '')('a table with many columns that change at once', () => {
  it('is changed no faster than BigQuery lets it', async () => {
    await using place = await Place.make(new SkippingClock(() => 1_795_392_000_000));
    const widths = upTo(6).map((n) => `w${n}`);
    const wide = (type: ColumnType, more: readonly string[] = []): TableSchema =>
      schemaOf('shop.orders', [
        ['id', integer],
        ...widths.map((name) => [name, type] as const),
        ...more.map((name) => [name, varchar] as const),
      ]);
    const small = wide(integer);
    const row = [1n, ...widths.map(() => 1n)];
    await place.live(batch(1, [rowsOf(small, [change(small, 'c', row, 1)])]));
    const added = upTo(40).map((n) => `a${n}`);
    const large = wide({ kind: 'integer', bytes: 8, unsigned: true }, added);
    const second = [2n, ...widths.map(() => 18446744073709551615n), ...added.map((name) => name)];
    await place.live(batch(2, [rowsOf(large, [change(large, 'c', second, 2)])]));
    const shown =
      'SELECT o.id, CAST(o.w5 AS STRING) AS w5, o.a39 FROM {shop}.orders AS o ORDER BY o.id';
    const found = (await place.rows(shown)).map(([id, w5, a39]) => [id, w5?.split('.')[0], a39]);
    expect(found).toEqual([
      ['1', '1', null],
      ['2', '18446744073709551615', 'a39'],
    ]);
    const refused = [...place.front.jobs.values()].filter((job) =>
      JSON.stringify(job['status']).includes('rateLimitExceeded'),
    );
    expect(refused.length).toBeGreaterThan(0);
  });
});

describe.skipIf(ENDPOINT === '')('a table that is dropped and made again', () => {
  it('with another key and other columns has its own rows, and keeps those of the first as history', async () => {
    await using place = await Place.make();
    const fresh = schemaOf(
      'shop.orders',
      [
        ['code', varchar],
        ['id', varchar],
        ['total', integer],
      ],
      ['code'],
    );
    const first: readonly ChangeRow[] = [
      change(ORDERS, 'c', [1n, 'old'], 1, 1),
      change(ORDERS, 'c', [2n, 'older'], 1, 2),
    ];
    await place.live(batch(1, [rowsOf(ORDERS, first)]));
    await place.fold();
    const gone: readonly ControlRecord[] = [
      { kind: 'truncate', seq: seqAt(2, 1), table: ORDERS_NAME },
      { kind: 'tableDropped', seq: seqAt(2, 2), table: ORDERS_NAME },
    ];
    await place.live(batch(2, [], gone));
    const status =
      'SELECT s.table_name, s.status, s.consistent FROM {own}._cdc_status AS s ORDER BY s.table_name';
    expect(await place.rows(status)).toEqual([]);
    await expect(place.rows('SELECT o.id FROM {shop}.orders AS o')).rejects.toThrow();
    const past =
      'SELECT h.id, h.valid_to IS NULL AS is_open FROM {shop}.orders__history AS h ORDER BY h.id';
    expect(await place.rows(past)).toEqual([
      ['1', 'false'],
      ['2', 'false'],
    ]);
    const made = {
      kind: 'schema',
      ...{ seq: seqAt(3, 0), table: ORDERS_NAME, schemaId: schemaIdOf(fresh) },
    } as const;
    const rows = [
      change(fresh, 'c', ['x', '1', 10n], 3, 1),
      change(fresh, 'c', ['y', '1', 20n], 3, 2),
    ];
    await place.live(batch(3, [rowsOf(fresh, rows)], [made], [fresh]));
    const second = rowsOf(fresh, [change(fresh, 'u', ['x', '2', 11n], 4)]);
    await place.live(batch(4, [second]));
    const shown = [
      ['x', '2', '11'],
      ['y', '1', '20'],
    ];
    const list = 'SELECT o.code, o.id, o.total FROM {shop}.orders';
    const asOf = (seconds: string): string =>
      `${list}__as_of(TIMESTAMP '2026-11-23 00:00:${seconds}+00') AS o ORDER BY o.code`;
    for (const folds of [true, false]) {
      expect(await place.rows(`${list} AS o ORDER BY o.code`)).toEqual(shown);
      expect(await place.rows(asOf('04.500'))).toEqual(shown);
      expect(await place.rows(asOf('03.500'))).toEqual([
        ['x', '1', '10'],
        ['y', '1', '20'],
      ]);
      expect(await place.rows(asOf('02.500'))).toEqual([]);
      const open =
        'SELECT h.code, h.total FROM {shop}.orders__history AS h WHERE h.valid_to IS NULL ORDER BY h.code';
      expect(await place.rows(open)).toEqual([
        ['x', '11'],
        ['y', '20'],
      ]);
      const closed =
        'SELECT h.id__earlier, h.note FROM {shop}.orders__history AS h WHERE h.id__earlier IS NOT NULL ORDER BY h.id__earlier';
      expect(await place.rows(closed)).toEqual([
        ['1', 'old'],
        ['2', 'older'],
      ]);
      expect(await place.rows(status)).toEqual([['shop.orders', 'consistent', 'true']]);
      if (folds) await place.fold();
    }
    expect(await place.rows(`${list}__latest AS o ORDER BY o.code`)).toEqual(shown);
    expect(await place.clustering('shop__orders__changes')).toEqual(['code']);
    expect(await place.clustering('shop__orders__state')).toEqual(['code']);
  });
});
