import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LoadBudget } from '../../src/bigquery/load-budget.ts';
import type { TableName } from '../../src/change/table.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const NOW = 1_795_392_000_000;
const tables = (count: number): readonly TableName[] =>
  Array.from({ length: count }, (_, index) => `shop.t${index}` as TableName);

/** Times of the loads when somebody wants to load all the time, at most every `intervalMs`. */
function loadTimes(
  budget: LoadBudget,
  names: readonly TableName[],
  intervalMs: number,
  forMs: number,
): readonly number[] {
  const times: number[] = [];
  for (let nowMs = NOW; nowMs < NOW + forMs; nowMs += intervalMs) {
    nowMs += budget.waitMs(names, nowMs);
    budget.take(names, nowMs);
    times.push(nowMs);
  }
  return times;
}

function mostInADay(times: readonly number[]): number {
  let most = 0;
  let first = 0;
  for (const [index, time] of times.entries()) {
    while ((times[first] ?? time) <= time - DAY_MS) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}

describe('the budget of load jobs', () => {
  it('keeps any interval under 1,500 a day and table', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300_000 }), (intervalMs) => {
        const times = loadTimes(new LoadBudget([], NOW), tables(1), intervalMs, 3 * DAY_MS);
        expect(mostInADay(times)).toBeLessThanOrEqual(1_401);
      }),
      { numRuns: 50 },
    );
  });

  it('never holds back a table that is loaded every 90 seconds', () => {
    const budget = new LoadBudget([], NOW);
    const times = loadTimes(budget, tables(1), 90_000, 3 * DAY_MS);
    expect(times).toHaveLength(3 * 960);
  });

  it('spreads the loads of 500 tables, and never stops for long', () => {
    const times = loadTimes(new LoadBudget([], NOW), tables(500), 90_000, 3 * DAY_MS);
    expect(mostInADay(times) * 500).toBeLessThan(100_000);
    const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(Math.max(...pauses)).toBeLessThan(10 * 60_000);
  });

  it('remembers what an earlier attempt has loaded', () => {
    const [table = '' as TableName] = tables(1);
    const hour = (ago: number, loads: number) => ({ table, endMs: NOW - ago * HOUR_MS, loads });
    expect(new LoadBudget([hour(1, 100)], NOW).waitMs([table], NOW)).toBe(0);
    const spent = new LoadBudget([hour(2, 400), hour(0, 200)], NOW);
    expect(spent.waitMs([table], NOW)).toBeGreaterThan(HOUR_MS);
    expect(spent.waitMs([table], NOW)).toBeLessThan(DAY_MS);
    expect(spent.waitMs(['shop.other' as TableName], NOW)).toBe(0);
  });
});
