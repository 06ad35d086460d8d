import { describe, expect, it } from 'vitest';
import {
  advice,
  type CostSettings,
  type DayOfTable,
  monthAtThisPace,
  plannedCost,
  type SinkUsage,
  usdOf,
} from '../../src/bigquery/cost.ts';
import type { TableName } from '../../src/change/table.ts';

const TIB = 2 ** 40;
const MIB = 2 ** 20;
const DAY_MS = 86_400_000;
const ORDERS = 'shop.orders' as TableName;

const settings: CostSettings = { loadIntervalMs: 90_000, compactionIntervalMs: 6 * 3_600_000 };

function day(compactionBytes: number): DayOfTable {
  const counts = { loads: 960, rows: 1, loadedBytes: 1, compactions: 4 };
  return { table: ORDERS, day: '2026-11-22', ...counts, compactionBytes };
}

function usage(overrides: Partial<SinkUsage>): SinkUsage {
  return { days: [], commits: 0, sinceMs: 0, nowMs: DAY_MS, ...overrides };
}

describe('a month at the pace on record', () => {
  it('is thirty times a day of compactions, and 30 MiB for every commit', () => {
    const month = monthAtThisPace(usage({ days: [day(TIB / 60)], commits: 960 }));
    expect(month.compactionBytes).toBeCloseTo(TIB / 2, -1);
    expect(month.commitBytes).toBe(30 * 960 * 30 * MIB);
    expect(month.usd).toBeCloseTo(3.125 + usdOf(30 * 960 * 30 * MIB), 6);
  });

  it('takes the first load for the beginning, however many days were asked for', () => {
    const month = monthAtThisPace(usage({ commits: 1, sinceMs: DAY_MS / 2 }));
    expect(month.commitBytes).toBe(60 * 30 * MIB);
  });

  it('does not multiply a first commit a second ago by two million', () => {
    const month = monthAtThisPace(usage({ commits: 1, sinceMs: DAY_MS - 1000 }));
    expect(month.commitBytes).toBe(720 * 30 * MIB);
  });

  it('is nothing when nothing was loaded', () => {
    expect(monthAtThisPace(usage({ sinceMs: undefined })).usd).toBe(0);
  });
});

describe('what would lower the cost', () => {
  const NOTHING = { compactionBytes: 0, commitBytes: 0, usd: 0 };

  it('is loading less often where commits are the larger part', () => {
    const month = { compactionBytes: 0, commitBytes: TIB, usd: 6.25 };
    expect(advice(month, settings, new Map())).toEqual([
      expect.objectContaining({ setting: 'loadIntervalMs', value: '180000', savesUsd: 3.125 }),
    ]);
  });

  it('is folding less often where compactions are', () => {
    const month = { compactionBytes: TIB, commitBytes: 1, usd: 6.25 };
    expect(advice(month, settings, new Map())).toEqual([
      expect.objectContaining({ setting: 'compactionIntervalMs', value: '43200000' }),
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
    const month = { compactionBytes: TIB / 100, commitBytes: TIB / 100, usd: 0.125 };
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
