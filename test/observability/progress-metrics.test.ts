import { describe, expect, it } from 'vitest';
import type { TableName } from '../../src/change/table.ts';
import type { TableStop } from '../../src/control/stopped-tables.ts';
import { Meter } from '../../src/observability/meter.ts';
import {
  forHeartbeat,
  MAX_NAMED_TABLES,
  type OperationCounts,
  OTHER_TABLES,
  type PipelineProgress,
  type SinkProgress,
} from '../../src/observability/progress.ts';
import { ProgressMetrics } from '../../src/observability/progress-metrics.ts';

const NOW_MS = 1_700_000_060_000;

function aPipeline(changes: Partial<PipelineProgress> = {}): PipelineProgress {
  return {
    kind: 'pipeline',
    pipeline: 'shop',
    tables: { 'shop.orders': { c: 5, u: 2, d: 1, r: 100 } },
    transactions: 4,
    bytesPublished: 1_000,
    batches: 1,
    lastCommitUs: 1_700_000_000_500_000,
    checkpoint: {
      gtidSet: 'u:1-4',
      file: 'binlog.000001',
      pos: 157,
      epoch: 1,
      commitOrdinal: 4,
      writtenAtMs: NOW_MS - 2_500,
    },
    lagMs: 1_500,
    rowsPerSecond: 10,
    ...changes,
  };
}

const A_SINK: SinkProgress = {
  kind: 'sink',
  pipeline: 'shop',
  sink: 'warehouse',
  rows: 7,
  cutOrdinal: 3,
  lagMs: 250,
  tables: { 'shop.orders': 7 },
};

const STOP = {
  table: 'shop.odd' as TableName,
  code: 'table.no-key',
  reason: 'no key',
  position: 'binlog.000004:157',
};

function metrics() {
  const meter = new Meter();
  let nowMs = NOW_MS;
  const progress = new ProgressMetrics(meter, () => nowMs);
  const value = async (series: string): Promise<number | undefined> => {
    progress.refresh();
    const line = (await meter.text()).body
      .split('\n')
      .find((text) => text.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { progress, value, pass };
}

const ORDERS_CREATED = 'sluice_rows_captured_total{pipeline="shop",table="shop.orders",op="c"}';

describe('metrics of progress', () => {
  it('show counters, lag and the age of the position in seconds', async () => {
    const { progress, value } = metrics();
    progress.record(aPipeline());
    expect(await value(ORDERS_CREATED)).toBe(5);
    expect(await value('sluice_snapshot_rows_total{pipeline="shop"}')).toBe(100);
    expect(await value('sluice_transactions_captured_total{pipeline="shop"}')).toBe(4);
    expect(await value('sluice_lag_seconds{pipeline="shop"}')).toBe(1.5);
    expect(await value('sluice_position_age_seconds{pipeline="shop"}')).toBe(2.5);
    expect(await value('sluice_last_commit_timestamp_seconds{pipeline="shop"}')).toBe(
      1_700_000_000.5,
    );
  });

  it('grow old while nothing is reported, as a stream or sink that hangs does', async () => {
    const { progress, value, pass } = metrics();
    progress.record(aPipeline());
    progress.record(A_SINK);
    pass(60_000);
    expect(await value('sluice_lag_seconds{pipeline="shop"}')).toBe(61.5);
    expect(await value('sluice_position_age_seconds{pipeline="shop"}')).toBe(62.5);
    expect(await value('sluice_sink_lag_seconds{pipeline="shop",sink="warehouse"}')).toBe(60.25);
  });

  it('say nothing of the present of what has ended here', async () => {
    const { progress, value } = metrics();
    {
      using _stream = progress.started('shop', 'stream');
      using _sink = progress.started('shop', 'warehouse');
      progress.record(aPipeline({ stopped: { count: 1, tables: [STOP] } }));
      progress.record(A_SINK);
      expect(await value('sluice_lag_seconds{pipeline="shop"}')).toBe(1.5);
    }
    for (const series of [
      'sluice_lag_seconds{pipeline="shop"}',
      'sluice_position_age_seconds{pipeline="shop"}',
      'sluice_tables_stopped{pipeline="shop"}',
      `sluice_table_stopped{pipeline="shop",table="${STOP.table}",code="${STOP.code}"}`,
      'sluice_sink_lag_seconds{pipeline="shop",sink="warehouse"}',
    ])
      expect(await value(series)).toBeUndefined();
    expect(await value(ORDERS_CREATED)).toBe(5);
  });

  it('count only what grew since the last report', async () => {
    const { progress, value } = metrics();
    progress.record(aPipeline());
    progress.record(aPipeline({ tables: { 'shop.orders': { c: 8, u: 2, d: 1, r: 100 } } }));
    expect(await value(ORDERS_CREATED)).toBe(8);
  });

  it('go on when an activity starts anew and counts from zero, however far it already is', async () => {
    const { progress, value } = metrics();
    progress.started('shop', 'stream');
    progress.record(aPipeline());
    progress.started('shop', 'stream');
    progress.record(aPipeline({ tables: { 'shop.orders': { c: 9, u: 0, d: 0, r: 0 } } }));
    expect(await value(ORDERS_CREATED)).toBe(14);
    expect(await value('sluice_restarts_total{pipeline="shop",part="stream"}')).toBe(2);
  });

  it('show a snapshot while it runs and take its ratio away afterwards', async () => {
    const { progress, value } = metrics();
    const ratio = 'sluice_snapshot_progress_ratio{pipeline="shop"}';
    const left = 'sluice_snapshot_tables_left{pipeline="shop"}';
    const snapshot = {
      table: 'shop.orders',
      rows: 30,
      estimatedRows: 120,
      rowsPerSecond: 10,
      tablesDone: 1,
      tablesTotal: 3,
    };
    progress.record(aPipeline({ snapshot }));
    expect([await value(ratio), await value(left)]).toEqual([0.25, 2]);
    progress.record(aPipeline());
    expect([await value(ratio), await value(left)]).toEqual([undefined, 0]);
  });

  it('sample the newest batch once, however often it is reported', async () => {
    const { progress, value } = metrics();
    const lastBatch = { rows: 40, bytes: 9_000, publishMs: 12 };
    progress.record(aPipeline({ lastBatch }));
    progress.record(aPipeline({ lastBatch }));
    expect(await value('sluice_batch_rows_count{pipeline="shop"}')).toBe(1);
    progress.record(aPipeline({ lastBatch, batches: 2 }));
    expect(await value('sluice_batch_rows_sum{pipeline="shop"}')).toBe(80);
    expect(await value('sluice_publish_duration_seconds_sum{pipeline="shop"}')).toBe(0.024);
  });

  it('show a sink by its own name', async () => {
    const { progress, value } = metrics();
    progress.record(A_SINK);
    progress.record({ ...A_SINK, tables: { 'shop.orders': 10 }, cutOrdinal: 5 });
    expect(
      await value('sluice_sink_rows_total{pipeline="shop",sink="warehouse",table="shop.orders"}'),
    ).toBe(10);
    expect(await value('sluice_sink_lag_seconds{pipeline="shop",sink="warehouse"}')).toBe(0.25);
    expect(await value('sluice_sink_cut_ordinal{pipeline="shop",sink="warehouse"}')).toBe(5);
  });
});

describe('tables that stand still', () => {
  const gauge = 'sluice_sink_stopped_tables{pipeline="shop",sink="warehouse"}';
  const stops = (from: number, to: number): readonly TableStop[] =>
    Array.from({ length: to - from }, (_, index) => ({
      table: `shop.table_${from + index}` as TableName,
      code: 'bigquery.row-refused',
      reason: 'x'.repeat(1_000),
      position: 'offset 7',
    }));
  const stopped: SinkProgress = { ...A_SINK, stopped: { count: 20, tables: stops(0, 20) } };

  it('are counted until they go on', async () => {
    const { progress, value } = metrics();
    progress.record(stopped);
    expect(await value(gauge)).toBe(20);
    progress.record(A_SINK);
    expect(await value(gauge)).toBe(0);
  });

  it('of a stream are counted, and the newest 50 have a series each until they return', async () => {
    const { progress, value } = metrics();
    const series = (table: string): string =>
      `sluice_table_stopped{pipeline="shop",table="${table}",code="bigquery.row-refused"}`;
    progress.record(aPipeline({ stopped: { count: 500, tables: stops(0, 60) } }));
    expect(await value('sluice_tables_stopped{pipeline="shop"}')).toBe(500);
    expect(await value(series('shop.table_9'))).toBeUndefined();
    expect(await value(series('shop.table_10'))).toBe(1);
    expect(await value(series('shop.table_59'))).toBe(1);
    progress.started('shop', 'stream');
    progress.record(aPipeline({ stopped: { count: 1, tables: stops(59, 60) } }));
    expect(await value(series('shop.table_10'))).toBeUndefined();
    expect(await value(series('shop.table_59'))).toBe(1);
    progress.record(aPipeline());
    expect(await value(series('shop.table_59'))).toBeUndefined();
    expect(await value('sluice_tables_stopped{pipeline="shop"}')).toBe(0);
  });

  it('are all counted in a heartbeat, and the newest few are named', () => {
    const beat = forHeartbeat(stopped);
    expect(beat.stopped?.count).toBe(20);
    expect(beat.stopped?.tables.map(({ table }) => table)).toEqual([
      'shop.table_17',
      'shop.table_18',
      'shop.table_19',
    ]);
    const stream = forHeartbeat(aPipeline({ stopped: { count: 20, tables: stops(0, 20) } }));
    expect(stream.stopped?.tables).toHaveLength(3);
    expect(Buffer.byteLength(JSON.stringify(beat))).toBeLessThan(2_048);
  });
});

describe('a heartbeat', () => {
  const tables: Record<string, OperationCounts> = Object.fromEntries(
    Array.from({ length: 1_000 }, (_, index) => [
      `a_database_with_a_long_name.table_${index}`,
      { c: index, u: 1, d: 1, r: 1 },
    ]),
  );
  const checkpoint = {
    gtidSet: '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-905,'.repeat(100),
    file: 'binlog.000001',
    pos: 1,
    epoch: 1,
    commitOrdinal: 1,
    writtenAtMs: NOW_MS,
  };
  const snapshot = {
    table: 'a_database_with_a_long_name.table_1',
    rows: 1e9,
    estimatedRows: 1e9,
    rowsPerSecond: 1e6,
    etaSeconds: 1e6,
    tablesDone: 1,
    tablesTotal: 1_000,
  };

  it('names the busiest tables and sums the rest, losing no row', () => {
    const folded = forHeartbeat(aPipeline({ tables })).tables;
    expect(Object.keys(folded)).toHaveLength(MAX_NAMED_TABLES + 1);
    expect(folded['a_database_with_a_long_name.table_999']).toEqual({ c: 999, u: 1, d: 1, r: 1 });
    const created = Object.values(folded).reduce((sum, { c }) => sum + c, 0);
    expect(created).toBe((999 * 1_000) / 2);
    expect(folded[OTHER_TABLES]).toMatchObject({ u: 988 });
  });

  it('stays under 2 KB with a thousand tables and a long GTID set', () => {
    const beat = forHeartbeat(aPipeline({ tables, checkpoint, snapshot }));
    expect(Buffer.byteLength(JSON.stringify(beat))).toBeLessThan(2_048);
  });

  it('carries small progress unchanged', () => {
    expect(forHeartbeat(aPipeline())).toEqual(aPipeline());
    expect(forHeartbeat(A_SINK)).toEqual(A_SINK);
  });
});
