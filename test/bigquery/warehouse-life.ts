import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BigQueryDestination } from '../../src/bigquery/bigquery-destination.ts';
import { askGoogle } from '../../src/bigquery/google-answer.ts';
import type { LoadJob } from '../../src/bigquery/job.ts';
import { loggedPlans } from '../../src/bigquery/load-plan.ts';
import { type BigQueryLayout, bigQueryLayout } from '../../src/bigquery/names.ts';
import { RestBigQuery } from '../../src/bigquery/rest-service.ts';
import { runJob } from '../../src/bigquery/run-job.ts';
import type { ColumnValue } from '../../src/change/column-value.ts';
import type { ColumnType, TableName } from '../../src/change/table.ts';
import { judgeFailure } from '../../src/errors/policy.ts';
import { type Clock, systemClock } from '../../src/sink/clock.ts';
import type { SinkBatch } from '../../src/sink/destination.ts';
import { batch, change, integer, rowsOf, schemaOf, seqAt, varchar } from '../duckdb/warehouse.ts';
import { MemorySinkLog } from '../sink/memory-sink-log.ts';
import { MemoryStreams } from './memory-streams.ts';

/** A BigQuery that a warehouse lives in for a while. */
export interface LifeAt {
  readonly project: string;
  readonly location: string;
  /** Without a path. */
  readonly endpoint: string;
  readonly authorization: () => Promise<Readonly<Record<string, string>>>;
  /** The real one when absent. */
  readonly clock?: Clock;
}

type Rows = readonly (readonly (string | null)[])[];

/** What is made can at most be forgotten for a day. */
const TABLE_LIFE_MS = 86_400_000;
const RETRY_MS = 5_000;
const MOST_ATTEMPTS = 12;

class Life {
  readonly service: RestBigQuery;
  readonly layout: BigQueryLayout;
  readonly #at: LifeAt;
  readonly #name = `sluice_smoke_${randomUUID().replaceAll('-', '_')}`;
  readonly #log = new MemorySinkLog();
  readonly #destination: BigQueryDestination;

  constructor(at: LifeAt) {
    this.#at = at;
    this.service = new RestBigQuery({ ...at, labels: { made_by: 'sluice_smoke' } });
    this.layout = bigQueryLayout(at.project, this.#name, {
      dataset: `${this.#name}_{database}`,
      table: '{table}',
    });
    this.#log.record = { v: 1, warehouse: { id: this.#name, state: 'ready' } };
    this.#destination = this.#newDestination();
  }

  get datasets(): readonly [internal: string, views: string] {
    return [this.#name, `${this.#name}_shop`];
  }

  async make(): Promise<void> {
    for (const datasetId of this.datasets) {
      const { project: projectId, location } = this.#at;
      const made = await this.#ask('datasets', {
        datasetReference: { projectId, datasetId },
        location,
        defaultTableExpirationMs: String(TABLE_LIFE_MS),
      });
      expect(made).toMatchObject({ kind: 'given' });
    }
    await this.#destination.create({ warehouseId: this.#name });
  }

  /** All of them are tried, also when one cannot be dropped. */
  async drop(): Promise<void> {
    const headers = await this.#at.authorization();
    const answers = await Promise.all(
      this.datasets.map((dataset) =>
        fetch(`${this.#url(`datasets/${dataset}`)}?deleteContents=true`, {
          method: 'DELETE',
          headers,
        }),
      ),
    );
    expect(answers.map(({ ok }) => ok)).toEqual([true, true]);
  }

  /** As a sink does it: after what may pass by itself it opens the warehouse again. */
  async apply(next: SinkBatch): Promise<void> {
    const until = next.cut?.commitOrdinal ?? 0;
    await this.#untilDone(async () => {
      const state = await this.#destination.open();
      if ((state?.cut?.commitOrdinal ?? 0) < until) await this.#destination.apply(next);
    });
  }

  async fold(): Promise<void> {
    await this.#untilDone(async () => {
      await this.#destination.open();
      await this.#destination.compact(Number.POSITIVE_INFINITY);
    });
  }

  /** `{shop}` is the dataset of the views, `{own}` the internal one. */
  rows(sql: string): Promise<Rows> {
    const [internal, views] = this.datasets.map((name) => `\`${this.#at.project}\`.${name}`);
    return this.service.rows(
      sql.replaceAll('{shop}', String(views)).replaceAll('{own}', String(internal)),
    );
  }

  /** Runs one statement under an id of its own. */
  async run(sql: string): Promise<void> {
    const job = {
      kind: 'query',
      priority: 'INTERACTIVE',
      sql: sql.replaceAll('{own}', `\`${this.#at.project}\`.${this.#name}`),
    } as const;
    await runJob(this.service, `sluice-smoke-${randomUUID()}`, job, 'preparing the test');
  }

  #newDestination(): BigQueryDestination {
    return new BigQueryDestination({
      service: this.service,
      streams: new MemoryStreams(),
      writePath: 'load-jobs',
      pipeline: 'shop',
      sink: 'smoke',
      prefix: 'shop',
      layout: this.layout,
      tables: { labels: {} },
      plans: loggedPlans(this.#log),
      compactionPriority: 'INTERACTIVE',
      onRefusedRow: 'stop',
      onRefused: () => {},
      quietCommitMs: 0,
      folding: { minDeltaRows: 0, stateFraction: 0, maxAgeMs: 0, minAgeMs: 0 },
      clock: this.#at.clock ?? systemClock,
      reach: () => {},
      signal: new AbortController().signal,
    });
  }

  async #untilDone(step: () => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt += 1)
      try {
        await step();
        return;
      } catch (error) {
        if (attempt === MOST_ATTEMPTS || judgeFailure(error).outcome !== 'retry') throw error;
        await sleep(RETRY_MS);
      }
  }

  async #ask(path: string, body: unknown): Promise<unknown> {
    return askGoogle({ url: this.#url(path), headers: await this.#at.authorization(), body });
  }

  #url(path: string): string {
    return `${this.#at.endpoint}/bigquery/v2/projects/${this.#at.project}/${path}`;
  }
}

const ORDERS = schemaOf('shop.orders', [
  ['id', integer],
  ['note', varchar],
]);
const WIDER = schemaOf('shop.orders', [
  ['id', { kind: 'decimal', precision: 12, scale: 2 }],
  ['note', varchar],
  ['paid', { kind: 'bit', bits: 1 }],
]);

const ORDERS_NAME = 'shop.orders' as TableName;

const CURRENT = 'SELECT o.id, o.note FROM {shop}.orders AS o ORDER BY o.id';
const LATEST = 'SELECT o.id, o.note FROM {shop}.orders__latest AS o ORDER BY o.id';

/** Each type with a value that is easily spoilt, and its text in SQL. */
const VALUES: readonly (readonly [name: string, ColumnType, ColumnValue, text: string])[] = [
  [
    'c_big',
    { kind: 'integer', bytes: 8, unsigned: true },
    18446744073709551615n,
    '18446744073709551615',
  ],
  ['c_small', integer, -9223372036854775808n, '-9223372036854775808'],
  [
    'c_decimal',
    { kind: 'decimal', precision: 20, scale: 4 },
    '-1234567890123456.7891',
    '-1234567890123456.7891',
  ],
  ['c_double', { kind: 'double' }, 0.1, '0.1'],
  ['c_flag', { kind: 'bit', bits: 1 }, true, 'true'],
  ['c_day', { kind: 'date' }, 2932896, '9999-12-31'],
  ['c_text', varchar, 'a"\\\n€😀', 'a"\\\n€😀'],
];

/** A NUMERIC without the zeros that an emulator fills its scale with. */
const withoutZeros = (row: readonly (string | null)[]): readonly (string | null)[] =>
  row.map((text) => text?.replace(/^(-?\d+(?:\.\d*[1-9])?)\.?0*$/, '$1') ?? null);

/**
 * A whole life of a warehouse, from its making on; the tests of one run need those before them.
 * Everything is in two datasets of its own, which are dropped behind it.
 *
 * @param further  adds tests of what is there then
 */
export function describeWarehouseLife(
  title: string,
  at: () => Promise<LifeAt>,
  further: (alive: () => Life) => void = () => {},
): void {
  let life: Life | undefined;
  const alive = (): Life => {
    if (life) return life;
    throw new Error('the warehouse was not made');
  };

  describe(title, () => {
    beforeAll(async () => {
      life = new Life(await at());
      await life.make();
    });
    afterAll(() => life?.drop());

    it('shows what was inserted, updated and deleted', async () => {
      const first = [
        change(ORDERS, 'c', [1n, 'a'], 1, 1),
        change(ORDERS, 'c', [2n, 'b'], 1, 2),
        change(ORDERS, 'c', [3n, 'c'], 1, 3),
      ];
      await alive().apply(batch(1, [rowsOf(ORDERS, first)]));
      const second = [change(ORDERS, 'u', [1n, 'a2'], 2, 1), change(ORDERS, 'd', [2n, 'b'], 2, 2)];
      await alive().apply(batch(2, [rowsOf(ORDERS, second)]));
      expect(await alive().rows(CURRENT)).toEqual([
        ['1', 'a2'],
        ['3', 'c'],
      ]);
    });

    it('folds the changes and shows the same', async () => {
      const before = await alive().rows(CURRENT);
      await alive().fold();
      expect(await alive().rows(CURRENT)).toEqual(before);
      expect(await alive().rows(LATEST)).toEqual(before);
    });

    it('tells history, and the rows as of a time', async () => {
      const history =
        'SELECT h.id, h.note, h.valid_to IS NULL AS is_current FROM {shop}.orders__history AS h ORDER BY h.id, h.valid_from';
      expect(await alive().rows(history)).toEqual([
        ['1', 'a', 'false'],
        ['1', 'a2', 'true'],
        ['2', 'b', 'false'],
        ['3', 'c', 'true'],
      ]);
      const asOf = `SELECT o.id, o.note FROM {shop}.orders__as_of(TIMESTAMP '2026-11-23 00:00:01.500+00') AS o ORDER BY o.id`;
      expect(await alive().rows(asOf)).toEqual([
        ['1', 'a'],
        ['2', 'b'],
        ['3', 'c'],
      ]);
    });

    it('takes a new column and a wider one, and folds what came under both', async () => {
      const added = change(WIDER, 'c', ['4.25', 'd', true], 3);
      await alive().apply(batch(3, [rowsOf(WIDER, [added])]));
      const both =
        'SELECT CAST(o.id * 100 AS INT64) AS cents, o.note, o.paid FROM {shop}.orders AS o ORDER BY o.id';
      const expected = [
        ['100', 'a2', null],
        ['300', 'c', null],
        ['425', 'd', 'true'],
      ];
      expect(await alive().rows(both)).toEqual(expected);
      await alive().fold();
      expect(await alive().rows(both)).toEqual(expected);
    });

    it('keeps values exact', async () => {
      const schema = schemaOf('shop.exact', [
        ['id', integer],
        ...VALUES.map(([name, type]) => [name, type] as const),
      ]);
      const values = [1n, ...VALUES.map(([, , value]) => value)];
      await alive().apply(batch(4, [rowsOf(schema, [change(schema, 'c', values, 4)])]));
      const compared = VALUES.map(([name]) => `CAST(o.${name} AS STRING) AS ${name}`).join(', ');
      const exact = `SELECT ${compared} FROM {shop}.exact AS o`;
      const texts = [VALUES.map(([, , , text]) => text)];
      expect((await alive().rows(exact)).map(withoutZeros)).toEqual(texts);
      await alive().fold();
      expect((await alive().rows(exact)).map(withoutZeros)).toEqual(texts);
    });

    it('is empty after TRUNCATE, while the history stays', async () => {
      const truncate = batch(5, [], [{ kind: 'truncate', seq: seqAt(5), table: ORDERS_NAME }]);
      await alive().apply(truncate);
      expect(await alive().rows('SELECT COUNT(*) AS c FROM {shop}.orders AS o')).toEqual([['0']]);
      const versions = 'SELECT COUNT(*) AS c FROM {shop}.orders__history AS h';
      expect(await alive().rows(versions)).toEqual([['5']]);
    });

    it('says where each table stands', async () => {
      const status =
        'SELECT s.table_name, s.status, s.commit_ordinal FROM {own}._cdc_status AS s ORDER BY s.table_name';
      expect(await alive().rows(status)).toEqual([
        ['shop.exact', 'consistent', '5'],
        ['shop.orders', 'consistent', '5'],
      ]);
    });

    it('takes a job id once, burns it when the job fails, and goes on under the next', async () => {
      const { service, layout } = alive();
      await alive().run('CREATE TABLE {own}.burnt (id INT64)');
      const load = (lines: string): LoadJob => {
        const file = gzipSync(lines);
        return { kind: 'load', dataset: layout.internal, table: 'burnt', file };
      };
      const id = `sluice-smoke-${randomUUID()}`;
      const bad = load('{"id": "none"}\n');
      await expect(runJob(service, id, bad, 'loading a bad row')).rejects.toMatchObject({
        code: 'bigquery.value-refused',
      });
      expect(await service.outcome(`${id}-a1`)).toMatchObject({ kind: 'failed' });
      expect(await service.submit(`${id}-a1`, bad)).toBe('duplicate');
      const good = load('{"id": 1}\n{"id": 2}\n');
      expect(await runJob(service, id, good, 'loading')).toMatchObject({ rows: 2 });
      expect(await runJob(service, id, good, 'loading')).toMatchObject({ rows: 2 });
      expect(await service.submit(`${id}-a2`, good)).toBe('duplicate');
      expect(await alive().rows('SELECT COUNT(*) AS c FROM {own}.burnt AS b')).toEqual([['2']]);
    });

    further(alive);
  });
}
