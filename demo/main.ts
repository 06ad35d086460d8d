import { setTimeout as sleep } from 'node:timers/promises';
import { unreachable } from '../src/change/brand.ts';
import { quietKnownWarnings } from '../src/workers/warnings.ts';
import { BigQueryFront } from '../tools/bigquery-front/bigquery-front.ts';
import { DEFAULT_SERVERS } from '../tools/stack/address.ts';
import { BIGQUERY_PROJECT } from '../tools/stack/bigquery.ts';
import { showProgress } from '../tools/stack/progress.ts';
import { startStack } from '../tools/stack/stack.ts';
import { CHECK_SETTINGS, checkAccident, checkUnderKills } from './check.ts';
import { demoOptions, type SinkKind, USAGE } from './options.ts';
import { type RunFolder, takeRunFolder } from './run-folder.ts';
import { openScreen } from './screen.ts';
import { type Servers, ShopPipeline } from './shop-pipeline.ts';
import { SHOP_ROWS } from './shop-schema.ts';
import { bigQuerySink, type ShopSink } from './shop-sink.ts';
import { stages } from './stages.ts';
import { conclusion, verdictText } from './verdict.ts';
import { startWorkload } from './workload.ts';

const NAME = 'shop';
/** Every view of the emulator is worked out anew for each question, by a program made to be right. */
const EMULATOR_SCALE = 0.1;
const FRAME_MS = 500;
const TRANSACTIONS_PER_SECOND = 100;

/** Several heartbeats' worth of freshness for what the screen shows. */
const SHOW_SETTINGS = {
  snapshot: { mode: 'initial', chunkRows: 2_000 },
  stream: { heartbeatTimeoutMs: 2_500 },
};

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => interrupted.abort(new Error(`ended by ${signal}`)));

/** What a run stands on; ends with it, servers aside, which end with its folder. */
interface Ground extends AsyncDisposable {
  readonly servers: Servers;
  /** DuckDB when absent. */
  readonly sink?: ShopSink;
  /** Part of the shop's usual rows. */
  readonly scale: number;
  /** Where BigQuery's REST interface is. */
  readonly endpoint?: string;
}

async function startServers(
  folder: RunFolder,
  kind: SinkKind,
  env: NodeJS.ProcessEnv,
): Promise<Ground> {
  const progress = showProgress(process.stderr);
  try {
    const { signal } = interrupted;
    const { addresses } = await startStack({
      dir: folder.stack,
      // Nobody would drop the datasets in an emulator of somebody else.
      env: { ...env, SLUICE_BIGQUERY_URL: undefined },
      report: progress.report,
      signal,
      only: [...DEFAULT_SERVERS, ...(kind === 'bigquery' ? (['bigquery'] as const) : [])],
    });
    const { mysql, kafka, temporal, bigquery } = addresses;
    if (!mysql || !kafka || !temporal) throw new Error('not every server has an address');
    const servers = { mysql, kafka, temporal };
    if (!bigquery) return { servers, scale: 1, [Symbol.asyncDispose]: async () => undefined };
    const front = await BigQueryFront.start(bigquery.url);
    const { endpoint } = front;
    return {
      servers,
      sink: bigQuerySink(endpoint),
      scale: EMULATOR_SCALE,
      endpoint,
      [Symbol.asyncDispose]: () => front[Symbol.asyncDispose](),
    };
  } finally {
    progress.close();
  }
}

const rowsText = (scale: number): string =>
  `about ${Math.round(SHOP_ROWS * scale).toLocaleString('en-US')} rows`;

function createShop(
  { servers, sink, scale }: Ground,
  folder: RunFolder,
  settings: Readonly<Record<string, unknown>>,
): Promise<ShopPipeline> {
  return ShopPipeline.create({
    servers,
    folder: folder.path,
    name: NAME,
    scale,
    settings,
    signal: interrupted.signal,
    ...(sink === undefined ? {} : { sink }),
  });
}

/** The shop goes on until Ctrl-C; a worker that dies is replaced. */
async function show(kind: SinkKind): Promise<number> {
  await using folder = await takeRunFolder('demo');
  await using ground = await startServers(folder, kind, process.env);
  const { servers, scale } = ground;
  process.stderr.write(`writing ${rowsText(scale)}\n`);
  await using shop = await createShop(ground, folder, SHOW_SETTINGS);
  let worker = shop.startWorker();
  await shop.apply();
  const workload = await startWorkload({
    mysql: servers.mysql,
    database: NAME,
    seed: Date.now(),
    transactionsPerSecond: TRANSACTIONS_PER_SECOND,
  });
  const screen = openScreen(process.stdout);
  const startedAtMs = Date.now();
  let status: Awaited<ReturnType<ShopPipeline['status']>> | undefined;
  const asking = (async () => {
    while (!interrupted.signal.aborted) {
      status = await shop.status().catch(() => status);
      await pause(FRAME_MS);
    }
  })();
  try {
    while (!interrupted.signal.aborted) {
      if (!worker.running) worker = shop.startWorker();
      screen.draw({
        ...(status === undefined ? {} : { status }),
        workerPid: worker.pid,
        upMs: Date.now() - startedAtMs,
        written: Object.values(workload.counts).reduce((sum, each) => sum + each, 0),
        webUi: servers.temporal.uiUrl ?? '(the server was given; it knows its Web UI)',
        commands: commandsToTry(folder, ground, worker.pid),
      });
      await Promise.race([pause(FRAME_MS), workload.failed]);
    }
  } finally {
    screen.close();
    process.stderr.write('ending everything\n');
    interrupted.abort();
    await workload.stop().catch(() => undefined);
    await asking;
    await shop.stopWorkers();
  }
  return 0;
}

function commandsToTry(folder: RunFolder, { servers, endpoint }: Ground, workerPid: number) {
  const { address } = servers.temporal;
  const count = `SELECT COUNT(*) AS orders FROM ${NAME}.orders`;
  const ask =
    endpoint === undefined
      ? `bin/sluice query --config ${folder.shown}/${NAME}.yaml "${count}"`
      : `curl ${endpoint}/bigquery/v2/projects/${BIGQUERY_PROJECT}/queries -H 'content-type: application/json' -d '{"useLegacySql":false,"query":"${count}"}'`;
  return [
    [`bin/sluice --address ${address} status ${NAME}`, 'everything about the pipeline'],
    [ask, 'ask the warehouse while it is written'],
    [
      `kill -9 ${workerPid}`,
      'the worker; the demo starts another one, which misses and repeats nothing',
    ],
  ] as const;
}

async function pause(ms: number): Promise<void> {
  await sleep(ms, undefined, { signal: interrupted.signal }).catch(() => undefined);
}

/** Exit code 0 only if everything is equal. */
async function check(kind: SinkKind): Promise<number> {
  const stage = stages(process.stderr);
  await using folder = await takeRunFolder('demo');
  // The accident purges binlogs, which is not done to a server of somebody else.
  const env = { ...process.env, SLUICE_MYSQL_URL: undefined };
  const all =
    kind === 'bigquery' ? 'MySQL, Kafka, Temporal and BigQuery' : 'MySQL, Kafka and Temporal';
  await using ground = await stage(`start ${all}`, () => startServers(folder, kind, env));
  await using shop = await stage(`make the shop, ${rowsText(ground.scale)}`, () =>
    createShop(ground, folder, CHECK_SETTINGS),
  );
  const underKills = await checkUnderKills(shop, stage);
  process.stdout.write(verdictText('after three kills', underKills));
  const afterAccident = await checkAccident(shop, stage);
  process.stdout.write(verdictText('after the accident', afterAccident));
  const { text, exitCode } = conclusion([...underKills, ...afterAccident]);
  process.stdout.write(text);
  return exitCode;
}

async function main(): Promise<number> {
  const options = demoOptions(process.argv.slice(2));
  switch (options.kind) {
    case 'help':
      process.stdout.write(USAGE);
      return 0;
    case 'check':
      return check(options.sink);
    case 'show':
      return show(options.sink);
    default:
      return unreachable(options);
  }
}

/** What ended the run, and then what went wrong while it was cleared away. */
function messagesOf(error: unknown): readonly string[] {
  if (error instanceof SuppressedError)
    return [...messagesOf(error.suppressed), ...messagesOf(error.error)];
  if (!(error instanceof Error)) return [String(error)];
  const isInterrupted = error.name === 'AbortError' && interrupted.signal.aborted;
  return isInterrupted ? messagesOf(interrupted.signal.reason) : [error.message];
}

quietKnownWarnings();
try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${messagesOf(error).join('\n')}\n`);
  process.exitCode = 1;
}
// Everything has been ended; what an interrupted check still waits for never comes.
if (interrupted.signal.aborted) process.exit();
