import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BigQueryDestination } from '../../src/bigquery/bigquery-destination.ts';
import type { BigQueryContext } from '../../src/bigquery/context.ts';
import type { OnRefusedRow } from '../../src/bigquery/load-file.ts';
import { relationName } from '../../src/bigquery/names.ts';
import { formatOffsets } from '../../src/bigquery/stored-offsets.ts';
import { parseStops } from '../../src/bigquery/stored-stops.ts';
import { lastSequenceOf, parseSequence, type Sequence } from '../../src/change/sequence.ts';
import type { TableId, TableName } from '../../src/change/table.ts';
import type { DestinationState, SinkBatch } from '../../src/sink/destination.ts';
import type { SinkSessionProgress } from '../../src/sink/progress.ts';
import { runSink } from '../../src/sink/sink-session.ts';
import { cutOfTable, type Stops } from '../../src/sink/table-stop.ts';
import type { ControlRecord } from '../../src/topic/control-record.ts';
import type { Topic } from '../../src/topic/topic-name.ts';
import type { StoredTable } from '../../src/view/stored-table.ts';
import {
  batch,
  change,
  cutAt,
  integer,
  rowsOf,
  schemaOf,
  seqAt,
  varchar,
} from '../duckdb/warehouse.ts';
import { MemorySinkLog } from '../sink/memory-sink-log.ts';
import { type Row, SCHEMAS, SimulatedPipeline } from '../sink/simulated-pipeline.ts';
import { PREFIX, SimulatedSource, SimulatedTopics } from '../sink/simulated-topics.ts';
import { play, type Turn, turns } from '../sink/sink-scenario.ts';
import { MemoryBigQuery } from './memory-bigquery.ts';
import { memoryDestination } from './memory-destination.ts';

const WAREHOUSE = '6ea39949-8beb-4830-9ddd-42d37cb7d7ee';
/** BigQuery takes no text with it. */
const POISON = '\ud800';

const stopsOf = ({ checkpoint }: MemoryBigQuery): Stops => parseStops(checkpoint?.[13]);

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

/** A warehouse at cut 1, with a row of each table; what is sent next begins at offset 1. */
async function warehouse(changed: Partial<BigQueryContext> = {}) {
  const service = new MemoryBigQuery();
  const log = new MemorySinkLog();
  log.record = { v: 1, warehouse: { id: WAREHOUSE, state: 'ready' } };
  const open = async (
    other: Partial<BigQueryContext> = {},
  ): Promise<{ readonly sink: BigQueryDestination; readonly state: DestinationState }> => {
    const sink = memoryDestination(service, log, { ...changed, ...other });
    return { sink, state: (await sink.open()) ?? (await sink.create({ warehouseId: WAREHOUSE })) };
  };
  const { sink } = await open();
  await sink.apply({ ...both(1, 'first', 'first'), offsets: offsetsAt(1) });
  return { service, log, sink, open };
}

const offsetsAt = (offset: number): SinkBatch['offsets'] =>
  [TOPIC, OTHER].map((topic) => ({ topic, partition: 0, offset }));

/** A change of each table in commit `n`, which is also its offset. */
function both(n: number, order: string, item: string): SinkBatch {
  const rows = [rowsOf(ORDERS, [change(ORDERS, 'c', [BigInt(n), order], n)])];
  return {
    ...batch(n, [...rows, rowsOf(ITEMS, [change(ITEMS, 'c', [BigInt(n), item], n)])]),
    offsets: offsetsAt(n + 1),
  };
}

/** The same without the table that has stopped. */
function rest(n: number, control: readonly ControlRecord[] = []): SinkBatch {
  const { tables, offsets, ...others } = both(n, '', 'more');
  const own = { tables: tables.slice(1), offsets: offsets.slice(1) };
  return { ...others, ...own, control, without: [TOPIC] };
}

const orders = (n: number, note = `note ${n}`): SinkBatch['tables'] => [
  rowsOf(ORDERS, [change(ORDERS, 'c', [BigInt(n), note], n)]),
];

const ids = (service: MemoryBigQuery, table: string): readonly unknown[] => {
  const cut = cutOfTable(
    { stopped: stopsOf(service), cut: cutOf(service) },
    `shop.${table}` as TableName,
  );
  return service
    .live(`shop__${table}__changes`, (seq) => seq <= (cut?.lastSequence ?? ''))
    .map(({ id }) => Number(id));
};

function cutOf({ checkpoint }: MemoryBigQuery) {
  const lastSequence = checkpoint?.[9];
  return typeof lastSequence === 'string'
    ? { ...cutAt(0), lastSequence: lastSequence as Sequence }
    : undefined;
}

const begin = (n: number, id: string): ControlRecord => ({
  kind: 'snapshotBegin',
  seq: seqAt(n),
  table: NAME,
  snapshotId: id,
});
const end = (n: number, id: string, covers = 0): ControlRecord => ({
  kind: 'snapshotEnd',
  seq: seqAt(n),
  table: NAME,
  snapshotId: id,
  covers: seqAt(covers),
});

describe('a table that BigQuery cannot take', () => {
  it('stops at its cut before and says where, while the others go on', async () => {
    const { service, sink } = await warehouse();
    expect(await sink.apply(both(2, POISON, 'second'))).toEqual([TOPIC]);
    expect([ids(service, 'orders'), ids(service, 'items')]).toEqual([[1], [1, 2]]);
    expect(service.entries.get(NAME)?.['status']).toBe('stopped');
    expect(stopsOf(service).get(NAME)).toMatchObject({
      code: 'bigquery.row-refused',
      topic: TOPIC,
      place: { partition: 0, offset: 2 },
      seq: seqAt(2),
      cut: { lastSequence: cutAt(1).lastSequence },
      needsSnapshot: false,
    });
    expect(sink.stopped()).toEqual([
      {
        table: NAME,
        topic: TOPIC,
        offsets: [{ topic: TOPIC, partition: 0, offset: 1 }],
        readAgain: 'never',
        code: 'bigquery.row-refused',
        reason: 'a text holds half of a UTF-16 surrogate pair',
        position: `offset 2 of ${TOPIC} partition 0, sequence ${seqAt(2)}`,
      },
    ]);
    await sink.apply(rest(3));
    expect([ids(service, 'orders'), ids(service, 'items')]).toEqual([[1], [1, 2, 3]]);
  });

  it('goes on from where it stopped when such rows are rejected, with all that has waited', async () => {
    const { service, sink, open } = await warehouse();
    await sink.apply(both(2, POISON, 'second'));
    const truncate: ControlRecord = { kind: 'truncate', seq: seqAt(4), table: NAME };
    await sink.apply(rest(4, [truncate]));
    expect(ids(service, 'orders')).toEqual([1]);
    const { sink: again, state } = await open({ onRefusedRow: 'reject' });
    expect(state.offsets).toContainEqual({ topic: TOPIC, partition: 0, offset: 1 });
    expect(again.stopped()).toMatchObject([{ readAgain: 'fromOffsets' }]);
    const backlog = [change(ORDERS, 'c', [2n, POISON], 2), change(ORDERS, 'c', [3n, 'a'], 3)];
    const first = { ...batch(undefined, [rowsOf(ORDERS, backlog)]), offsets: offsetsAt(4) };
    expect(await again.apply(first)).toEqual([]);
    expect([service.entries.get(NAME)?.['status'], ids(service, 'orders')]).toEqual([
      'stopped',
      [1],
    ]);
    await again.apply({ ...batch(5, orders(5)), offsets: offsetsAt(6) });
    expect([stopsOf(service).size, ids(service, 'orders')]).toEqual([0, [5]]);
    expect(service.entries.get(NAME)?.['status']).toBe('gap');
  });

  it('is not released by a cut that was made without it', async () => {
    const { service, sink, open } = await warehouse();
    await sink.apply(both(2, POISON, 'second'));
    const { sink: again } = await open({ onRefusedRow: 'reject' });
    await again.apply(rest(3));
    expect(stopsOf(service).has(NAME)).toBe(true);
  });

  it('comes back by a snapshot that began behind the row, from its end on, with what was deleted meanwhile', async () => {
    const { service, sink } = await warehouse();
    await sink.apply(both(2, POISON, 'second'));
    await sink.apply(rest(3, [begin(1, 'old'), end(3, 'old')]));
    expect(sink.stopped()).toMatchObject([{ readAgain: 'never' }]);
    await sink.apply(rest(4, [begin(4, 'new')]));
    expect(sink.stopped()).toMatchObject([{ readAgain: 'fromSnapshot' }]);
    const poisoned = change(ORDERS, 'c', [2n, POISON], 2);
    const read = [poisoned, change(ORDERS, 'r', [5n, 'a'], 5)];
    await sink.apply({ ...batch(5, [rowsOf(ORDERS, read)]), offsets: offsetsAt(6) });
    expect([stopsOf(service).size, ids(service, 'orders')]).toEqual([1, [1]]);
    await sink.apply({ ...batch(6, [], [end(6, 'new')]), offsets: offsetsAt(7) });
    expect([stopsOf(service).size, ids(service, 'orders')]).toEqual([0, [5]]);
    expect(service.entries.get(NAME)?.['status']).toBe('consistent');
    expect(
      [...service.jobs.values()].map(({ job }) => ('sql' in job ? job.data?.['gaps'] : '')).join(),
    ).toMatch(/shop\.orders was stopped by bigquery\.row-refused/);
  });

  it('stops at a schema without a key, and comes back by a snapshot alone', async () => {
    const { service, sink, open } = await warehouse();
    const changed = schemaOf('shop.orders', [['id', integer]], []);
    const row = change(changed, 'c', [2n], 2);
    await sink.apply({ ...both(2, '', 'second'), tables: [rowsOf(changed, [row])] });
    expect(stopsOf(service).get(NAME)).toMatchObject({
      code: 'table.no-key',
      needsSnapshot: true,
    });
    const { sink: again } = await open({ onRefusedRow: 'reject' });
    expect(again.stopped()).toMatchObject([{ readAgain: 'never' }]);
    await again.apply(rest(3, [begin(3, 's')]));
    await again.apply({ ...batch(5, orders(4), [end(5, 's')]), offsets: offsetsAt(5) });
    expect([stopsOf(service).size, ids(service, 'orders')]).toEqual([0, [4]]);
  });

  it('that is new is made as it was first, and stops at the change behind', async () => {
    const { service, sink } = await warehouse();
    const first = schemaOf('shop.labels', [
      ['id', integer],
      ['note', varchar],
    ]);
    const second = schemaOf('shop.labels', [['id', integer]], []);
    const rows = [
      rowsOf(first, [change(first, 'c', [1n, 'a'], 2)]),
      rowsOf(second, [change(second, 'c', [2n], 3)]),
    ];
    expect(await sink.apply(batch(3, rows))).toEqual(['shop.shop.labels']);
    expect(service.entries.get('shop.labels')?.['status']).toBe('stopped');
    expect(stopsOf(service).get('shop.labels' as TableName)).toMatchObject({ seq: seqAt(3) });
    expect(service.lines.has('shop__labels__changes')).toBe(false);
  });

  it('whose first schema cannot be is stopped with nothing made for it, and the others go on', async () => {
    const { service, sink, open } = await warehouse();
    const keyless = schemaOf('shop.backup', [['id', integer]], []);
    const row = change(keyless, 'c', [1n], 2);
    const item = both(2, '', 'second');
    const met = { ...item, tables: [rowsOf(keyless, [row]), ...item.tables.slice(1)] };
    expect(await sink.apply(met)).toEqual(['shop.shop.backup']);
    expect(service.entries.get('shop.backup')).toMatchObject({
      status: 'stopped',
      code: 'table.no-key',
    });
    expect(service.entries.get('shop.backup')).not.toHaveProperty('definition');
    expect(ids(service, 'items')).toEqual([1, 2]);
    const sql = [...service.jobs.values()].map(({ job }) => ('sql' in job ? job.sql : ''));
    expect(sql.join()).not.toContain('shop__backup__changes');
    const { sink: again } = await open();
    expect(again.stopped()).toMatchObject([{ table: 'shop.backup', readAgain: 'never' }]);
  });

  it.each([
    ['that is new is stopped alone, with nothing on record of its columns,', 'shop.late', false],
    ['that is there is stopped alone, with its new columns on record,', 'shop.orders', true],
  ])('%s when BigQuery refuses its statement', async (_which, name, isRecorded) => {
    const { service, sink } = await warehouse();
    const changedSchema = schemaOf(name, [
      ['id', integer],
      ['more', varchar],
    ]);
    const table = name.slice('shop.'.length);
    service.refusesStatement = (sql) =>
      new RegExp(`^CREATE OR REPLACE VIEW .*\\.\`${table}\``, 'm').test(sql);
    const item = both(2, '', 'second');
    const row = change(changedSchema, 'c', [7n, 'x'], 2);
    const met = { ...item, tables: [rowsOf(changedSchema, [row]), ...item.tables.slice(1)] };
    expect(await sink.apply(met)).toEqual([`shop.${name}`]);
    expect(service.entries.get(name)).toMatchObject({
      status: 'stopped',
      code: 'bigquery.table-refused',
    });
    expect(ids(service, 'items')).toEqual([1, 2]);
    const definition = service.entries.get(name)?.['definition'] ?? '';
    expect(definition.includes('more')).toBe(isRecorded);
  });

  it('gets the columns that BigQuery has refused it before the first row of its copy', async () => {
    const { service, sink } = await warehouse();
    const wider = schemaOf('shop.orders', [
      ['id', integer],
      ['more', varchar],
    ]);
    service.refusesStatement = (sql) => sql.includes('ALTER TABLE');
    const row = change(wider, 'c', [7n, 'x'], 2);
    const item = both(2, '', 'second');
    const met = { ...item, tables: [rowsOf(wider, [row]), ...item.tables.slice(1)] };
    expect(await sink.apply(met)).toEqual([TOPIC]);
    service.refusesStatement = () => false;
    await sink.apply(rest(3, [begin(3, 's')]));
    const asked = (): readonly string[] =>
      [...service.jobs.values()].map(({ job }) => ('sql' in job ? job.sql : job.table));
    const before = asked().length;
    const copied = change(wider, 'r', [7n, 'x'], 4);
    await sink.apply({ ...batch(undefined, [rowsOf(wider, [copied])]), offsets: offsetsAt(4) });
    const since = asked().slice(before);
    const added = since.findIndex((sql) => sql.includes('ADD COLUMN IF NOT EXISTS `more` STRING'));
    expect(added).toBeGreaterThanOrEqual(0);
    expect(since.indexOf('shop__orders__changes')).toBeGreaterThan(added);
    await sink.apply({ ...batch(5, [], [end(5, 's', 3)]), offsets: offsetsAt(5) });
    expect([stopsOf(service).size, ids(service, 'orders')]).toEqual([0, [7]]);
    expect(service.entries.get(NAME)?.['status']).toBe('consistent');
  });

  it('stops when its file is refused, and the files of the others are loaded', async () => {
    const { service, sink } = await warehouse();
    service.refuses = ({ table }) => table === 'shop__orders__changes';
    expect(await sink.apply(both(2, 'bad', 'second'))).toEqual([TOPIC]);
    expect([ids(service, 'orders'), ids(service, 'items')]).toEqual([[1], [1, 2]]);
    expect(stopsOf(service).get(NAME)).toMatchObject({
      code: 'bigquery.value-refused',
      needsSnapshot: true,
    });
  });

  it('is put back into a gap that was noticed while it stood still, and the others only once', async () => {
    const { service, sink, open } = await warehouse();
    await sink.apply(both(2, POISON, 'second'));
    const gap: ControlRecord = { kind: 'gap', seq: seqAt(3), cause: 'c', from: 'a', to: 'b' };
    await sink.apply(rest(3, [gap]));
    const item = {
      kind: 'snapshotEnd',
      table: 'shop.items' as TableName,
      snapshotId: 's',
    } as const;
    await sink.apply(rest(4, [{ ...item, seq: seqAt(4), covers: seqAt(3, 3) }]));
    expect(service.entries.get('shop.items')?.['status']).toBe('consistent');
    const { sink: again } = await open({ onRefusedRow: 'reject' });
    await again.apply({ ...batch(5, orders(2)), offsets: offsetsAt(6) });
    expect([NAME, 'shop.items'].map((name) => service.entries.get(name)?.['status'])).toEqual([
      'gap',
      'consistent',
    ]);
  });

  it('keeps to the policy of a plan that was begun, whatever the policy is now', async () => {
    const { service, open } = await warehouse();
    const killed = await open({
      onRefusedRow: 'reject',
      reach: (point) => {
        if (point === 'sinkBeforeCommit') throw new Error('killed');
      },
    });
    await expect(killed.sink.apply(both(2, POISON, 'second'))).rejects.toThrow('killed');
    const { sink: again } = await open({ onRefusedRow: 'stop' });
    expect(await again.apply(both(2, POISON, 'second'))).toEqual([]);
    expect(stopsOf(service).size).toBe(0);
  });

  it.each([
    ['stays stopped', true],
    ['goes on', false],
  ])(
    '%s as the commit says that was made, whatever another attempt at it has met',
    async (_title, isStopped) => {
      const { service, open } = await warehouse();
      const wider = schemaOf('shop.orders', [
        ['id', integer],
        ['more', varchar],
      ]);
      const item = both(2, '', 'second');
      const row = change(wider, 'c', [2n, 'x'], 2);
      const second = { ...item, tables: [rowsOf(wider, [row]), ...item.tables.slice(1)] };
      service.refusesStatement = (sql) => sql.includes('_cdc_loads');
      const { sink: killed } = await open();
      await expect(killed.apply(second)).rejects.toThrow();
      const attempts = [(await open()).sink, (await open()).sink];
      for (const [index, attempt] of attempts.entries()) {
        const isRefused = isStopped === (index === 0);
        service.refusesStatement = (sql) => isRefused && /VIEW .*`orders`/.test(sql);
        expect(await attempt.apply(second)).toEqual(isStopped ? [TOPIC] : []);
        expect(attempt.stopped()).toMatchObject(isStopped ? [{ table: NAME }] : []);
      }
      service.refusesStatement = () => false;
      const third = { ...both(3, '', 'third'), tables: [] };
      await attempts[1]?.apply(isStopped ? rest(3) : third);
      expect(service.entries.get(NAME)?.['status']).toBe(isStopped ? 'stopped' : 'consistent');
      expect(stopsOf(service).has(NAME)).toBe(isStopped);
      expect(service.entries.get(NAME)?.['definition']).toContain('more');
    },
  );

  it('needs a snapshot when more has waited than a commit can carry', async () => {
    const { service, sink } = await warehouse();
    await sink.apply(both(2, POISON, 'second'));
    const many = Array.from(
      { length: 101 },
      (_, index): ControlRecord => ({
        kind: 'truncate',
        seq: seqAt(3, 2 * index + 1),
        table: NAME,
      }),
    );
    await sink.apply(rest(3, many));
    expect(stopsOf(service).get(NAME)).toMatchObject({ needsSnapshot: true });
    expect(service.checkpoint?.[6]).toBe('[]');
  });

  it('has offsets of its own in the checkpoint', async () => {
    const { service, sink } = await warehouse();
    await sink.apply(both(2, POISON, 'second'));
    await sink.apply(rest(3));
    expect(service.checkpoint?.[5]).toBe(
      formatOffsets([
        { topic: TOPIC, partition: 0, offset: 1 },
        { topic: OTHER, partition: 0, offset: 4 },
      ]),
    );
  });
});

describe('a warehouse without names on record', () => {
  it('goes on under those it has, and a table that comes gives way to them', async () => {
    const recorded = JSON.parse(
      readFileSync(
        new URL('../fixtures/warehouses/bigquery-layout-3.json', import.meta.url),
        'utf8',
      ),
    ) as { checkpoint: string[]; tables: string[][] };
    const service = new MemoryBigQuery();
    service.restore(recorded.checkpoint, recorded.tables);
    const log = new MemorySinkLog();
    log.record = { v: 1, warehouse: { id: 'w1', state: 'ready' } };
    const sink = memoryDestination(service, log);
    await sink.open();
    const views = (): Record<string, string> =>
      Object.fromEntries(
        [...service.entries].flatMap(([name, { definition }]) => {
          if (typeof definition !== 'string') return [];
          const { names } = JSON.parse(definition) as StoredTable;
          return [[name, `${names?.schema}.${names?.view} in ${names?.storage}`]];
        }),
      );
    const before = {
      'shop.orders': 'shop.orders in shop__orders',
      'shop.clients': 'shop.clients in shop__clients',
      'temp.t': 'temp.t in temp__t',
    };
    expect(views()).toEqual(before);
    const fresh = ['shop.CLIENTS', 'shop.Orders'].map((name) => schemaOf(name, [['id', integer]]));
    const row = fresh.map((schema) => rowsOf(schema, [change(schema, 'c', [1n], 4)]));
    const without = ['shop.shop.ORDERS', 'shop.shop.Clients'] as Topic[];
    expect(await sink.apply({ ...batch(4, row), without })).toEqual([]);
    expect(views()).toEqual({
      ...before,
      'shop.clients': 'shop.clients_x0_2 in shop__clients',
      'shop.CLIENTS': 'shop.CLIENTS in shop__CLIENTS_x0_2',
      'shop.Orders': 'shop.Orders_x0_2 in shop__Orders_x0_2',
    });
  });
});

describe('a warehouse of the layout before', () => {
  it('is taken over with its stopped table, which a snapshot brings back', async () => {
    const recorded = JSON.parse(
      readFileSync(
        new URL('../fixtures/warehouses/bigquery-layout-2.json', import.meta.url),
        'utf8',
      ),
    ) as { checkpoint: string[]; tables: string[][] };
    const service = new MemoryBigQuery();
    service.restore(recorded.checkpoint, recorded.tables);
    const log = new MemorySinkLog();
    log.record = { v: 1, warehouse: { id: WAREHOUSE, state: 'ready' } };
    const sink = memoryDestination(service, log);
    await sink.open();
    expect(sink.stopped()).toMatchObject([{ table: NAME, readAgain: 'never' }]);
    expect(service.checkpoint?.[0]).toBe('4');
    const statuses = () => [...service.entries].map(([name, { status }]) => [name, status]);
    expect(statuses()).toEqual([
      [NAME, 'stopped'],
      ['shop.items', 'consistent'],
      ['shop.labels', 'gap'],
    ]);
    await sink.apply({ ...rest(7, [begin(7, 's')]), tables: [] });
    const table = 'shop.labels' as TableName;
    // Given up: it covers nothing.
    const labels = { kind: 'snapshotEnd', seq: seqAt(8), table, snapshotId: 'l' } as const;
    await sink.apply({
      ...batch(9, orders(8), [labels, end(9, 's', 7)]),
      offsets: offsetsAt(9),
    });
    expect([stopsOf(service).size, ids(service, 'orders')]).toEqual([0, [8]]);
    expect(statuses()).toEqual([
      [NAME, 'consistent'],
      ['shop.items', 'consistent'],
      ['shop.labels', 'gap'],
    ]);
  });
});

describe('refused rows', () => {
  const reject = async (count: number) => {
    const { service, sink } = await warehouse({ onRefusedRow: 'reject' });
    const rows = Array.from({ length: count }, (_, n) =>
      change(ORDERS, 'c', [BigInt(n), POISON], 2, n),
    );
    await sink.apply({ ...batch(2, [rowsOf(ORDERS, rows)]), offsets: offsetsAt(2) });
    const data = [...service.jobs.values()].flatMap(({ job }) =>
      'sql' in job ? [JSON.stringify(job.data)] : [],
    );
    return { service, commit: data.at(-1) ?? '' };
  };

  it('are data of the commit while they are few', async () => {
    const { service, commit } = await reject(400);
    expect(commit.match(/half of a UTF-16/g)).toHaveLength(400);
    expect(service.lines.has('_cdc_rejects')).toBe(false);
  });

  it('are loaded as a file of the plan when they are many', async () => {
    const { service, commit } = await reject(5_000);
    expect(commit).not.toContain('half of a UTF-16');
    const lines = service.lines.get('_cdc_rejects') ?? [];
    expect(lines).toHaveLength(5_000);
    expect(JSON.parse(lines[7] ?? '')).toMatchObject({
      table_name: NAME,
      topic: TOPIC,
      topic_partition: 0,
      topic_offset: 2,
      seq: seqAt(2, 7),
      op: 'c',
      rejected_at: '1970-01-01 00:00:00.000000+00',
    });
    expect([...service.jobs.keys()].filter((id) => id.includes('-rejects-'))).toHaveLength(1);
  });
});

/** What stands in the way: rows until they are rejected, files until a snapshot has read past them. */
type Trouble = 'rows' | 'files';

interface Played {
  readonly list: readonly Turn[];
  readonly trouble: Trouble;
  /** Whether the run of that number meets the trouble; past the end all goes well. */
  readonly meets: readonly boolean[];
}

const table = fc.nat({ max: 1 });

/** A poisoned row has an id that nothing else has, so that only it can be missing. */
const poisoned = fc.record({
  step: table.map((of) => ({
    kind: 'transaction' as const,
    changes: [{ table: of, id: 99, to: { number: 1, text: POISON } }],
  })),
  at: fc.nat({ max: 11 }),
});

const scenario = fc
  .record({
    list: turns(12),
    trouble: fc.constantFrom<Trouble>('rows', 'files'),
    meets: fc.array(fc.boolean(), { maxLength: 10 }),
    poison: fc.array(poisoned, { minLength: 1, maxLength: 2 }),
  })
  .map(({ list, trouble, meets, poison }): Played => {
    if (trouble === 'files') return { list, trouble, meets };
    const steps = [...list];
    for (const { step, at } of poison) {
      const turn = steps[at % steps.length]!;
      steps.splice(at % steps.length, 0, { ...turn, step, outcome: 'commit' });
    }
    return { list: steps, trouble, meets };
  });

/** At the end every table is read again, so that none is left standing still. */
function healed(list: readonly Turn[]): readonly Turn[] {
  const last = list.at(-1)!;
  const calm = {
    ...last,
    meanwhile: undefined,
    settled: true,
    sink: 'runs' as const,
    outcome: 'commit' as const,
  };
  return [
    ...list,
    {
      ...calm,
      step: { kind: 'transaction', changes: [{ table: 0, id: 0, to: { number: 0, text: '' } }] },
    },
    ...[0, 1].map((of): Turn => ({ ...calm, step: { kind: 'snapshot', table: of } })),
  ];
}

const changelogOf = ({ database, table }: TableId): string =>
  `${relationName(database)}__${relationName(table)}__changes`;

function shownRows(service: MemoryBigQuery, index: number, last: string): readonly unknown[] {
  const { id: of } = SCHEMAS[index]!;
  return service
    .live(changelogOf(of), (seq) => seq <= last)
    .map(({ id: key, number, text }) => [Number(key), String(number), text])
    .filter(([key]) => key !== 99)
    .sort();
}

function checkTables(service: MemoryBigQuery, pipeline: SimulatedPipeline): void {
  const stopped = stopsOf(service);
  for (const [index, { id: of }] of SCHEMAS.entries()) {
    const name = `${of.database}.${of.table}` as TableName;
    const shown = cutOfTable({ stopped, cut: cutOf(service) }, name);
    if (!shown) continue;
    const { commitOrdinal } = parseSequence(shown.lastSequence);
    const model = pipeline.statesByOrdinal.get(commitOrdinal)!.get(name)!;
    const expected = [...model.values()]
      .filter(([key]) => key !== 99)
      .map(([key, number, text]: Row) => [key, String(number), text])
      .sort();
    expect(shownRows(service, index, shown.lastSequence)).toEqual(expected);
    const seqs = (service.lines.get(changelogOf(of)) ?? [])
      .map((line) => JSON.parse(line) as { _cdc_seq: Sequence; id: string })
      .map(({ _cdc_seq, id: key }) => `${_cdc_seq} ${key}`);
    expect(seqs).toHaveLength(new Set(seqs).size);
  }
}

describe('a table that stands still for longer than its topic keeps records', () => {
  it('stays as it is where rows are rejected, and comes back by a snapshot, also when a commit fails on the way', async () => {
    const service = new MemoryBigQuery();
    const topics = new SimulatedTopics();
    const pipeline = new SimulatedPipeline(topics);
    const log = new MemorySinkLog();
    const write = (table: number, id: number, text = ''): void => {
      const changes = [{ table, id, to: { number: 1, text } }];
      pipeline.step({ kind: 'transaction', changes }, 0, 'commit');
    };
    const seen: SinkSessionProgress[] = [];
    const run = async (onRefusedRow: OnRefusedRow, failsAt = 0): Promise<void> => {
      topics.settle();
      let commits = 0;
      const reach: BigQueryContext['reach'] = (point) => {
        if (point === 'sinkBeforeCommit' && (commits += 1) === failsAt) throw new Error('503');
      };
      const done = new AbortController();
      let idle = 0;
      const hooks = { pick: () => 0, maxSlots: () => 100, beforeMarks: () => {} };
      const onIdle = (): void => {
        // A table that may go on does so although nothing is newer.
        if ((idle += 1) > 2) done.abort();
      };
      await runSink({
        source: new SimulatedSource(topics, { ...hooks, onIdle }),
        destination: memoryDestination(service, log, { prefix: PREFIX, onRefusedRow, reach }),
        log,
        orders: {},
        prefix: PREFIX,
        settings: { commitIntervalMs: 0, maxBatchBytes: 1_000_000 },
        onProgress: (progress) => seen.push(progress),
        reach: () => {},
        clock: { nowMs: () => 0, sleep: () => Promise.resolve() },
        newId: () => WAREHOUSE,
        signal: done.signal,
      });
      checkTables(service, pipeline);
    };
    write(0, 1);
    write(1, 1);
    await run('stop');
    write(0, 99, POISON);
    write(0, 2);
    write(1, 2);
    await run('stop');
    expect(seen.at(-1)).toMatchObject({
      rows: 1,
      rowsByTable: { 'shop.it"ems': 1 },
      stopped: [{ table: NAME, code: 'bigquery.row-refused' }],
    });
    topics.expireAll();
    write(0, 3);
    write(1, 3);
    await run('reject');
    expect(stopsOf(service).has(NAME)).toBe(true);
    expect(service.checkpoint?.[9]).toBe(lastSequenceOf(1, 8));
    pipeline.step({ kind: 'snapshot', table: 0 }, 0, 'commit');
    // The second commit is planned from what retention has left, and repeated from there.
    await expect(run('reject', 2)).rejects.toThrow('503');
    await run('reject');
    expect(stopsOf(service).size).toBe(0);
    expect(shownRows(service, 0, service.checkpoint?.[9] ?? '')).toHaveLength(3);
  });
});

describe('whatever stops, wherever it is killed and whenever it goes on', () => {
  it('every view is the source as of its cut, every change is there once, and at the end all tables go together', async () => {
    let stops = 0;
    await fc.assert(
      fc.asyncProperty(scenario, async ({ list, trouble, meets }) => {
        const service = new MemoryBigQuery();
        const troubled = meets.slice(0, list.filter(({ sink }) => sink !== 'idle').length);
        const full = healed(list);
        let pipeline: SimulatedPipeline | undefined;
        await play(full, {
          connect: async (reach, log) => {
            const isMet = troubled.shift() ?? false;
            service.refuses = ({ table: of, dataset }) =>
              isMet && trouble === 'files' && dataset === 'sluice_shop' && of.includes('orders');
            return memoryDestination(service, log, {
              prefix: PREFIX,
              reach,
              onRefusedRow: isMet || trouble === 'files' ? 'stop' : 'reject',
            });
          },
          check: async (one) => {
            pipeline = one;
            stops += stopsOf(service).size;
            checkTables(service, one);
          },
        });
        expect(stopsOf(service).size).toBe(0);
        const last = Math.max(...pipeline!.statesByOrdinal.keys());
        expect(service.checkpoint?.[9]).toBe(lastSequenceOf(1, last));
      }),
      { numRuns: 300 },
    );
    expect(stops).toBeGreaterThan(100);
  }, 120_000);
});
