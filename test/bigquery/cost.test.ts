import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type CostRecords, measuredCost, probeBytes, withReads } from '../../src/bigquery/cost.ts';
import { costHints } from '../../src/bigquery/cost-hints.ts';
import type { MeasuredTable } from '../../src/bigquery/cost-queries.ts';
import { LIST_PRICES, readingUsd, storingUsd } from '../../src/bigquery/list-prices.ts';
import { plannedCost, plannedCostText } from '../../src/bigquery/planned-cost.ts';
import type { TableName } from '../../src/change/table.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const TIB = 2 ** 40;
const DAY_MS = 86_400_000;
const MIDNIGHT = Date.UTC(2026, 10, 23);
const named = (name: string): TableName => name as TableName;

const measured = (name: string, stateRows = 0): MeasuredTable => ({
  name: named(name),
  id: { database: 'shop', table: name.slice(5) },
  key: ['id'],
  stateRows,
});

const load = (table: string, day: string, firstMs: number, loads = 10) => ({
  table: named(table),
  day,
  loads,
  rows: loads * 100,
  fileBytes: loads * 1000,
  firstMs,
});

const fold = (table: string, day: string, firstMs: number, bytesBilled: number) => ({
  table: named(table),
  day,
  compactions: 2,
  changes: 10,
  bytesBilled,
  firstMs,
});

/** Three days of three that were asked for. */
const WEEKEND: CostRecords = {
  sinceMs: MIDNIGHT - 2 * DAY_MS,
  untilMs: MIDNIGHT + DAY_MS,
  loads: [
    load('shop.items', '2026-11-21', MIDNIGHT - 2 * DAY_MS),
    load('shop.orders', '2026-11-21', MIDNIGHT - 2 * DAY_MS),
    load('shop.orders', '2026-11-23', MIDNIGHT + 5),
  ],
  compactions: [fold('shop.orders', '2026-11-22', MIDNIGHT - DAY_MS, TIB)],
  commits: [
    { day: '2026-11-21', commits: 960 },
    { day: '2026-11-23', commits: 960 },
  ],
  tables: [measured('shop.items'), measured('shop.orders')],
};

describe('the cost of a warehouse', () => {
  it('is counted by table and day, with the dearest table first', () => {
    const cost = measuredCost(WEEKEND);
    const looks = 2 * 2 * 10 * MIB;
    expect(
      cost.tables.map(({ table, days, usage }) => [table, days.map(({ day }) => day), usage]),
    ).toEqual([
      [
        'shop.orders',
        ['2026-11-21', '2026-11-22', '2026-11-23'],
        {
          loads: 20,
          rows: 2000,
          fileBytes: 20_000,
          compactions: 2,
          compactedBytes: TIB,
          probedBytes: looks,
        },
      ],
      [
        'shop.items',
        ['2026-11-21'],
        {
          loads: 10,
          rows: 1000,
          fileBytes: 10_000,
          compactions: 0,
          compactedBytes: 0,
          probedBytes: 0,
        },
      ],
    ]);
    expect(cost.days.map(({ day, loads, commits }) => [day, loads, commits])).toEqual([
      ['2026-11-21', 20, 960],
      ['2026-11-22', 0, 0],
      ['2026-11-23', 10, 960],
    ]);
    expect(cost.total).toEqual({
      loads: 30,
      rows: 3000,
      fileBytes: 30_000,
      compactions: 2,
      compactedBytes: TIB,
      probedBytes: looks,
    });
  });

  it('is taken to a month at the pace of the recorded days', () => {
    const { recordedDays, commitBytes, month } = measuredCost(WEEKEND);
    expect(recordedDays).toBe(3);
    expect(commitBytes).toBe(1920 * 3 * 10 * MIB);
    // Three days are a tenth of a month.
    expect(month.commitsUsd).toBeCloseTo((10 * 6.25 * 1920 * 30) / 2 ** 20, 9);
    expect(month.compactionsUsd).toBeCloseTo(10 * 6.25 * (1 + 40 / 2 ** 20), 9);
    expect(month.totalUsd).toBeCloseTo(month.commitsUsd + month.compactionsUsd, 9);
  });

  it.each([
    ['counts from the first record on, in a warehouse that is younger', -DAY_MS, 1],
    ['takes an hour at least, right after the first load', -1000, 1 / 24],
    ['takes no more than what was asked for', -10 * DAY_MS, 3],
  ])('%s', (_, firstMs, days) => {
    const first = load('shop.orders', '2026-11-23', WEEKEND.untilMs + firstMs);
    const cost = measuredCost({ ...WEEKEND, loads: [first], compactions: [] });
    expect(cost.recordedDays).toBeCloseTo(days, 9);
  });

  it('keeps what a table has cost that is in the warehouse no more', () => {
    const cost = measuredCost({ ...WEEKEND, tables: [] });
    expect(cost.tables.map(({ table }) => table)).toEqual(['shop.orders', 'shop.items']);
    expect(cost.total.probedBytes).toBe(2 * 2 * 10 * MIB);
  });

  it.each([
    ['ten megabytes of each of two tables at least', 1000, 10, 20 * MIB],
    ['36 bytes of sequence and 8 of key a row', 10_000_000, 10, 440_000_000 + 10 * MIB],
    ['changes like rows', 0, 1_000_000, 10 * MIB + 44_000_000],
  ])('has looks read %s', (_, stateRows, changes, bytes) => {
    expect(probeBytes(measured('shop.orders', stateRows), changes)).toBe(bytes);
  });

  it('has storage of what the state and the changelog show', () => {
    const cost = withReads(
      measuredCost(WEEKEND),
      new Map([
        [
          'shop.orders',
          [
            { suffix: '', bytes: 9 * GIB },
            { suffix: '__latest', bytes: 2 * GIB },
            { suffix: '__history', bytes: 3 * GIB },
            { suffix: '__as_of' },
          ],
        ],
      ]),
    );
    expect(cost.storedBytes).toBe(5 * GIB);
    expect(cost.month.storageUsd).toBeCloseTo(0.1, 9);
    expect(cost.month.totalUsd).toBeCloseTo(
      cost.month.commitsUsd + cost.month.compactionsUsd + 0.1,
      9,
    );
    expect(cost.tables.map(({ reads }) => reads?.length)).toEqual([4, undefined]);
  });
});

describe('what would lower the cost', () => {
  const hints = (
    { commits = 0, compacted = 0, plain = 0, latest = 0, changes = 0 },
    settings: Parameters<typeof costHints>[1] = { loadIntervalMs: 90_000 },
  ): readonly string[] => {
    const cost = measuredCost({
      ...WEEKEND,
      commits: [{ day: '2026-11-21', commits }],
      compactions: [fold('shop.orders', '2026-11-22', MIDNIGHT - DAY_MS, compacted)],
    });
    const reads = [
      { suffix: '', bytes: plain },
      { suffix: '__latest', bytes: latest },
      { suffix: '__history', bytes: changes },
    ];
    return costHints(withReads(cost, new Map([['shop.orders', reads]])), settings).map(
      ({ item, setting }) => `${item}: ${setting}`,
    );
  };

  it.each([
    ['nothing, where nothing costs', {}, undefined, []],
    ['rarer commits', { commits: 2880 }, undefined, ['commits: loadIntervalMs: 180000']],
    [
      'no longer interval than there is',
      { commits: 2880 },
      { loadIntervalMs: 2_400_000 },
      ['commits: loadIntervalMs: 3600000'],
    ],
    ['nothing more at the longest', { commits: 2880 }, { loadIntervalMs: 3_600_000 }, []],
    [
      'fewer tables',
      { compacted: TIB },
      undefined,
      ['compactions of shop.orders: source.exclude: ["shop.orders"]'],
    ],
    [
      'fewer days of changes',
      { changes: 100 * GIB },
      undefined,
      ['changelogs: changesExpireDays: 400'],
    ],
    [
      'fewer days than now',
      { changes: 100 * GIB },
      { loadIntervalMs: 90_000, changesExpireDays: 60 },
      ['changelogs: changesExpireDays: 30'],
    ],
    [
      'the cheaper view',
      { plain: 3 * GIB, latest: GIB },
      undefined,
      ['queries of shop.orders: shop.orders__latest'],
    ],
    ['no view that is as dear', { plain: GIB, latest: GIB }, undefined, []],
  ])('is %s', (_, what, settings, expected) => {
    expect(hints(what, settings)).toEqual(expected);
  });
});

describe('the cost that can be told before', () => {
  const shop = {
    tables: 500,
    rows: 1_000_000_000,
    dataBytes: 200 * GIB,
    loadIntervalMs: 90_000,
    quietCommitMs: 600_000,
  };

  /** The worked month of docs/05-bigquery.md. */
  it('is what the handbook works out', () => {
    const cost = plannedCost(shop);
    const tebibytes = {
      quiet: (4320 * 30 * MIB) / TIB,
      busy: (28_800 * 30 * MIB) / TIB,
      folds: (500 * 120 * 70 * MIB) / TIB,
    };
    expect(cost.quietCommitsUsd).toBeCloseTo(6.25 * tebibytes.quiet, 9);
    expect(cost.busyCommitsUsd).toBeCloseTo(6.25 * tebibytes.busy, 9);
    expect(cost.compactionsUsd).toBeCloseTo(6.25 * tebibytes.folds, 9);
    expect(cost.storageUsd).toBeCloseTo(8, 9);
    expect(cost.firstCopyUsd).toBeCloseTo(6.25 * ((200 * GIB + 500 * 70 * MIB) / TIB), 9);
    expect(plannedCostText(shop)).toContain('at least 8.77 USD while nothing changes');
    expect(plannedCostText(shop)).toContain('it is at least 38.18 USD');
  });

  it('stands in the handbook as it is counted', () => {
    const page = readFileSync('docs/05-bigquery.md', 'utf8');
    const cost = plannedCost(shop);
    const atRest = cost.quietCommitsUsd + cost.storageUsd;
    const busy = cost.busyCommitsUsd + cost.compactionsUsd + cost.storageUsd;
    for (const figure of [...Object.values(cost), atRest, busy])
      expect(page).toContain(`${figure.toFixed(2)} USD`);
    expect(page).toContain(`${LIST_PRICES.usdPerTebibyteRead} USD a TiB read`);
    expect(page).toContain(`${LIST_PRICES.usdPerGibibyteMonth} USD a GiB stored`);
    const above = [
      readingUsd(120 * 50 * GIB),
      storingUsd(30 * 10_000_000 * 500),
      readingUsd(720 * 10 * GIB),
    ];
    for (const figure of above) expect(page).toContain(`| ${figure.toFixed(2)} USD |`);
  });

  it('is next to nothing for an empty source', () => {
    const cost = plannedCost({ ...shop, tables: 0, rows: 0, dataBytes: 0 });
    expect(cost).toMatchObject({ firstCopyUsd: 0, storageUsd: 0, compactionsUsd: 0 });
  });
});
