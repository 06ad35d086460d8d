import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Commit, commitScript } from '../../src/bigquery/commit-script.ts';
import type { LoadPlan } from '../../src/bigquery/load-plan.ts';
import { massDeletes } from '../../src/bigquery/mass-deletes.ts';
import { type StoredState, saveDefinitions } from '../../src/bigquery/metadata.ts';
import { bigQueryLayout } from '../../src/bigquery/names.ts';
import type { SchemaId, TableName } from '../../src/change/table.ts';
import type { LiveDelete } from '../../src/sink/control-effects.ts';
import type { ControlRecord } from '../../src/topic/control-record.ts';
import type { Topic } from '../../src/topic/topic-name.ts';
import { BEFORE_ALL, type StoredTable } from '../../src/view/stored-table.ts';
import { dmlOf, statementsOf } from '../../tools/bigquery-front/statements.ts';
import { cutAt, seqAt } from '../duckdb/warehouse.ts';

const layout = bigQueryLayout('acme-data', 'sluice_shop', {
  dataset: '{database}',
  table: '{table}',
});

/** Of 25 characters. */
const nameOf = (index: number): TableName =>
  `shop.customer_orders_${String(index).padStart(4, '0')}` as TableName;

function table(index: number, columns = 2): StoredTable {
  const name = nameOf(index);
  return {
    name,
    id: { database: 'shop', table: name.slice(5) },
    schemaId: '5f0e1d2c3b4a5968' as SchemaId,
    schemaSince: BEFORE_ALL,
    columns: Array.from({ length: columns }, (_, column) => ({
      name: column === 0 ? 'id' : `column_${column}`,
      type: 'INT64',
      mayBeInexact: false,
    })),
    key: ['id'],
    watermark: BEFORE_ALL,
  };
}

const stateOf = (tables: readonly StoredTable[]): Pick<StoredState, 'tables'> => ({
  tables: new Map(
    tables.map((each) => [
      each.name,
      { table: each, deltaRows: 0, stateRows: 0, compactedAtMs: undefined },
    ]),
  ),
});

const plan: LoadPlan = {
  warehouseId: 'w',
  commit: 42,
  offsets: [],
  cut: cutAt(20_000),
  ingestedAtUs: 0,
  deletesFirst: true,
};

const truncates = (tables: readonly StoredTable[], each = 1): readonly LiveDelete[] =>
  tables.flatMap(({ name }, index) =>
    Array.from({ length: each }, (_, n) => ({ table: name, seq: seqAt(1 + index * each + n) })),
  );

/** A commit that has something to say of each of so many tables, with three partitions each. */
function commitOf(count: number, inCommit: readonly string[] = []): Commit {
  const tables = Array.from({ length: count }, (_, index) => nameOf(index));
  const topicOf = (name: TableName): Topic => `shop.${name}` as Topic;
  const offsets = tables.flatMap((name) =>
    [0, 1, 2].map((partition) => ({
      ...{ topic: topicOf(name), partition, offset: 123_456_789 },
      topicId: '7b0f5d9a-3a52-4f0e-9f5b-1c2d3e4f5a6b',
    })),
  );
  const pending = tables.flatMap((name): readonly ControlRecord[] => [
    { kind: 'snapshotBegin', seq: seqAt(30_000), table: name, snapshotId: 'sink-6ea39949' },
    {
      ...{ kind: 'snapshotEnd', seq: seqAt(30_001), table: name, snapshotId: 'sink-6ea39949' },
      covers: seqAt(30_000),
    },
  ]);
  return {
    warehouseId: '6ea39949-8beb-4830-9ddd-42d37cb7d7ee',
    to: {
      identity: { layout: 3, warehouseId: 'w', pipeline: 'shop', prefix: 'shop' },
      commit: 42,
      offsets: new Map(offsets.map((each) => [`${each.topic}/${each.partition}`, each])),
      cut: cutAt(20_000),
      start: undefined,
      newest: seqAt(20_000),
      pending,
      stopped: new Map(),
      continuity: new Map(),
    },
    atUs: 0,
    massDeletes: inCommit,
    added: tables.map((name) => ({ name, rows: 1_000 })),
    standings: tables.map((name) => ({
      ...{ table: name, facts: { since: seqAt(1) }, standing: { status: 'consistent' } as const },
      isNew: false,
    })),
    refused: [],
    gaps: [],
    loaded: tables.map((name) => ({
      ...{ table: name, jobId: `sluice-shop-bq-42-load-${name}-0123456789abcdef0123` },
      ...{ rows: 1_000, fileBytes: 65_536 },
    })),
  };
}

const changedTables = (sql: string): ReadonlySet<string> =>
  new Set(statementsOf(sql).flatMap((statement) => dmlOf(statement)?.table ?? []));

const requestBytes = (statement: unknown): number => Buffer.byteLength(JSON.stringify(statement));

describe('the size of a commit', () => {
  it('is in its text the same for one table and for 1,500 with three partitions each', () => {
    const [one, many] = [1, 1_500].map((count) => commitScript(layout, commitOf(count)));
    expect(many?.sql).toBe(one?.sql);
    expect(many?.sql.length).toBeLessThan(10_000);
  });

  it('of 1,500 tables with three partitions each is within a request', () => {
    const bytes = requestBytes(commitScript(layout, commitOf(1_500)));
    expect(bytes).toBeLessThan(4_000_000);
  });

  it('is five tables that change, however many are emptied', () => {
    const tables = Array.from({ length: 150 }, (_, index) => table(index));
    const { inCommit, before } = massDeletes({ layout }, stateOf(tables), plan, truncates(tables));
    expect(before).toHaveLength(150);
    expect(changedTables(commitScript(layout, commitOf(150, inCommit)).sql).size).toBeLessThan(6);
  });

  it('of 1,500 new tables with 60 columns is recorded in statements that requests hold', () => {
    const records = Array.from({ length: 1_500 }, (_, index) => ({
      ...{ table: table(index, 60), facts: {}, standing: { status: 'consistent' } as const },
    }));
    const statements = saveDefinitions(layout, records);
    expect(statements.length).toBeGreaterThan(1);
    for (const statement of statements) {
      expect(statement.sql.length).toBeLessThan(10_000);
      expect(requestBytes(statement)).toBeLessThan(9_000_000);
    }
    const rows = statements.flatMap(
      ({ data }) => JSON.parse(data?.['definitions'] ?? '[]') as readonly { name: string }[],
    );
    expect(rows.map(({ name }) => name)).toEqual(records.map(({ table: { name } }) => name));
  });
});

describe('the deletes of a cut', () => {
  it.each<
    [
      string,
      version: LoadPlan['deletesFirst'],
      tables: number,
      each: number,
      columns: number,
      where: 'before' | 'inCommit',
    ]
  >([
    ['one', true, 1, 1, 2, 'before'],
    ['120 of as many tables', true, 120, 1, 2, 'before'],
    ['120 of one table', true, 1, 120, 2, 'before'],
    ['a few in a plan of an earlier version', undefined, 100, 1, 2, 'inCommit'],
    [
      'more tables than a transaction changes in a plan of an earlier version',
      undefined,
      101,
      1,
      2,
      'before',
    ],
    [
      'more text than a statement has in a plan of an earlier version',
      undefined,
      100,
      1,
      400,
      'before',
    ],
  ])('are each made once: %s', (_, deletesFirst, count, each, columns, where) => {
    const tables = Array.from({ length: count }, (__, index) => table(index, columns));
    const { deletesFirst: ___, ...earlier } = plan;
    const planned = deletesFirst === undefined ? earlier : plan;
    const made = massDeletes({ layout }, stateOf(tables), planned, truncates(tables, each));
    expect([made.before.length, made.inCommit.length]).toEqual(
      where === 'before' ? [count * each, 0] : [0, count * each],
    );
  });

  it('keep every commit within what a transaction and a statement take, and the order in each table', () => {
    const delete_ = fc.record({
      index: fc.integer({ min: 0, max: 199 }),
      olderThan: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(
        fc.array(delete_, { maxLength: 400 }),
        fc.constantFrom(2, 60, 400),
        fc.boolean(),
        (deletes, columns, isEarlier) => {
          const tables = Array.from({ length: 200 }, (_, index) => table(index, columns));
          const list = deletes.map(({ index, olderThan }, n): LiveDelete => {
            const older = olderThan === undefined ? {} : { olderThan: seqAt(olderThan) };
            return { table: nameOf(index), seq: seqAt(n + 10), ...older };
          });
          const { deletesFirst: _, ...earlier } = plan;
          const planned = isEarlier ? earlier : plan;
          const { inCommit, before } = massDeletes({ layout }, stateOf(tables), planned, list);
          expect(inCommit.length + before.length).toBe(list.length);
          const { sql } = commitScript(layout, commitOf(1, inCommit));
          expect(changedTables(sql).size).toBeLessThanOrEqual(95);
          expect(sql.length).toBeLessThanOrEqual(510_000);
          if (inCommit.length === 0) expect(before.map(({ what }) => what)).toEqual(list);
        },
      ),
      { numRuns: 40 },
    );
  });
});
