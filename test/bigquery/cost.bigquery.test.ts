import { afterAll, describe, expect, it } from 'vitest';
import { BigQueryDestination } from '../../src/bigquery/bigquery-destination.ts';
import { loggedPlans } from '../../src/bigquery/load-plan.ts';
import { type BigQueryLayout, bigQueryLayout } from '../../src/bigquery/names.ts';
import { readCost } from '../../src/bigquery/read-cost.ts';
import { RestBigQuery } from '../../src/bigquery/rest-service.ts';
import type { BigQuerySinkSpec } from '../../src/control/pipeline-spec.ts';
import type { CostQuestion, MeasuredCost, WarehouseCost } from '../../src/control/sink-cost.ts';
import { systemClock } from '../../src/sink/clock.ts';
import { sinkCosts } from '../../src/workers/cost.ts';
import { BigQueryFront } from '../../tools/bigquery-front/bigquery-front.ts';
import { batch, change, integer, rowsOf, schemaOf, varchar } from '../duckdb/warehouse.ts';
import { MemorySinkLog } from '../sink/memory-sink-log.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';

/** Address of an emulator, as `http://127.0.0.1:9050`. */
const ENDPOINT = process.env['SLUICE_TEST_BIGQUERY'] ?? '';

const DAY_MS = 86_400_000;
const NOON = Date.UTC(2026, 10, 23, 12);

const columns = [
  ['id', integer],
  ['note', varchar],
] as const;
const ORDERS = schemaOf('shop.orders', [...columns]);
const ITEMS = schemaOf('shop.items', [...columns]);

interface Warehouse {
  readonly destination: BigQueryDestination;
  readonly service: RestBigQuery;
  readonly layout: BigQueryLayout;
  readonly warehouseId: string;
  /** The time that the sink records from now on; it never goes back. */
  readonly at: (ms: number) => void;
  readonly cost: (question?: Partial<CostQuestion>) => Promise<WarehouseCost>;
}

let datasets = 0;
let front: BigQueryFront | undefined;
afterAll(() => front?.[Symbol.asyncDispose]());

async function openWarehouse(): Promise<Warehouse> {
  front ??= await BigQueryFront.start(ENDPOINT);
  datasets += 1;
  const suffix = `cost_${process.pid}_${datasets}`;
  const service = new RestBigQuery({
    project: 'demo',
    location: 'US',
    endpoint: front.endpoint,
    authorization: () => Promise.resolve({}),
    labels: {},
  });
  const layout = bigQueryLayout('demo', `sluice_${suffix}`, {
    dataset: `{database}_${suffix}`,
    table: '{table}',
  });
  const log = new MemorySinkLog();
  const warehouseId = `w-${suffix}`;
  log.record = { v: 1, warehouse: { id: warehouseId, state: 'ready' } };
  let nowMs = NOON;
  const destination = new BigQueryDestination({
    service,
    pipeline: 'shop',
    sink: 'bq',
    prefix: 'shop',
    layout,
    tables: { labels: {} },
    plans: loggedPlans(log),
    compactionPriority: 'INTERACTIVE',
    onRefusedRow: 'stop',
    onRefused: () => {},
    quietCommitMs: 0,
    folding: { minDeltaRows: 0, stateFraction: 0, maxAgeMs: 0, minAgeMs: 0 },
    clock: { ...systemClock, nowMs: () => nowMs },
    reach: () => {},
    signal: new AbortController().signal,
  });
  return {
    destination,
    service,
    layout,
    warehouseId,
    at: (ms) => {
      nowMs = ms;
    },
    cost: (question) =>
      readCost(
        { service, layout, settings: { loadIntervalMs: 90_000 }, nowMs: NOON },
        { days: 7, estimated: { dearest: 20 }, ...question },
      ),
  };
}

function measured(cost: WarehouseCost): MeasuredCost {
  if (cost.kind !== 'measured') throw new Error(`nothing was measured: ${cost.kind}`);
  return cost;
}

describe.skipIf(ENDPOINT === '')('the cost of a warehouse, asked in SQL', () => {
  it('is nothing before there is a warehouse, and before anything is in it', async () => {
    const { cost, destination, warehouseId } = await openWarehouse();
    expect(await cost()).toEqual({ kind: 'nothingLoaded' });
    await destination.create({ warehouseId });
    expect(await cost()).toEqual({ kind: 'nothingLoaded' });
  });

  it('has every load, commit and compaction of the days that are asked for', async () => {
    const { cost, destination, warehouseId, at } = await openWarehouse();
    at(NOON - 10 * DAY_MS);
    await destination.create({ warehouseId });
    await destination.apply(batch(1, [rowsOf(ITEMS, [change(ITEMS, 'c', [1n, 'old'], 1)])]));
    at(NOON - DAY_MS);
    await destination.apply(
      batch(2, [
        rowsOf(ITEMS, [change(ITEMS, 'c', [2n, 'a'], 2)]),
        rowsOf(ORDERS, [change(ORDERS, 'c', [1n, 'b'], 2), change(ORDERS, 'c', [2n, 'c'], 2, 1)]),
      ]),
    );
    at(NOON - 1000);
    await destination.apply(batch(3, [rowsOf(ORDERS, [change(ORDERS, 'u', [2n, 'd'], 3)])]));
    await destination.compact();

    const week = measured(await cost());
    expect(week.recordedDays).toBeCloseTo(1, 9);
    expect(
      week.days.map(({ day, commits, loads, rows, compactions }) => [
        day,
        commits,
        loads,
        rows,
        compactions,
      ]),
    ).toEqual([
      ['2026-11-22', 1, 2, 3, 0],
      ['2026-11-23', 1, 1, 1, 2],
    ]);
    const orders = week.tables.find(({ table }) => table === 'shop.orders');
    expect(orders?.usage).toMatchObject({ loads: 2, rows: 3, compactions: 1 });
    expect(orders?.usage.fileBytes).toBeGreaterThan(0);
    expect(orders?.days.map(({ day, rows }) => [day, rows])).toEqual([
      ['2026-11-22', 2],
      ['2026-11-23', 1],
    ]);

    expect(measured(await cost({ days: 30 })).total).toMatchObject({ loads: 4, rows: 5 });
    const today = measured(await cost({ days: 1 }));
    expect(today.total).toMatchObject({ loads: 1, rows: 1, compactions: 2 });
  });

  it('is asked for each sink of a pipeline that has a bill', async () => {
    const { destination, layout, warehouseId } = await openWarehouse();
    await destination.create({ warehouseId });
    await destination.apply(batch(1, [rowsOf(ORDERS, [change(ORDERS, 'c', [1n, 'a'], 1)])]));
    const { sinks } = aPipelineSpec();
    const sink: BigQuerySinkSpec = {
      kind: 'bigquery',
      project: 'demo',
      location: 'US',
      endpoint: front?.endpoint ?? '',
      internalDataset: layout.internal,
      dataset: layout.dataset({ database: 'shop', table: 'orders' }),
      table: '{table}',
      labels: {},
      loadIntervalMs: 90_000,
      maxBatchBytes: 1 << 26,
      compactionPriority: 'interactive',
      onRefusedRow: 'stop',
    };
    const spec = { sinks: { ...sinks, full: sink, new: { ...sink, internalDataset: 'nowhere' } } };
    // The sink has recorded its load at a noon that any window has to reach.
    const days = Math.ceil(Math.abs(Date.now() - NOON) / DAY_MS) + 2;
    const costs = await sinkCosts(spec, { days, estimated: { dearest: 1 } });
    expect(costs.map(({ sink: name, cost }) => [name, cost.kind])).toEqual([
      ['full', 'measured'],
      ['new', 'nothingLoaded'],
    ]);
  });

  it('says so when nothing came in these days', async () => {
    const { cost, destination, warehouseId, at } = await openWarehouse();
    at(NOON - 10 * DAY_MS);
    await destination.create({ warehouseId });
    await destination.apply(batch(1, [rowsOf(ORDERS, [change(ORDERS, 'c', [1n, 'a'], 1)])]));
    expect(await cost()).toEqual({ kind: 'quiet' });
  });

  it('has every view estimated that is there, of the tables that are asked for', async () => {
    const { cost, destination, service, layout, warehouseId } = await openWarehouse();
    await destination.create({ warehouseId });
    await destination.apply(
      batch(1, [
        rowsOf(ITEMS, [change(ITEMS, 'c', [1n, 'a'], 1)]),
        rowsOf(ORDERS, [change(ORDERS, 'c', [1n, 'b'], 1, 1)]),
      ]),
    );
    const reads = async (question: Partial<CostQuestion>): Promise<unknown> =>
      measured(await cost(question)).tables.map(({ table, reads: found }) => [table, found]);
    // An emulator reads nothing, as it says.
    const all = ['', '__latest', '__history', '__as_of'].map((suffix) => ({ suffix, bytes: 0 }));
    const one = { estimated: { table: 'shop.orders' } };
    expect(await reads(one)).toEqual(
      expect.arrayContaining([
        ['shop.items', undefined],
        ['shop.orders', all],
      ]),
    );
    const orders = { database: 'shop', table: 'orders' };
    await service.rows(`DROP VIEW demo.${layout.dataset(orders)}.orders__latest`);
    expect(await reads(one)).toContainEqual([
      'shop.orders',
      all.map((read) => (read.suffix === '__latest' ? { suffix: '__latest' } : read)),
    ]);
  });
});
