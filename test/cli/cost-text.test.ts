import { describe, expect, it } from 'vitest';
import { costText } from '../../src/cli/cost-text.ts';
import { aMeasuredCost } from './measured-cost.ts';

const all = { table: undefined, most: 20 };
const text = (tables: number, shown: Parameters<typeof costText>[2] = all): string =>
  costText({ sink: 'warehouse', cost: aMeasuredCost(tables) }, 7, shown);

describe('the cost of a sink, as a person reads it', () => {
  it('is by table, by day, by view and by month', () => {
    expect(text(2)).toBe(
      `Sink warehouse, 2026-11-17 to 2026-11-23 in UTC: 6.5 days on record

TABLE    JOBS   ROWS  LOADED MiB  COMPACTIONS  BILLED MiB  LOOKS MiB  USD A MONTH
shop.t1    20  2,000         2.0            2       100.0       40.0         2.00
shop.t2    10  1,000         1.0            1        50.0       20.0         1.00
total      40  4,000         4.0            4       200.0       80.0       325.00

DAY         COMMITS  JOBS   ROWS  LOADED MiB  COMPACTIONS  BILLED MiB  LOOKS MiB
2026-11-22      960    20  2,000         2.0            2       100.0       40.0
2026-11-23      960    20  2,000         2.0            2       100.0       40.0
total         1,920    40  4,000         4.0            4       200.0       80.0

SELECT * READS, MiB AT MOST  plain  __latest  __history  __as_of
shop.t1                        3.0       2.0  1,500.0        4.0
shop.t2                        3.0       2.0  no view        4.0

A MONTH AT THIS PACE     USD  OF
loading                 0.00  free
commits                 1.50  1,920 commits, about 57,600.0 MiB
compactions           325.00  200.0 MiB billed, and about 80.0 MiB for the looks before them
storage                 0.04  2,048.0 MiB in state and changelog of 2 of 2 tables
total                 326.54  without the queries of people
List prices, US, 2026-02: 6.25 USD a TiB read, 0.02 USD a GiB stored for a month; the free TiB a month of every account is not taken off. https://cloud.google.com/bigquery/pricing

WHAT WOULD LOWER IT
  commits: loadIntervalMs: 180000
      half as many`,
    );
  });

  it('shows the dearest tables, and says how many more there are', () => {
    expect(text(25)).toContain('(and 5 cheaper tables; --all shows them)');
    expect(text(25)).not.toContain('shop.t21');
    expect(text(25, { table: undefined, most: Infinity })).toContain('shop.t25');
    expect(text(25, { table: undefined, most: Infinity })).not.toContain('cheaper');
  });

  it('is day by day for one table', () => {
    const one = text(2, { table: 'shop.t1', most: 20 });
    expect(one).toContain('2026-11-22    10  1,000');
    expect(one).toContain('shop.t1: 2.00 USD a month for compactions at this pace');
    expect(one).not.toContain('shop.t2');
  });

  it('says that a table is not on record', () => {
    expect(text(2, { table: 'shop.none', most: 20 })).toContain('Nothing of shop.none was loaded');
  });

  it.each([
    ['nothingLoaded' as const, 'Sink warehouse has loaded nothing yet'],
    ['quiet' as const, 'Sink warehouse has loaded nothing in 7 days'],
  ])('is one sentence for %s', (kind, sentence) => {
    expect(costText({ sink: 'warehouse', cost: { kind } }, 7, all)).toContain(sentence);
  });

  it('calls a pace of less than a day none', () => {
    const cost = { ...aMeasuredCost(1), recordedDays: 0.4 };
    expect(costText({ sink: 'warehouse', cost }, 7, all)).toContain('Less than a day is on record');
  });
});
