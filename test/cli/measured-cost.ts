import { LIST_PRICES } from '../../src/bigquery/list-prices.ts';
import type { MeasuredCost, Usage } from '../../src/control/sink-cost.ts';

const MIB = 2 ** 20;
const DAY_MS = 86_400_000;

const usage = (times: number): Usage => ({
  loads: 10 * times,
  rows: 1000 * times,
  fileBytes: times * MIB,
  compactions: times,
  compactedBytes: 50 * times * MIB,
  probedBytes: 20 * times * MIB,
});

/** A week of so many tables, `shop.t1` the dearest; the first 20 are estimated, of `shop.t2` a view is gone. */
export function aMeasuredCost(tables: number): MeasuredCost {
  const untilMs = Date.UTC(2026, 10, 23, 12);
  return {
    kind: 'measured',
    sinceMs: Date.UTC(2026, 10, 17),
    untilMs,
    recordedDays: 6.5,
    tables: Array.from({ length: tables }, (_, index) => ({
      table: `shop.t${index + 1}`,
      usage: usage(tables - index),
      days: [
        { day: '2026-11-22', ...usage(1) },
        { day: '2026-11-23', ...usage(tables - index - 1) },
      ],
      usdAMonth: tables - index,
      ...(index < 20
        ? {
            reads: [
              { suffix: '', bytes: 3 * MIB },
              { suffix: '__latest', bytes: 2 * MIB },
              ...(index === 1 ? [] : [{ suffix: '__history', bytes: 1500 * MIB }]),
              { suffix: '__as_of', bytes: 4 * MIB },
            ],
          }
        : {}),
    })),
    days: [new Date(untilMs - DAY_MS), new Date(untilMs)].map((at) => ({
      day: at.toISOString().slice(0, 10),
      commits: 960,
      ...usage(2),
    })),
    total: usage(4),
    commits: 1920,
    commitBytes: 57_600 * MIB,
    storedBytes: 2048 * MIB,
    month: { commitsUsd: 1.5, compactionsUsd: 325, storageUsd: 0.04, totalUsd: 326.54 },
    hints: [{ item: 'commits', setting: 'loadIntervalMs: 180000', effect: 'half as many' }],
    prices: LIST_PRICES,
  };
}
