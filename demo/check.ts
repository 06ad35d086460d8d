import { setTimeout as sleep } from 'node:timers/promises';
import type { RowDataPacket } from 'mysql2/promise';
import type { SnapshotProgress } from '../src/observability/progress.ts';
import { auditChangelog, type ChangelogAudit } from './audit-changelog.ts';
import { auditTopics } from './audit-topics.ts';
import { compareTable, readShapes } from './compare-tables.ts';
import { eventually, type ShopPipeline } from './shop-pipeline.ts';
import { HUGE_TRANSACTION, RARE_EVENTS } from './shop-transactions.ts';
import type { Stage } from './stages.ts';
import type { TableVerdict } from './verdict.ts';
import type { WorkerProcess } from './worker-process.ts';
import { startWorkload, type Workload } from './workload.ts';

const SEED = 20_251_123;
const WRITE_MS = 30_000;
const TRANSACTIONS_PER_SECOND = 60;
/** For a step that a worker of a busy two-core machine has to get through. */
const PATIENCE_MS = 180_000;
const EPOCH_AFTER_GAP = 2;

/** Settings of the pipeline that make faults come in the middle of something. */
export const CHECK_SETTINGS = {
  snapshot: { mode: 'initial', chunkRows: 1_000 },
  stream: { heartbeatTimeoutMs: 3_000 },
};

/** Writes, kills and restarts while a snapshot and a stream run; then compares everything. */
export async function checkUnderKills(
  shop: ShopPipeline,
  stage: Stage,
): Promise<readonly TableVerdict[]> {
  const worker = shop.startWorker();
  await stage('apply the pipeline', () => shop.apply());
  const startedAtMs = Date.now();
  const workload = await startWorkload({
    mysql: shop.servers.mysql,
    database: shop.name,
    seed: SEED,
    transactionsPerSecond: TRANSACTIONS_PER_SECOND,
    events: RARE_EVENTS,
    signal: shop.ending,
  });
  try {
    const second = await stage('snapshot while the shop is open, with a kill', (say) =>
      workload.during(killDuringSnapshot(shop, worker, say)),
    );
    await stage('stream, with two more kills', (say) =>
      workload.during(killDuringStream(shop, second, workload, say)),
    );
    await stage('let the writer finish', async (say) => {
      await workload.eventsDone;
      const leftMs = Math.max(0, startedAtMs + WRITE_MS - Date.now());
      await workload.during(sleep(leftMs, undefined, { signal: shop.ending }));
      await workload.stop();
      for (const [name, count] of Object.entries(workload.counts)) say(`${count} × ${name}`);
    });
  } finally {
    await workload.stop().catch(() => undefined);
  }
  return compareEverything(shop, stage);
}

async function killDuringSnapshot(
  shop: ShopPipeline,
  worker: WorkerProcess,
  say: (what: string) => void,
): Promise<WorkerProcess> {
  // The plan is made before the first progress is: progress without a snapshot is one that is over.
  const { progress } = await shop.statusWhen(
    'the snapshot to be under way',
    ({ progress }) =>
      progress !== undefined &&
      (progress.snapshot === undefined ||
        progress.snapshot.tablesDone + progress.snapshot.rows > 0),
    PATIENCE_MS,
  );
  await worker.kill();
  say(`kill -9 ${placeIn(progress?.snapshot)}`);
  const next = shop.startWorker();
  await shop.snapshotEnded(PATIENCE_MS);
  say('the snapshot has ended');
  return next;
}

function placeIn(snapshot: SnapshotProgress | undefined): string {
  if (snapshot === undefined) return 'after the snapshot, which was over before it could be seen';
  const { tablesDone, tablesTotal, rows, table } = snapshot;
  return `after ${tablesDone} of ${tablesTotal} tables and ${rows} rows of ${table}`;
}

async function killDuringStream(
  shop: ShopPipeline,
  first: WorkerProcess,
  workload: Workload,
  say: (what: string) => void,
): Promise<void> {
  await workload.happen(HUGE_TRANSACTION);
  const before = await shop.commitOrdinal(PATIENCE_MS);
  await first.kill();
  say(`kill -9 right after ${HUGE_TRANSACTION.name}, at commit ${before}`);
  const second = shop.startWorker();
  const between = await shop.commitOrdinal(PATIENCE_MS, before);
  await second.kill();
  say(`kill -9 at commit ${between}`);
  shop.startWorker();
  say(`going on at commit ${await shop.commitOrdinal(PATIENCE_MS, between)}`);
}

/** Nobody may write meanwhile. */
export async function compareEverything(
  shop: ShopPipeline,
  stage: Stage,
): Promise<readonly TableVerdict[]> {
  const { mysql, kafka } = shop.servers;
  await stage('wait until the warehouse shows the last transaction', async () => {
    await shop.caughtUp(PATIENCE_MS);
    await shop.settled(PATIENCE_MS);
  });
  const shapes = await readShapes(mysql, shop.name);
  const views = await stage('compare every table with its view', () =>
    allOver(shapes.map((shape) => compareTable(mysql, shop.query, shape, shop.sink.dialect))),
  );
  const audits = await stage('read every topic', () =>
    auditTopics(mysql, kafka.brokers, shop.name, shapes, shop.ending),
  );
  const changelogs = await stage('count every change in the warehouse', () =>
    allOver(
      shapes.map((shape) =>
        auditChangelog(
          shop.query,
          shop.sink.dialect,
          shape,
          ofTable(audits, ({ topic }) => topic, `${shop.name}.${shape.database}.${shape.table}`),
        ),
      ),
    ),
  );
  return views.map((view) => {
    const audit = ofTable(audits, ({ topic }) => topic, `${shop.name}.${view.table}`);
    const changelog = ofTable(changelogs, ({ table }) => table, view.table);
    return {
      table: view.table,
      rows: view.sourceRows,
      differences: view.differences + audit.differences + changelog.differences,
      duplicates: audit.duplicates + changelog.duplicates,
      disorders: audit.disorders,
      examples: [
        ...view.examples.map((text) => `view: ${text}`),
        ...audit.examples.map((text) => `topic: ${text}`),
        ...changelogFaults(changelog),
      ],
    };
  });
}

function changelogFaults({ differences, duplicates }: ChangelogAudit): readonly string[] {
  return [
    ...(duplicates === 0 ? [] : [`changelog: ${duplicates} changes too many`]),
    ...(differences === 0
      ? []
      : [`changelog: ${differences} changes more or fewer than the topic`]),
  ];
}

function ofTable<Finding>(
  findings: readonly Finding[],
  nameOf: (finding: Finding) => string,
  name: string,
): Finding {
  const found = findings.find((finding) => nameOf(finding) === name);
  if (found === undefined) throw new Error(`nothing was found out about ${name}`);
  return found;
}

/** The source goes on and forgets its log while no worker looks; a person then says what to do. */
export async function checkAccident(
  shop: ShopPipeline,
  stage: Stage,
): Promise<readonly TableVerdict[]> {
  await stage('the accident: stop the worker, write, purge the binlogs', async (say) => {
    await shop.stopWorkers();
    await shop.run(
      'INSERT INTO documents (id, title) VALUES (2000001, "written during the gap"), (2000002, "and changed after it")',
      'UPDATE customers SET note = "changed during the gap" ORDER BY id LIMIT 300',
      'UPDATE accounts SET moves = moves + 1 WHERE id <= 50',
      'DELETE FROM orders WHERE id BETWEEN 5100 AND 5400',
      'DELETE FROM order_lines WHERE order_id BETWEEN 5100 AND 5400',
    );
    say(`purged up to ${await purgeBinlogs(shop)}`);
    shop.startWorker();
  });
  const incident = await stage('wait for GAP', async (say) => {
    const status = await shop.statusWhen(
      'state GAP',
      ({ state, incident }) => state === 'GAP' && incident !== undefined,
      PATIENCE_MS,
    );
    say(`${status.incident?.id}: ${status.incident?.message}`);
    return status.incident?.id ?? '';
  });
  await stage('send the signal recover, snapshot again', async () => {
    await shop.signal('recover', {
      incidentId: incident,
      action: 'resnapshot',
      by: 'demo',
      reason: 'binlogs were purged',
    });
    await shop.statusWhen('state STREAMING', ({ state }) => state === 'STREAMING', PATIENCE_MS);
    await shop.run(
      'UPDATE documents SET title = "changed after the gap" WHERE id = 2000002',
      'DELETE FROM customers ORDER BY id DESC LIMIT 10',
    );
    await shop.snapshotEnded(PATIENCE_MS, { epoch: EPOCH_AFTER_GAP });
  });
  return compareEverything(shop, stage);
}

/** Removes every binlog but the newest, which is new; its name. */
async function purgeBinlogs(shop: ShopPipeline): Promise<string> {
  return shop.withSource(async (root) => {
    await root.query('FLUSH BINARY LOGS');
    const newest = await eventually('the binlog to turn', PATIENCE_MS, async () => {
      const [[row]] = await root.query<RowDataPacket[]>('SHOW BINARY LOG STATUS');
      return typeof row?.['File'] === 'string' ? row['File'] : undefined;
    });
    await root.query('PURGE BINARY LOGS TO ?', [newest]);
    return newest;
  });
}

/** As Promise.all, but nothing of it goes on when it rejects. */
async function allOver<Result>(works: readonly Promise<Result>[]): Promise<readonly Result[]> {
  await Promise.allSettled(works);
  return Promise.all(works);
}
