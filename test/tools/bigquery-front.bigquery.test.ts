import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { QueryJob } from '../../src/bigquery/job.ts';
import { RestBigQuery } from '../../src/bigquery/rest-service.ts';
import { runJob } from '../../src/bigquery/run-job.ts';
import { judgeFailure } from '../../src/errors/policy.ts';
import { BigQueryFront, type FrontOptions } from '../../tools/bigquery-front/bigquery-front.ts';
import type { HttpFault } from '../../tools/bigquery-front/http-fault.ts';

/** Address of an emulator, as `http://127.0.0.1:9050`. */
const ENDPOINT = process.env['SLUICE_TEST_BIGQUERY'] ?? '';
const DATASET = `front_test_${process.pid}`;

const newId = (): string => `front-${randomUUID()}`;
const query = (sql: string): QueryJob => ({ kind: 'query', sql, priority: 'INTERACTIVE' });

/** A front and a client of it. */
class Place implements AsyncDisposable {
  readonly front: BigQueryFront;
  readonly service: RestBigQuery;

  private constructor(front: BigQueryFront) {
    this.front = front;
    this.service = this.at('US');
  }

  static async open(options: FrontOptions = {}): Promise<Place> {
    return new Place(await BigQueryFront.start(ENDPOINT, options));
  }

  at(location: string, timeoutMs?: number): RestBigQuery {
    return new RestBigQuery({
      project: 'demo',
      location,
      endpoint: this.front.endpoint,
      authorization: () => Promise.resolve({}),
      labels: {},
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
  }

  async run(sql: string): Promise<void> {
    await runJob(this.service, newId(), query(sql), 'preparing');
  }

  /** Makes a table and gives its name. */
  async table(columns: string): Promise<string> {
    const name = `t_${randomUUID().replaceAll('-', '_')}`;
    await this.run(`CREATE TABLE \`demo\`.\`${DATASET}\`.\`${name}\` (${columns})`);
    return name;
  }

  async load(table: string, lines: string, id = newId()): Promise<unknown> {
    const file = gzipSync(lines);
    await this.service.submit(id, { kind: 'load', dataset: DATASET, table, file });
    return this.service.outcome(id);
  }

  async described(table: string): Promise<readonly string[]> {
    const path = `bigquery/v2/projects/demo/datasets/${DATASET}/tables/${table}`;
    const answer = await fetch(`${this.front.endpoint}/${path}`);
    const { schema } = (await answer.json()) as {
      readonly schema: { readonly fields: readonly { readonly name: string }[] };
    };
    return schema.fields.map(({ name }) => name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.front[Symbol.asyncDispose]();
  }
}

const named = (table: string): string => `\`demo\`.\`${DATASET}\`.\`${table}\``;

describe.skipIf(ENDPOINT === '')('a front before an emulator', () => {
  let place: Place;
  beforeAll(async () => {
    place = await Place.open();
    await place.service.ensureDataset(DATASET);
  });
  afterAll(() => place[Symbol.asyncDispose]());

  const count = async (table: string): Promise<string | null | undefined> =>
    (await place.service.rows(`SELECT COUNT(*) AS n FROM ${named(table)} AS t`))[0]?.[0];

  it('lets a job be PENDING and RUNNING before it is DONE, a poll each', async () => {
    await using slow = await Place.open({ unfinished: ['PENDING', 'RUNNING', 'RUNNING'] });
    const id = newId();
    expect(await slow.service.submit(id, query('SELECT 1 AS one'))).toBe('submitted');
    const kinds: string[] = [];
    for (let poll = 0; poll < 4; poll += 1)
      kinds.push((await slow.service.outcome(id))?.kind ?? 'unknown');
    expect(kinds).toEqual(['running', 'running', 'done', 'done']);
    expect(await slow.service.submit(id, query('SELECT 1 AS one'))).toBe('duplicate');
  });

  it('carries out a job once, however often it is sent while it is at work', async () => {
    const table = await place.table('id INT64');
    const id = newId();
    const file = gzipSync('{"id": 1}\n');
    const job = { kind: 'load', dataset: DATASET, table, file } as const;
    const sent = await Promise.all([1, 2, 3].map(() => place.service.submit(id, job)));
    expect(sent.sort()).toEqual(['duplicate', 'duplicate', 'submitted']);
    expect(await runJob(place.service, newId(), job, 'loading')).toMatchObject({ rows: 1 });
    expect(await count(table)).toBe('2');
  });

  it('knows a job in its own location alone', async () => {
    const id = newId();
    await place.service.submit(id, query('SELECT 1 AS one'));
    expect(await place.service.outcome(id)).toMatchObject({ kind: 'done' });
    expect(await place.at('EU').outcome(id)).toBeUndefined();
  });

  it.each([
    ['has a field that the table lacks', '{"id": 1, "other": 2}'],
    ['has one within a STRUCT', '{"id": 1, "place": {"x": 1, "y": 2}}'],
    ['lacks a REQUIRED one', '{"note": "a"}'],
    ['has NULL for a REQUIRED one', '{"id": null}'],
    ['holds what its type does not', '{"id": "none"}'],
  ])('takes none of a file in which a row %s, and burns the id', async (_, row) => {
    const table = await place.table('id INT64 NOT NULL, note STRING, place STRUCT<x INT64>');
    const id = newId();
    expect(await place.load(table, `{"id": 1}\n${row}\n`, id)).toMatchObject({
      kind: 'failed',
      error: { reason: 'invalid' },
    });
    expect(await count(table)).toBe('0');
    expect(await place.load(table, '{"id": 1}\n', id)).toMatchObject({ kind: 'failed' });
    expect(await place.load(table, '{"id": 1, "place": {"x": 2}}\n')).toMatchObject({ rows: 1 });
  });

  it('refuses a row of more than 100 MB', async () => {
    const table = await place.table('note STRING');
    const row = `{"note": "${'x'.repeat(100_000_000)}"}\n`;
    expect(await place.load(table, row)).toMatchObject({
      kind: 'failed',
      error: { reason: 'invalid' },
    });
  });

  it('says of a load into a table that is not there that it is not found', async () => {
    expect(await place.load('nobody_made_this', '{"id": 1}\n')).toMatchObject({
      error: { reason: 'notFound' },
    });
  });

  it('decodes the BYTES of a file, also those of a STRUCT', async () => {
    const table = await place.table('id INT64, raw BYTES, place STRUCT<srid INT64, wkb BYTES>');
    const bytes = Buffer.from([0, 1, 0x80, 0xff]).toString('base64');
    await place.load(table, '{"id": 0, "raw": ""}\n');
    const rows = [
      `{"id": 1, "raw": "${bytes}", "place": {"srid": 4326, "wkb": "${bytes}"}}`,
      '{"id": 2}',
    ];
    expect(await place.load(table, `${rows.join('\n')}\n`)).toMatchObject({ rows: 2 });
    const read = `SELECT TO_HEX(t.raw) AS raw, TO_HEX(t.place.wkb) AS wkb, t.place IS NULL AS is_nowhere FROM ${named(table)} AS t ORDER BY t.id`;
    expect(await place.service.rows(read)).toEqual([
      ['', null, 'true'],
      ['000180ff', '000180ff', 'false'],
      [null, null, 'true'],
    ]);
    expect(await place.service.tables(DATASET)).not.toContainEqual(
      expect.stringMatching(/^front_/),
    );
  });

  it('keeps a BIGNUMERIC to the last digit', async () => {
    const table = await place.table('wide BIGNUMERIC');
    const digits = '12345678901234567890123456789012345678.123456789012345678901234567891';
    await place.load(table, `{"wide": "${digits}"}\n`);
    expect(await place.service.rows(`SELECT t.wide FROM ${named(table)} AS t`)).toEqual([[digits]]);
  });

  it('does not know a column for a while after it was added, as its clock goes', async () => {
    let now = 0;
    await using late = await Place.open({ schemaDelayMs: 60_000, nowMs: () => now });
    const table = await late.table('id INT64');
    await late.run(`ALTER TABLE ${named(table)} ADD COLUMN note STRING, ADD COLUMN paid BOOL`);
    now = 59_999;
    expect(await late.described(table)).toEqual(['id']);
    const row = '{"id": 1, "note": "a", "paid": true}\n';
    const load = runJob(
      late.service,
      newId(),
      { kind: 'load', dataset: DATASET, table, file: gzipSync(row) },
      'loading rows of it',
    );
    await expect(load).rejects.toMatchObject({ code: 'bigquery.column-unknown' });
    now = 60_000;
    expect(await late.described(table)).toEqual(['id', 'note', 'paid']);
    expect(await late.load(table, row)).toMatchObject({ kind: 'done', rows: 1 });
  });

  it('has no more than so many loads a day of a table, those that fail among them', async () => {
    let now = 0;
    await using busy = await Place.open({ quotas: { loadsPerDayAndTable: 2 }, nowMs: () => now });
    const table = await busy.table('id INT64');
    expect(await busy.load(table, '{"id": "none"}\n')).toMatchObject({ kind: 'failed' });
    const id = newId();
    expect(await busy.load(table, '{"id": 1}\n', id)).toMatchObject({ kind: 'done' });
    // That this one was taken is what it is told, not that there were too many.
    expect(await busy.load(table, '{"id": 1}\n', id)).toMatchObject({ kind: 'done' });
    const refused = await busy.load(table, '{"id": 2}\n').catch(judgeFailure);
    expect(refused).toMatchObject({ code: 'bigquery.quota-exceeded', outcome: 'retry' });
    now = 86_400_000;
    expect(await busy.load(table, '{"id": 2}\n')).toMatchObject({ kind: 'done' });
  });

  it('has no more than five updates of a table in ten seconds', async () => {
    let now = 0;
    await using busy = await Place.open({
      quotas: { updatesPer10sAndTable: 5 },
      nowMs: () => now,
    });
    const table = await busy.table('id INT64');
    for (let load = 0; load < 4; load += 1) await busy.load(table, '{"id": 1}\n');
    const alter = (): Promise<unknown> =>
      busy.run(`ALTER TABLE ${named(table)} ADD COLUMN IF NOT EXISTS note STRING`);
    await expect(alter()).rejects.toMatchObject({ code: 'bigquery.rate-limited' });
    expect(await busy.load(table, '{"id": 1}\n')).toMatchObject({
      error: { reason: 'rateLimitExceeded' },
    });
    now = 10_000;
    await alter();
  });

  it('rolls back, as BigQuery does, what the emulator would commit', async () => {
    const table = await place.table('id INT64');
    const script = `BEGIN TRANSACTION; INSERT INTO ${named(table)} (id) VALUES (1);`;
    await expect(place.run(script)).rejects.toMatchObject({ code: 'bigquery.statement-refused' });
    expect(await count(table)).toBe('0');
  });

  it.each<[HttpFault, runs: boolean, code: string]>([
    [{ kind: 'cutBefore' }, false, 'bigquery.unreachable'],
    [{ kind: 'cutAfter' }, true, 'bigquery.unreachable'],
    [{ kind: 'lostIn500' }, true, 'bigquery.unreachable'],
    [{ kind: 'slow' }, true, 'bigquery.unreachable'],
    [{ kind: 'answer', status: 429, reason: 'rateLimitExceeded' }, false, 'bigquery.rate-limited'],
  ])('has a request go wrong as it is told: %o', async (fault, runs, code) => {
    await using faulty = await Place.open();
    const faults: (HttpFault | undefined)[] = [fault];
    faulty.front.fault = () => faults.shift();
    const id = newId();
    const client = faulty.at('US', 1_000);
    await expect(client.submit(id, query('SELECT 1 AS one'))).rejects.toMatchObject({ code });
    expect((await client.outcome(id))?.kind).toBe(runs ? 'done' : undefined);
  });
});
