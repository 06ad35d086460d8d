import type { TableName } from '../change/table.ts';
import { type Allowance, Bucket, DAY_MS } from './allowance.ts';
import type { Budget } from './load-budget.ts';

/** BigQuery makes 10,000 streams an hour for a project in a region, and others may want some. */
const STREAMS: Allowance = { burst: 1_000, perDay: 24 * 8_500 };

/**
 * Keeps new streams under BigQuery's hourly quota: with many busy tables commits come less often.
 * It knows those of one attempt; the first ones of the next may be a thousand more.
 */
export class StreamBudget implements Budget {
  readonly #bucket: Bucket;

  constructor(nowMs: number) {
    this.#bucket = new Bucket(STREAMS, nowMs - DAY_MS);
  }

  waitMs(tables: readonly TableName[], nowMs: number): number {
    return this.#bucket.waitMs(tables.length, nowMs);
  }

  take(tables: readonly TableName[], nowMs: number): void {
    this.#bucket.take(tables.length, nowMs);
  }
}
