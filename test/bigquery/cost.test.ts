import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  advice,
  type CostSettings,
  type DayOfTable,
  LIST_PRICE,
  lookBytes,
  monthAtThisPace,
  plannedCost,
  type SinkUsage,
  storageUsdOf,
  storedBytes,
  usdOf,
} from '../../src/bigquery/cost.ts';
import type { TableName } from '../../src/change/table.ts';
import type { StoredTable } from '../../src/view/stored-table.ts';

const TIB = 2 ** 40;
const MIB = 2 ** 20;
const DAY_MS = 86_400_000;
const ORDERS = 'shop.orders' as TableName;
const NO_TABLES = new Map<TableName, Parameters<typeof lookBytes>[0]>();

const settings: CostSettings = { loadIntervalMs: 90_000, compactionIntervalMs: 6 * 3_600_000 };

function day(compactionBytes: number): DayOfTable {
  const counts = { loads: 960, rows: 1, loadedBytes: 1, streamedBytes: 0, compactions: 4 };
  return { table: ORDERS, day: '2026-11-22', ...counts, compactionBytes };
}

function usage(overrides: Partial<SinkUsage>): SinkUsage {
  return { days: [], commits: 0, sinceMs: 0, nowMs: DAY_MS, ...overrides };
}

/** What the sink knows of a table with one key column. */
function entry(stateRows: number): Parameters<typeof lookBytes>[0] {
  return { table: { key: ['id'] } as unknown as StoredTable, stateRows };
}

describe('a month at the pace on record', () => {
  it('is thirty times a day of compactions with the looks before them, and 30 MiB for every commit', () => {
    const month = monthAtThisPace(usage({ days: [day(TIB / 60)], commits: 960 }), NO_TABLES);
    expect(month.compactionBytes).toBeCloseTo(TIB / 2, -1);
    expect(month.lookBytes).toBe(30 * 4 * 20 * MIB);
    expect(month.commitBytes).toBe(30 * 960 * 30 * MIB);
    expect(month.usd).toBeCloseTo(3.125 + usdOf(30 * (960 * 30 + 4 * 20) * MIB), 6);
  });

  it('has the looks read every key of the state, and nothing else of it', () => {
    expect(lookBytes(entry(1000))).toBe(20 * MIB);
    expect(lookBytes(entry(10_000_000))).toBe(10_000_000 * 8 + 10 * MIB);
    const month = monthAtThisPace(
      usage({ days: [day(0)] }),
      new Map([[ORDERS, entry(10_000_000)]]),
    );
    expect(month.lookBytes).toBe(30 * 4 * lookBytes(entry(10_000_000)));
  });

  it('takes the first load for the beginning, however many days were asked for', () => {
    const month = monthAtThisPace(usage({ commits: 1, sinceMs: DAY_MS / 2 }), NO_TABLES);
    expect(month.commitBytes).toBe(60 * 30 * MIB);
  });

  it('does not multiply a first commit a second ago by two million', () => {
    const month = monthAtThisPace(usage({ commits: 1, sinceMs: DAY_MS - 1000 }), NO_TABLES);
    expect(month.commitBytes).toBe(720 * 30 * MIB);
  });

  it('has what came by stream, beyond the two tebibytes of a month that are free', () => {
    const streamed = (streamedBytes: number) =>
      monthAtThisPace(usage({ days: [{ ...day(0), compactions: 0, streamedBytes }] }), NO_TABLES);
    expect(streamed(TIB / 15)).toMatchObject({
      streamedBytes: expect.closeTo(2 * TIB, -2),
      usd: 0,
    });
    expect(streamed(TIB / 10).usd).toBeCloseTo(1024 * LIST_PRICE.usdPerGibibyteStreamed, 5);
  });

  it('is nothing when nothing was loaded', () => {
    expect(monthAtThisPace(usage({ sinceMs: undefined }), NO_TABLES).usd).toBe(0);
  });
});

describe('what would lower the cost', () => {
  const NOTHING = { compactionBytes: 0, lookBytes: 0, commitBytes: 0, streamedBytes: 0, usd: 0 };

  it('is loading less often where commits are the larger part', () => {
    const month = { ...NOTHING, commitBytes: TIB, usd: 6.25 };
    expect(advice(month, settings, new Map())).toEqual([
      expect.objectContaining({ setting: 'loadIntervalMs', value: '180000', savesUsd: 3.125 }),
    ]);
  });

  it('is folding less often where compactions are', () => {
    const month = { ...NOTHING, compactionBytes: TIB, commitBytes: 1, usd: 6.25 };
    expect(advice(month, settings, new Map())).toEqual([
      expect.objectContaining({ setting: 'compactionIntervalMs', value: '43200000' }),
    ]);
  });

  it('is load jobs where streams have used up what is free', () => {
    const month = { ...NOTHING, streamedBytes: 3 * TIB, usd: 25.6 };
    expect(advice(month, settings, new Map())).toEqual([
      expect.objectContaining({ setting: 'writePath', value: 'load-jobs', savesUsd: 25.6 }),
    ]);
  });

  it('is folding sooner where queries read more changes than rows', () => {
    const reads = new Map([[ORDERS, { now: TIB, latest: TIB / 4 }]]);
    expect(advice(NOTHING, settings, reads)).toEqual([
      expect.objectContaining({ setting: 'compactionIntervalMs', value: '10800000' }),
    ]);
  });

  it('is an expiry of changes where histories are long and none is set', () => {
    const reads = new Map([[ORDERS, { history: TIB }]]);
    const [first] = advice(NOTHING, settings, reads);
    expect(first?.setting).toBe('changesExpireDays');
    expect(advice(NOTHING, { ...settings, changesExpireDays: 400 }, reads)).toEqual([]);
  });

  it('is nothing for cents', () => {
    const month = {
      ...NOTHING,
      compactionBytes: TIB / 100,
      commitBytes: TIB / 100,
      streamedBytes: TIB,
      usd: 0.125,
    };
    expect(advice(month, settings, new Map([[ORDERS, { now: 10, latest: 1 }]]))).toEqual([]);
  });
});

describe('a month before anything has run', () => {
  it('lies between a commit every ten minutes and all rows folded at every turn', () => {
    const size = { tables: 500, dataBytes: 100 * 2 ** 30 };
    const { leastUsd, mostUsd } = plannedCost(size, settings, 600_000);
    expect(leastUsd).toBeCloseTo(usdOf(4_320 * 30 * MIB), 6);
    const folds = 120 * (500 * 70 * MIB + 200 * 2 ** 30);
    expect(mostUsd).toBeCloseTo(usdOf(28_800 * 30 * MIB + folds), 6);
  });
});

describe('what is stored', () => {
  it('is the rows of the last compaction and every change', () => {
    const reads = [{ now: 9, latest: 2, history: 3 }, { history: 4 }, {}];
    expect(storedBytes(reads)).toBe(9);
    expect(storageUsdOf(200 * 2 ** 30)).toBeCloseTo(4, 9);
  });
});

describe('the month of 500 tables in the handbook', () => {
  const page = readFileSync('docs/05-bigquery.md', 'utf8');
  const size = { tables: 500, dataBytes: 100 * 2 ** 30 };
  const month = (dataBytes: number, loadIntervalMs: number): number =>
    plannedCost({ ...size, dataBytes }, { ...settings, loadIntervalMs }, 600_000).mostUsd;
  // What is loaded in a day at the project's quota, by all of the tables.
  const commits = usdOf((85_000 / 500) * 30 * 30 * MIB);
  const least = month(0, 90_000) - usdOf(28_800 * 30 * MIB);
  const most = month(size.dataBytes, 90_000) - month(0, 90_000);

  it.each([
    ['commits', /^\| commits \|.*\| (.*) \|$/m, commits.toFixed(2)],
    [
      'the smallest compactions',
      /^\| compactions, at the least \|.*\| (.*) \|$/m,
      least.toFixed(0),
    ],
    ['the largest', /^\| the same, .*\| and (.*) \|$/m, most.toFixed(0)],
    ['storage', /^\| 100 GiB of state.*\| (.*) \|$/m, storageUsdOf(2 * size.dataBytes).toFixed(0)],
  ])('says of %s what the code counts', (_, row, usd) => {
    expect(row.exec(page)?.[1]).toBe(usd);
    expect(page).toContain(`at ${LIST_PRICE.usdPerGibibyteStored} USD a GiB`);
  });
});
