import { readFile, writeFile } from 'node:fs/promises';
import type { RowDataPacket } from 'mysql2/promise';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { eventually, type ShopPipeline } from '../../demo/shop-pipeline.ts';
import { sluice } from '../../demo/worker-process.ts';
import { RestBigQuery } from '../../src/bigquery/rest-service.ts';
import type { TableComments } from '../../src/change/table.ts';
import { SINK_KILL_POINTS } from '../../src/sink/kill-points.ts';
import type { PipelineView } from '../../src/temporal/pipeline-view.ts';
import { BigQueryFront } from '../../tools/bigquery-front/bigquery-front.ts';
import {
  diesAt,
  dyingAt,
  givenServers,
  openShop,
  SOON_MS,
  STACK_TEST_MS,
  writeTo,
} from '../support/shop-harness.ts';

const EMULATOR = process.env['SLUICE_TEST_BIGQUERY'] ?? '';
/** Commits that BigQuery misses: about 10 s of them, at 36,000 ten minutes. */
const OUTAGE_COMMITS = Number(process.env['SLUICE_TEST_OUTAGE_COMMITS'] ?? 600);
const STREAMS = process.env['SLUICE_TEST_BIGQUERY_STORAGE'] ?? '';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

const PATHS = STREAMS === '' ? ['load-jobs'] : ['load-jobs', 'storage-write'];

/** A shop whose only sink is BigQuery, and somebody who asks it in SQL. */
interface BigQueryShop extends AsyncDisposable {
  readonly shop: ShopPipeline;
  readonly front: BigQueryFront;
  /** `{shop}` is the dataset of the views, `{own}` the internal one. */
  readonly rows: (sql: string) => Promise<readonly (readonly (string | null)[])[]>;
}

async function openBigQueryShop(writePath = 'load-jobs'): Promise<BigQueryShop> {
  await using scope = new AsyncDisposableStack();
  const front = scope.use(await BigQueryFront.start(EMULATOR));
  const { shop } = scope.use(await openShop({ scale: 0.02 }));
  const pipeline = parse(await readFile(shop.file, 'utf8')) as Record<string, unknown>;
  const sink = {
    kind: 'bigquery',
    project: 'demo',
    location: 'US',
    endpoint: front.endpoint,
    writePath,
    ...(writePath === 'storage-write' ? { storageEndpoint: STREAMS } : {}),
    loadIntervalMs: 1_000,
  };
  await writeFile(shop.file, stringify({ ...pipeline, sinks: { warehouse: sink } }));
  await shop.run(
    `CREATE TABLE ledger (id BIGINT UNSIGNED PRIMARY KEY COMMENT 'of "whom"', note VARCHAR(80), amount DECIMAL(12,2),
      at DATETIME(6), day DATE, flag BIT(1), doc JSON) COMMENT = 'what\\'s owed'`,
    `INSERT INTO ledger WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 700)
      SELECT 18446744073709551615 - n, CONCAT('row "', n, '" ü\\n'), n / 7, NOW(6) + INTERVAL n SECOND, '2026-01-01' + INTERVAL n DAY,
        n % 2, JSON_OBJECT('n', n) FROM n`,
  );
  const service = new RestBigQuery({
    project: 'demo',
    location: 'US',
    endpoint: front.endpoint,
    authorization: () => Promise.resolve({}),
    labels: {},
  });
  const opened = scope.move();
  return {
    shop,
    front,
    rows: (sql) =>
      service.rows(
        sql
          .replaceAll('{shop}', `demo.${shop.name}`)
          .replaceAll('{own}', `demo.sluice_${shop.name}`),
      ),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

const IN_SOURCE = `SELECT CAST(id AS CHAR) AS a, note AS b, CAST(amount AS CHAR) AS c,
  CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', at) AS CHAR) AS d, CAST(day AS CHAR) AS e, CAST(flag AS UNSIGNED) AS f,
  CAST(JSON_EXTRACT(doc, '$.n') AS CHAR) AS g FROM ledger ORDER BY id`;
const IN_BIGQUERY = `SELECT CAST(l.id AS STRING) AS a, l.note AS b, CAST(l.amount AS STRING) AS c,
  CAST(UNIX_MICROS(CAST(l.at AS TIMESTAMP)) AS STRING) AS d, CAST(l.day AS STRING) AS e, CAST(CAST(l.flag AS INT64) AS STRING) AS f,
  JSON_VALUE(l.doc, '$.n') AS g FROM {shop}.ledger AS l ORDER BY l.id`;

/** Whole numbers and fractions without the zeros that only some write. */
const plain = (text: string | null): string | null =>
  text?.replace(/^(-?\d+)\.(\d*?)0+$/, (_, whole: string, rest: string) =>
    rest === '' ? whole : `${whole}.${rest}`,
  ) ?? null;

async function sourceLedger(shop: ShopPipeline): Promise<readonly (readonly (string | null)[])[]> {
  return shop.withSource(async (root) => {
    await root.query(`USE \`${shop.name}\``);
    const [rows] = await root.query<RowDataPacket[]>(IN_SOURCE);
    return rows.map((row) =>
      Object.values(row).map((value) => plain(value === null ? null : String(value))),
    );
  });
}

/** Nobody may write meanwhile. */
async function expectSameLedger({ shop, rows }: BigQueryShop): Promise<void> {
  const expected = await sourceLedger(shop);
  await settled({ shop, rows });
  expect((await rows(IN_BIGQUERY)).map((row) => row.map(plain))).toEqual(expected);
}

/** Writes a row and waits until its view shows it: everything committed before is then there. */
async function settled({ shop, rows }: Pick<BigQueryShop, 'shop' | 'rows'>): Promise<void> {
  const marker = `m${Date.now()}`;
  await shop.run(`REPLACE INTO ledger (id, note) VALUES (1, '${marker}')`);
  // A view that is not there yet shows nothing.
  const shows = async (): Promise<true | undefined> => {
    const sql = `SELECT l.id FROM {shop}.ledger AS l WHERE l.note = '${marker}'`;
    return (await rows(sql).catch(() => [])).length > 0 ? true : undefined;
  };
  await eventually('BigQuery to show the newest row', SOON_MS, shows).catch(
    async (cause: unknown) => {
      const status = JSON.stringify(await shop.status(), undefined, 2);
      throw new Error(`${status}\n${await shop.lastOfWorkerLog()}`, { cause });
    },
  );
  await shop.run('DELETE FROM ledger WHERE id = 1');
  await eventually('BigQuery to show that it is gone', SOON_MS, async () => {
    const shown = await rows('SELECT l.id FROM {shop}.ledger AS l WHERE l.id = 1');
    return shown.length === 0 ? true : undefined;
  });
}

/** The emulator keeps no descriptions of views; what they were made of is beside the table's form. */
async function expectComments(
  { shop, rows }: BigQueryShop,
  expected: TableComments,
): Promise<void> {
  const sql = `SELECT t.definition FROM {own}._cdc_tables AS t WHERE t.name = '${shop.name}.ledger'`;
  let shown: unknown;
  await eventually('the comments of the source', SOON_MS, async () => {
    const [[definition] = []] = await rows(sql).catch(() => []);
    shown = (JSON.parse(definition ?? '{}') as { readonly comments?: unknown }).comments;
    return JSON.stringify(shown) === JSON.stringify(expected) ? true : undefined;
  }).catch(() => undefined);
  expect(shown).toEqual(expected);
}

/** The table that a job has loaded rows into, if that is what it did. */
function loadedTable(job: Readonly<Record<string, unknown>>): readonly string[] {
  const { load } = (job as { readonly configuration: { readonly load?: Load } }).configuration;
  return load ? [load.destinationTable.tableId] : [];
}

interface Load {
  readonly destinationTable: { readonly tableId: string };
}

/** The deletes that a truncate stands for share its sequence. */
async function expectEachChangeOnce({ rows }: BigQueryShop): Promise<void> {
  for (const table of ['ledger', 'accounts', 'savings', 'orders']) {
    const counts = await rows(
      `SELECT COUNT(*) AS n, COUNT(DISTINCT CONCAT(c._cdc.seq, CAST(c.id AS STRING))) AS seqs FROM {shop}.${table}__changes AS c WHERE c._cdc.committed_at >= TIMESTAMP '1970-01-01 00:00:00+00'`,
    );
    expect([table, counts[0]?.[0]]).toEqual([table, counts[0]?.[1]]);
  }
}

describe.skipIf(!givenServers() || EMULATOR === '')('a pipeline into BigQuery', () => {
  it.each(PATHS)(
    'by %s shows what the source holds after a snapshot, changes, a truncate and altered columns',
    async (writePath) => {
      await using bigQuery = await openBigQueryShop(writePath);
      const { shop, rows } = bigQuery;
      shop.startWorker();
      await shop.apply();
      await shop.snapshotEnded(SOON_MS);
      await expectSameLedger(bigQuery);

      await expectComments(bigQuery, { table: `what's owed`, columns: { id: 'of "whom"' } });
      await shop.run("ALTER TABLE ledger COMMENT = ''");
      await expectComments(bigQuery, { columns: { id: 'of "whom"' } });

      await shop.run(
        "UPDATE ledger SET note = 'changed', amount = -amount WHERE id % 3 = 0",
        'DELETE FROM ledger WHERE id % 5 = 0',
      );
      await expectSameLedger(bigQuery);

      await shop.run(
        'TRUNCATE ledger',
        "INSERT INTO ledger VALUES (7, 'after', 1.5, '2026-11-23 05:00:00.5', '2026-11-23', 1, '{\"n\": 1}')",
      );
      await expectSameLedger(bigQuery);

      await shop.run(
        'ALTER TABLE ledger ADD COLUMN extra INT DEFAULT 5, MODIFY COLUMN day VARCHAR(20)',
        "INSERT INTO ledger VALUES (8, 'new', 2.5, NULL, 'some day', 0, NULL, 6)",
      );
      await expectSameLedger(bigQuery);
      expect(
        await rows('SELECT CAST(l.extra AS STRING) AS x FROM {shop}.ledger AS l WHERE l.id = 8'),
      ).toEqual([['6']]);
      await expectEachChangeOnce(bigQuery);
      const statuses = await rows('SELECT s.status FROM {own}._cdc_status AS s GROUP BY s.status');
      expect(statuses).toEqual([['consistent']]);
    },
    STACK_TEST_MS,
  );

  it(
    'that has lost its checkpoint is never made anew, until a resnapshot fills empty tables',
    async () => {
      await using bigQuery = await openBigQueryShop();
      const { shop, rows } = bigQuery;
      shop.startWorker();
      await shop.apply();
      await shop.snapshotEnded(SOON_MS);
      await expectSameLedger(bigQuery);
      await shop.stopWorkers();
      await rows('DROP TABLE {own}._cdc_checkpoints');
      await shop.run('DELETE FROM ledger WHERE id % 2 = 0');
      shop.startWorker();
      const { sinks } = await shop.statusWhen(
        'a GAP of the sink',
        (status) => status.sinks.some(({ state }) => state === 'GAP'),
        SOON_MS,
      );
      const incident = sinks[0]?.incident;
      expect(incident).toMatchObject({ code: 'sink.warehouse-lost' });
      const answer = ['recover', shop.name, '--incident', incident?.id ?? ''];
      await sluice(shop.place, [...answer, '--action', 'resnapshot', '--yes']);
      const unfinished = `SELECT COUNTIF(NOT s.consistent) AS n, COUNT(*) AS m FROM {own}._cdc_status AS s`;
      await eventually('every table to be consistent', 2 * SOON_MS, async () => {
        const [[open, tables] = []] = await rows(unfinished).catch(() => []);
        return open === '0' && Number(tables) > 5 ? true : undefined;
      });
      await expectSameLedger(bigQuery);
      await expectEachChangeOnce(bigQuery);
    },
    STACK_TEST_MS,
  );

  it(
    'follows a column to a type that has nothing in common with the one before, and back',
    async () => {
      await using bigQuery = await openBigQueryShop();
      const { shop, rows } = bigQuery;
      await shop.run(
        'CREATE TABLE labels (id INT PRIMARY KEY, note VARCHAR(40))',
        "INSERT INTO labels VALUES (1, 'a'), (2, 'b')",
      );
      shop.startWorker();
      await shop.apply();
      await shop.snapshotEnded(SOON_MS);
      await expectSameLedger(bigQuery);
      const expectLabels = async (labels: readonly (readonly string[])[]): Promise<void> => {
        await expectSameLedger(bigQuery);
        await eventually(`the labels ${JSON.stringify(labels)}`, SOON_MS, async () => {
          const shown = await rows('SELECT l.id, l.note FROM {shop}.labels AS l ORDER BY l.id');
          return JSON.stringify(shown) === JSON.stringify(labels) ? true : undefined;
        });
      };
      await expectLabels([
        ['1', 'a'],
        ['2', 'b'],
      ]);

      await shop.run(
        'ALTER TABLE labels MODIFY note VARBINARY(40)',
        "INSERT INTO labels VALUES (3, 'c')",
        'DELETE FROM labels WHERE id = 1',
      );
      await expectLabels([
        ['2', base64('b')],
        ['3', base64('c')],
      ]);
      await shop.stopWorkers();
      shop.startWorker();

      await shop.run('ALTER TABLE labels MODIFY note VARCHAR(40)');
      await expectLabels([
        ['2', 'b'],
        ['3', 'c'],
      ]);
      const stopped = `SELECT s.table_name FROM {own}._cdc_status AS s WHERE s.status = 'stopped'`;
      expect(await rows(stopped)).toEqual([]);
      await expectEachChangeOnce(bigQuery);
    },
    STACK_TEST_MS,
  );

  it(
    'catches up in a few jobs after an outage of BigQuery, during which capture went on',
    async () => {
      await using bigQuery = await openBigQueryShop();
      const { shop, front } = bigQuery;
      shop.startWorker();
      await shop.apply();
      await shop.snapshotEnded(SOON_MS);
      await expectSameLedger(bigQuery);
      const workload = await writeTo(shop);
      const before = await shop.commitOrdinal(SOON_MS);

      front.fault = () => ({ kind: 'cutBefore' });
      const { sinks } = await workload.during(
        shop.statusWhen(
          'the reason why the sink does not get on',
          (status) => status.sinks[0]?.reason !== undefined,
          SOON_MS,
        ),
      );
      expect(sinks[0]).toMatchObject({ state: 'RUNNING' });
      expect(sinks[0]?.reason).toContain('BigQuery');
      const missed = before + OUTAGE_COMMITS;
      await workload.during(shop.commitOrdinal(SOON_MS + OUTAGE_COMMITS * 100, missed));
      await workload.stop();

      const taken = front.jobs.size;
      front.fault = () => undefined;
      await shop.statusWhen(
        'the backlog to be in BigQuery',
        (status) => (status.sinks[0]?.progress?.cutOrdinal ?? 0) >= missed,
        SOON_MS,
      );
      const loads = Map.groupBy([...front.jobs.values()].slice(taken).flatMap(loadedTable), String);
      expect([...loads.keys()]).toContain(`${shop.name}__orders__changes`);
      // The commit that was planned when it began, what had come by its end, and the last cut.
      const most = Math.max(...[...loads.values()].map(({ length }) => length));
      expect(most).toBeLessThanOrEqual(3);
      await expectSameLedger(bigQuery);
      await expectEachChangeOnce(bigQuery);
    },
    STACK_TEST_MS + OUTAGE_COMMITS * 100,
  );

  const deaths = SINK_KILL_POINTS.filter((point) => point !== 'sinkCompacting');
  const DIFFERENT = ['sinkMidTransaction', 'sinkBeforeCommit'];
  const EARLY = new Set<string>(['sinkPreparing', 'sinkPrepared', 'sinkDeletesWritten']);

  it.each(
    PATHS.flatMap((path) =>
      deaths
        .filter((point) => path === 'load-jobs' || DIFFERENT.includes(point))
        .map((point) => [point, path] as const),
    ),
  )(
    'loses and repeats nothing when the worker dies at %s, by %s',
    async (point, writePath) => {
      await using bigQuery = await openBigQueryShop(writePath);
      const { shop } = bigQuery;
      const nth = EARLY.has(point) ? 1 : 2;
      const doomed = shop.startWorker(dyingAt(point, nth));
      await shop.apply();
      const workload = await writeTo(shop);
      const death = diesAt(point, doomed);
      await workload.during(Promise.race([death, reasonToDelete(shop).then(() => death)]));
      shop.startWorker();
      await workload.during(shop.snapshotEnded(SOON_MS));
      await workload.stop();
      await expectSameLedger(bigQuery);
      await expectEachChangeOnce(bigQuery);
    },
    STACK_TEST_MS,
  );
});

/** A truncate of a table that the warehouse has: the workload's own may be long in coming. */
async function reasonToDelete(shop: ShopPipeline): Promise<void> {
  const hasCut = ({ sinks: [sink] }: PipelineView): boolean =>
    (sink?.progress?.cutOrdinal ?? 0) > 0;
  await shop.statusWhen('a first cut in BigQuery', hasCut, SOON_MS);
  await shop.run('TRUNCATE visits');
}
