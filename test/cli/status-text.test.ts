import { expect, it } from 'vitest';
import type { TableName } from '../../src/change/table.ts';
import { duration, incidentLines, statusBlock, statusRow } from '../../src/cli/status-text.ts';
import { table } from '../../src/cli/table.ts';
import type { TableStop } from '../../src/control/stopped-tables.ts';
import type { PipelineView } from '../../src/temporal/pipeline-view.ts';

const NOW_MS = Date.parse('2026-11-23T04:05:06');

const POSITION = {
  gtidSet: '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-905',
  file: 'binlog.000007',
  pos: 1_234,
  epoch: 2,
  commitOrdinal: 98_765,
  writtenAtMs: NOW_MS - 1_500,
};

const STREAMING: PipelineView = {
  isAnswered: true,
  pipeline: 'shop',
  state: 'STREAMING',
  sinceMs: NOW_MS - 3_725_000,
  position: POSITION,
  progress: {
    kind: 'pipeline',
    pipeline: 'shop',
    tables: {},
    transactions: 10,
    bytesPublished: 1,
    batches: 1,
    lagMs: 350,
    purgeInMs: 260_000_000,
    rowsPerSecond: 12_345.6,
    checkpoint: POSITION,
    snapshot: {
      table: 'shop.orders',
      rows: 450_000,
      estimatedRows: 1_000_000,
      rowsPerSecond: 50_000,
      etaSeconds: 11,
      tablesDone: 3,
      tablesTotal: 9,
    },
  },
  sinks: [
    {
      name: 'warehouse',
      state: 'RUNNING',
      progress: {
        kind: 'sink',
        pipeline: 'shop',
        sink: 'warehouse',
        rows: 1_000,
        cutOrdinal: 98_760,
        lagMs: 900,
        tables: {},
      },
    },
    { name: 'second', state: 'RUNNING', reason: 'second.duckdb is open in another process.' },
  ],
};

it('shows a streaming pipeline in one block', () => {
  expect(statusBlock(STREAMING, NOW_MS)).toBe(`\
pipeline        shop
state           STREAMING
since           2026-11-23 03:03:01 (1 h 2 m)
position        binlog.000007:1234, commit 98,765, epoch 2, written 1.5 s ago
gtid set        3e11fa47-71ca-11e1-9e33-c80aa9429562:1-905
lag             350 ms
purged in       3 d 0 h
rows/s          12,346
snapshot        █████████░░░░░░░░░░░ 45 % of shop.orders, 450,000 of about 1,000,000 rows, 50,000 rows/s, about 11 s left; 3 of 9 tables done
sink warehouse  RUNNING, 900 ms behind, complete up to commit 98,760, 1,000 rows
sink second     RUNNING (second.duckdb is open in another process.)`);
});

it('shows since when a stream and a sink wait for a worker, and what to do', () => {
  const { progress: _, ...rest } = STREAMING;
  const waitingSinceMs = NOW_MS - 182_000;
  const waiting = {
    ...rest,
    waitingSinceMs,
    reason: 'none takes it: start another one',
    sinks: [{ name: 'warehouse', state: 'RUNNING', waitingSinceMs, reason: 'none is there' }],
  };
  const text = statusBlock(waiting, NOW_MS);
  const since = 'waits for a worker since 2026-11-23 04:02:04, 3 m 2 s';
  expect(text).toContain(`state           STREAMING (${since}: none takes it: start another one)`);
  expect(text).toContain(`sink warehouse  RUNNING (${since}: none is there)`);
  expect(statusRow(waiting, NOW_MS)[1]).toBe('STREAMING (waits for a worker)');
  expect(statusRow(waiting, NOW_MS).at(-1)).toBe('warehouse RUNNING (waits for a worker)');
});

const STOP: TableStop = {
  table: '`example.com`.orders' as TableName,
  code: 'bigquery.row-refused',
  reason: 'it has no place.',
  position: 'offset 7',
};

it('shows the tables of a stream that have stopped, each with what cures it', () => {
  const tables = [{ ...STOP, sinceMs: NOW_MS }];
  const stopped = { ...STREAMING, stopped: { count: 1, tables } };
  expect(statusBlock(stopped, NOW_MS)).toContain(`\
stopped         1 table stopped, the others go on
                \`example.com\`.orders since 2026-11-23 04:05:06: bigquery.row-refused at offset 7: it has no place.
                  $ sluice snapshot shop --tables '\`example.com\`.orders'
                when the cause is gone; what it is: sluice explain CODE`);
  expect(statusRow(stopped, NOW_MS)[1]).toBe('STREAMING (1 table stopped)');
});

it('shows the incident of a table with what cures it, and no answer', () => {
  const { table, code } = STOP;
  const incident = { id: 'table-1', code, message: 'No.', openedAtMs: NOW_MS, actions: [], table };
  expect(incidentLines('shop', incident)).toEqual([
    'table-1  bigquery.row-refused  open since 2026-11-23 04:05:06',
    '  No.',
    "  $ sluice snapshot shop --tables '`example.com`.orders'",
    '  $ sluice explain bigquery.row-refused',
  ]);
});

it('shows the tables of a sink that have stopped, and how many more there are', () => {
  const [sink] = STREAMING.sinks;
  const stopped = { ...STREAMING, sinks: [{ ...sink!, stopped: { count: 3, tables: [STOP] } }] };
  expect(statusBlock(stopped, NOW_MS)).toContain(`\
sink warehouse  RUNNING, 900 ms behind, complete up to commit 98,760, 1,000 rows
                3 tables stopped, the others go on
                \`example.com\`.orders: bigquery.row-refused at offset 7: it has no place.
                  $ sluice snapshot shop --tables '\`example.com\`.orders'
                and 2 tables more
                when the cause is gone; what it is: sluice explain CODE`);
  expect(statusRow(stopped, NOW_MS).at(-1)).toBe('warehouse 900 ms (3 tables stopped)');
});

it('shows an open incident with the commands that answer it', () => {
  const incident = {
    id: 'gap-1',
    code: 'binlog.purged',
    message: 'Purged.\nTwice.',
    openedAtMs: NOW_MS,
    actions: ['retry', 'resnapshot'],
  };
  const { progress: _, ...rest } = STREAMING;
  expect(
    statusBlock({ ...rest, state: 'GAP', reason: 'binlog purged', sinks: [], incident }, NOW_MS),
  ).toBe(`\
pipeline        shop
state           GAP (binlog purged)
since           2026-11-23 03:03:01 (1 h 2 m)
position        binlog.000007:1234, commit 98,765, epoch 2, written 1.5 s ago
gtid set        3e11fa47-71ca-11e1-9e33-c80aa9429562:1-905

gap-1  binlog.purged  open since 2026-11-23 04:05:06
  Purged.
  Twice.
  $ sluice recover shop --incident gap-1 --action retry
  $ sluice recover shop --incident gap-1 --action resnapshot
  $ sluice explain binlog.purged`);
});

it('shows pipelines line by line, numbers at the right', () => {
  expect(
    table(
      ['NAME', 'ROWS'],
      [
        ['shop', '5'],
        ['a-long-name', '1,200'],
      ],
    ),
  ).toBe(`\
NAME          ROWS
shop             5
a-long-name  1,200`);
  expect(statusRow(STREAMING, NOW_MS)).toEqual([
    'shop',
    'STREAMING',
    '1 h 2 m',
    '350 ms',
    '12,346',
    '3/9 tables',
    'warehouse 900 ms, second RUNNING',
  ]);
});

it.each([
  [-5, '0 ms'],
  [999, '999 ms'],
  [12_550, '12.5 s'],
  [245_000, '4 m 5 s'],
  [7_380_000, '2 h 3 m'],
  [435_600_000, '5 d 1 h'],
])('says %i ms as %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

it('shows in the list what is wrong, not what the last heartbeat said', () => {
  const incident = { code: 'bigquery.failed', message: '', id: 'x', openedAtMs: 0, actions: [] };
  const [sink, second] = STREAMING.sinks;
  const row = (sinks: PipelineView['sinks']) => statusRow({ ...STREAMING, sinks }, NOW_MS).at(-1);
  expect(row([{ ...sink!, incident }])).toBe('warehouse RUNNING (bigquery.failed)');
  expect(row([{ ...sink!, state: 'PAUSED' }])).toBe('warehouse PAUSED');
  expect(row([{ ...sink!, reason: 'No answer.' }])).toBe('warehouse RUNNING (tries again)');
  expect(row([second!])).toBe('second RUNNING');
  expect(statusRow({ ...STREAMING, state: 'GAP', incident }, NOW_MS)[1]).toBe(
    'GAP (bigquery.failed)',
  );
});
