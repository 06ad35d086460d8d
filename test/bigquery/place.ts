import { randomUUID } from 'node:crypto';
import { BigQueryDestination } from '../../src/bigquery/bigquery-destination.ts';
import type { BigQueryContext } from '../../src/bigquery/context.ts';
import { loggedPlans } from '../../src/bigquery/load-plan.ts';
import { bigQueryLayout } from '../../src/bigquery/names.ts';
import { RestBigQuery } from '../../src/bigquery/rest-service.ts';
import { runRepeatable } from '../../src/bigquery/run-script.ts';
import type { SinkBatch } from '../../src/sink/destination.ts';
import type { SinkKillPoint } from '../../src/sink/kill-points.ts';
import { BigQueryFront } from '../../tools/bigquery-front/bigquery-front.ts';
import { MemorySinkLog } from '../sink/memory-sink-log.ts';
import { MemoryStreams } from './memory-streams.ts';
import { SkippingClock } from './skipping-clock.ts';

/** Address of an emulator, as `http://127.0.0.1:9050`. */
export const ENDPOINT = process.env['SLUICE_TEST_BIGQUERY'] ?? '';

interface DescribedTable {
  readonly clustering?: { readonly fields: readonly string[] };
  readonly tableConstraints?: { readonly primaryKey?: { readonly columns: readonly string[] } };
}

export type Rows = readonly (readonly (string | null)[])[];

/** A warehouse before an emulator that refuses what BigQuery refuses; its sinks come and go. */
export class Place implements AsyncDisposable {
  readonly front: BigQueryFront;
  readonly log = new MemorySinkLog();
  readonly #clock: SkippingClock;
  readonly #suffix = randomUUID().replaceAll('-', '_').slice(0, 13);
  /** Of its datasets of views. */
  readonly #shared: string;

  private constructor(front: BigQueryFront, clock: SkippingClock, beside?: Place) {
    this.front = front;
    this.#clock = clock;
    this.#shared = beside ? beside.#shared : this.#suffix;
    this.log.record = { v: 1, warehouse: { id: this.#suffix, state: 'ready' } };
  }

  /** @param beside  a warehouse whose datasets of views this one has as well */
  static async make(clock = new SkippingClock(), beside?: Place): Promise<Place> {
    const front = await BigQueryFront.start(ENDPOINT, { nowMs: clock.nowMs });
    const place = new Place(front, clock, beside);
    await place.sink().create({ warehouseId: place.#suffix });
    return place;
  }

  get service(): RestBigQuery {
    return new RestBigQuery({
      project: 'demo',
      location: 'US',
      endpoint: this.front.endpoint,
      authorization: () => Promise.resolve({}),
      labels: {},
    });
  }

  context(reach: (point: SinkKillPoint) => void = () => {}): BigQueryContext {
    return {
      service: this.service,
      streams: new MemoryStreams(),
      writePath: 'load-jobs',
      pipeline: 'shop',
      sink: 'bq',
      prefix: 'shop',
      layout: bigQueryLayout('demo', this.internal, {
        dataset: `{database}_${this.#shared}`,
        table: '{table}',
      }),
      tables: { labels: {} },
      plans: loggedPlans(this.log),
      compactionPriority: 'INTERACTIVE',
      onRefusedRow: 'stop',
      onRefused: () => {},
      quietCommitMs: 0,
      folding: { minDeltaRows: 0, stateFraction: 0, maxAgeMs: 0, minAgeMs: 0 },
      clock: this.#clock,
      reach,
      signal: new AbortController().signal,
    };
  }

  get internal(): string {
    return `sluice_${this.#suffix}`;
  }

  sink(reach?: (point: SinkKillPoint) => void): BigQueryDestination {
    return new BigQueryDestination(this.context(reach));
  }

  /** A sink of one life: it opens the warehouse and applies, and dies where it is told to. */
  async live(next: SinkBatch, reach?: (point: SinkKillPoint) => void): Promise<void> {
    const sink = this.sink(reach);
    await sink.open();
    await sink.apply(next);
  }

  async fold(reach?: (point: SinkKillPoint) => void): Promise<void> {
    const sink = this.sink(reach);
    await sink.open();
    await sink.compact(Number.POSITIVE_INFINITY);
  }

  /** `{shop}` is the dataset of the views, `{own}` the internal one. */
  sql(text: string): string {
    return text
      .replaceAll('{shop}', `\`demo\`.\`shop_${this.#shared}\``)
      .replaceAll('{own}', `\`demo\`.\`${this.internal}\``);
  }

  rows(sql: string): Promise<Rows> {
    return this.service.rows(this.sql(sql));
  }

  run(sql: string): Promise<void> {
    return runRepeatable(this.context(), { sql: this.sql(sql) }, 'preparing the test');
  }

  async clustering(table: string): Promise<readonly string[]> {
    return (await this.#described(table)).clustering?.fields ?? [];
  }

  /** The primary key that is declared. */
  async key(table: string): Promise<readonly string[]> {
    return (await this.#described(table)).tableConstraints?.primaryKey?.columns ?? [];
  }

  async #described(table: string): Promise<DescribedTable> {
    const path = `bigquery/v2/projects/demo/datasets/${this.internal}/tables/${table}`;
    return (await (await fetch(`${this.front.endpoint}/${path}`)).json()) as DescribedTable;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.front[Symbol.asyncDispose]();
  }
}

/** Throws at its nth arrival at a point. */
export function diesAt(doomed: SinkKillPoint, nth: number): (point: SinkKillPoint) => void {
  let arrivals = 0;
  return (point) => {
    if (point !== doomed) return;
    arrivals += 1;
    if (arrivals === nth) throw new Error('killed');
  };
}
