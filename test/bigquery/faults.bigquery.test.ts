import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BigQueryDestination } from '../../src/bigquery/bigquery-destination.ts';
import { loggedPlans } from '../../src/bigquery/load-plan.ts';
import { bigQueryLayout } from '../../src/bigquery/names.ts';
import { RestBigQuery } from '../../src/bigquery/rest-service.ts';
import type { TableSchema } from '../../src/change/table.ts';
import { type FailureVerdict, judgeFailure } from '../../src/errors/policy.ts';
import type { ChangeRow, SinkBatch } from '../../src/sink/destination.ts';
import {
  BigQueryFront,
  type FrontOptions,
  type HttpFault,
} from '../../tools/bigquery-front/bigquery-front.ts';
import { batch, change, integer, rowsOf, schemaOf, varchar } from '../duckdb/warehouse.ts';
import { MemorySinkLog } from '../sink/memory-sink-log.ts';
import { MemoryStreams } from './memory-streams.ts';
import { SkippingClock } from './skipping-clock.ts';

/** Address of an emulator, as `http://127.0.0.1:9050`. */
const ENDPOINT = process.env['SLUICE_TEST_BIGQUERY'] ?? '';
/** Each kind of fault meets every so many-th request: 1 is every one, which takes minutes. */
const STRIDE = Number(process.env['SLUICE_TEST_FAULT_STRIDE'] ?? 5);
const MATRIX_TEST_MS = 1_200_000 / STRIDE;
/** Above what the emulator takes, below what a test can wait for. */
const TIMEOUT_MS = 2_000;

const answer = (status: number, reason: string): HttpFault => ({ kind: 'answer', status, reason });
const FAULTS: readonly (readonly [title: string, fault: HttpFault])[] = [
  ['is cut before it is carried out', { kind: 'cutBefore' }],
  ['is cut after it was carried out', { kind: 'cutAfter' }],
  ['is carried out and answered 500', { kind: 'lostIn500' }],
  ['is carried out and not answered in time', { kind: 'slow' }],
  ['is answered 500', answer(500, 'internalError')],
  ['is answered 503', answer(503, 'backendError')],
  ['is answered 429', answer(429, 'rateLimitExceeded')],
  ['is answered 403 rateLimitExceeded', answer(403, 'rateLimitExceeded')],
  ['is answered 403 quotaExceeded', answer(403, 'quotaExceeded')],
];

type Rows = readonly (readonly (string | null)[])[];

/** A table of which every commit adds a column. */
const schemaAt = (commit: number): TableSchema =>
  schemaOf('shop.orders', [
    ['id', integer],
    ['note', varchar],
    ...Array.from({ length: commit }, (_, index) => [`c${index + 1}`, integer] as const),
  ]);

/** What commit `n` does: a row comes with a value in the new column, one changes, one goes. */
function changesAt(n: number): readonly ChangeRow[] {
  const schema = schemaAt(n);
  const row = (id: number, note: string, newest: bigint | null) => [
    BigInt(id),
    note,
    ...Array.from({ length: n }, (_, index) => (index + 1 === n ? newest : null)),
  ];
  return [
    change(schema, 'c', row(n, 'new', BigInt(n * 10)), n, 1),
    ...(n > 1 ? [change(schema, 'u', row(n - 1, 'changed', null), n, 2)] : []),
    ...(n > 2 ? [change(schema, 'd', row(n - 2, 'changed', null), n, 3)] : []),
  ];
}

const batchAt = (n: number): SinkBatch => batch(n, [rowsOf(schemaAt(n), changesAt(n))]);

let warehouses = 0;

/** A warehouse that outlives the sessions of its sink. */
class Sink implements AsyncDisposable {
  readonly front: BigQueryFront;
  requests = 0;
  /** Of the request that has this number from now on. */
  readonly faults = new Map<number, HttpFault>();
  readonly #log = new MemorySinkLog();
  readonly #suffix: string;

  readonly #clock: SkippingClock;

  private constructor(front: BigQueryFront, clock: SkippingClock) {
    this.#clock = clock;
    warehouses += 1;
    this.#suffix = `f${process.pid}_${warehouses}`;
    this.front = front;
    front.fault = () => {
      this.requests += 1;
      return this.faults.get(this.requests);
    };
    this.#log.record = { v: 1, warehouse: { id: this.#suffix, state: 'ready' } };
  }

  static async make(options: FrontOptions = {}): Promise<Sink> {
    const clock = new SkippingClock();
    const front = await BigQueryFront.start(ENDPOINT, { nowMs: clock.nowMs, ...options });
    const sink = new Sink(front, clock);
    await sink.destination().create({ warehouseId: sink.#suffix });
    return sink;
  }

  /** Has the `nth` request from here on go wrong. */
  failAt(nth: number, fault: HttpFault): void {
    this.requests = 0;
    this.faults.clear();
    this.faults.set(nth, fault);
  }

  /** Of a worker that begins. */
  destination(timeoutMs?: number): BigQueryDestination {
    return new BigQueryDestination({
      service: this.#service(timeoutMs),
      streams: new MemoryStreams(),
      writePath: 'load-jobs',
      pipeline: 'shop',
      sink: 'bq',
      prefix: 'shop',
      layout: bigQueryLayout('demo', `sluice_${this.#suffix}`, {
        dataset: `{database}_${this.#suffix}`,
        table: '{table}',
      }),
      tables: { labels: {} },
      plans: loggedPlans(this.#log),
      compactionPriority: 'INTERACTIVE',
      onRefusedRow: 'stop',
      onRefused: () => {},
      quietCommitMs: 0,
      folding: { minDeltaRows: 0, stateFraction: 0, maxAgeMs: 0, minAgeMs: 0 },
      clock: this.#clock,
      reach: () => {},
      signal: new AbortController().signal,
    });
  }

  /** One worker's life: it opens the warehouse, makes commit `n` unless it is there, and folds. */
  async session(n: number, timeoutMs?: number): Promise<void> {
    // Sessions are as far apart as BigQuery counts changes of a table.
    await this.#clock.sleep(10_000);
    const destination = this.destination(timeoutMs);
    const state = await destination.open();
    if ((state?.cut?.commitOrdinal ?? 0) < n)
      expect(await destination.apply(batchAt(n))).toEqual([]);
    await destination.compact(Number.POSITIVE_INFINITY);
    await destination.close();
  }

  /** As often as it takes; the failures of those that went wrong. */
  async sessionsUntilDone(n: number, timeoutMs?: number): Promise<readonly FailureVerdict[]> {
    const failures: FailureVerdict[] = [];
    for (;;)
      try {
        await this.session(n, timeoutMs);
        return failures;
      } catch (error) {
        const failure = judgeFailure(error);
        expect(failure).toMatchObject({ outcome: 'retry' });
        failures.push(failure);
        expect(failures.length).toBeLessThan(10);
      }
  }

  rows(sql: string): Promise<Rows> {
    return this.#service().rows(sql.replaceAll('{shop}', `demo.shop_${this.#suffix}`));
  }

  /** Everything of commits 1 to `last`, and nothing twice. */
  async expectAll(last: number): Promise<void> {
    this.faults.clear();
    const commits = Array.from({ length: last }, (_, index) => index + 1);
    const sequences = commits.flatMap((n) => changesAt(n).map(({ seq }) => [seq]));
    const loaded = 'SELECT c._cdc.seq AS seq FROM {shop}.orders__changes AS c ORDER BY c._cdc.seq';
    expect(await this.rows(loaded)).toEqual(sequences);
    // All but the last two are gone; a change does not know the value it had in a column before.
    const shown = last > 1 ? [[String(last - 1), 'changed', null]] : [];
    const newest = [String(last), 'new', String(last * 10)];
    for (const suffix of ['', '__latest']) {
      const view = `SELECT o.id, o.note, o.c${last} FROM {shop}.orders${suffix} AS o ORDER BY o.id`;
      expect(await this.rows(view)).toEqual([...shown, newest]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.front[Symbol.asyncDispose]();
  }

  #service(timeoutMs?: number): RestBigQuery {
    return new RestBigQuery({
      project: 'demo',
      location: 'US',
      endpoint: this.front.endpoint,
      authorization: () => Promise.resolve({}),
      labels: {},
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
  }
}

/** Of a session that goes well, with a new column, a load and a fold. */
async function requestsOfSession(sink: Sink, n: number): Promise<number> {
  sink.requests = 0;
  await sink.session(n);
  return sink.requests;
}

describe.skipIf(ENDPOINT === '')('a sink into BigQuery', () => {
  describe('whose requests go wrong', () => {
    let sink: Sink;
    /** Of one session that goes well, with a new column, a load and a fold. */
    let requests: number;
    let commits = 3;
    beforeAll(async () => {
      sink = await Sink.make();
      await sink.session(1);
      requests = await requestsOfSession(sink, 2);
      expect(await requestsOfSession(sink, 3)).toBe(requests);
    });
    afterAll(() => sink[Symbol.asyncDispose]());

    it.each(FAULTS)(
      `has every change once when a request %s, ${STRIDE === 1 ? 'whichever it is' : `at every ${STRIDE}th request, another one for each kind`}`,
      async (_, fault) => {
        const kind = FAULTS.findIndex(([, candidate]) => candidate === fault);
        for (let nth = 1 + (kind % STRIDE); nth <= requests; nth += STRIDE) {
          commits += 1;
          sink.failAt(nth, fault);
          const timeoutMs = fault.kind === 'slow' ? TIMEOUT_MS : undefined;
          expect(await sink.sessionsUntilDone(commits, timeoutMs)).not.toEqual([]);
        }
        await sink.expectAll(commits);
      },
      MATRIX_TEST_MS,
    );
  });

  it('waits for jobs that are under way, also for those of a session that has ended', async () => {
    await using sink = await Sink.make({ unfinished: ['PENDING', 'RUNNING'] });
    await sink.session(1);
    const count = await requestsOfSession(sink, 2);
    sink.failAt(Math.ceil(count / 2), { kind: 'cutAfter' });
    expect(await sink.sessionsUntilDone(3)).toHaveLength(1);
    await sink.expectAll(3);
  });

  it('loads again when BigQuery has learnt of a new column, and stops no table until then', async () => {
    let now = 0;
    await using sink = await Sink.make({ schemaDelayMs: 60_000, nowMs: () => now });
    await sink.session(1);
    for (let attempt = 0; attempt < 2; attempt += 1)
      await expect(sink.session(2)).rejects.toMatchObject({ code: 'bigquery.column-unknown' });
    now = 60_000;
    await sink.session(2);
    await sink.expectAll(2);
  });

  it('goes on where it was when a quota of the day is there again', async () => {
    let now = 0;
    await using sink = await Sink.make({ quotas: { loadsPerDayAndTable: 1 }, nowMs: () => now });
    await sink.session(1);
    for (let attempt = 0; attempt < 2; attempt += 1)
      await expect(sink.session(2)).rejects.toMatchObject({ code: 'bigquery.quota-exceeded' });
    now = 86_400_000;
    await sink.session(2);
    await sink.expectAll(2);
  });

  it('changes no table faster than BigQuery lets it, in a commit, its columns and its fold', async () => {
    let now = 0;
    await using sink = await Sink.make({ nowMs: () => now });
    for (let n = 1; n <= 4; n += 1) {
      await sink.session(n);
      now += 10_000;
    }
    await sink.expectAll(4);
  });
});
