import type { ListPrices } from '../control/sink-cost.ts';

/** On demand, before discounts and before the tebibyte a month that every account reads for nothing. */
export const LIST_PRICES: ListPrices = {
  usdPerTebibyteRead: 6.25,
  usdPerGibibyteMonth: 0.02,
  where: 'US',
  source: 'https://cloud.google.com/bigquery/pricing',
  asOf: '2026-02',
};

/** A statement is billed for this much of every table that it reads, however little is in it. */
export const LEAST_READ_BYTES = 10 * 2 ** 20;

/**
 * Reads of a table by the statements of a commit, of a compaction that only inserts, and of the look
 * before it. Written rows are not billed, those that a statement may change are.
 */
export const COMMIT_READS = 3;
export const APPEND_READS = 5;
export const PROBE_READS = 2;

export const DAYS_A_MONTH = 30;

export const readingUsd = (bytes: number): number =>
  (bytes / 2 ** 40) * LIST_PRICES.usdPerTebibyteRead;

export const storingUsd = (bytes: number): number =>
  (bytes / 2 ** 30) * LIST_PRICES.usdPerGibibyteMonth;
