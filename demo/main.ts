import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { quietKnownWarnings } from '../src/workers/warnings.ts';
import { showProgress } from '../tools/stack/progress.ts';
import { startStack } from '../tools/stack/stack.ts';
import { CHECK_SETTINGS, checkAccident, checkUnderKills } from './check.ts';
import { type RunFolder, takeRunFolder } from './run-folder.ts';
import { openScreen } from './screen.ts';
import { type Servers, ShopPipeline } from './shop-pipeline.ts';
import { SHOP_ROWS } from './shop-schema.ts';
import { stages } from './stages.ts';
import { conclusion, verdictText } from './verdict.ts';
import { startWorkload } from './workload.ts';

const USAGE = `A shop in MySQL, captured into Kafka and a DuckDB warehouse, on servers of its own.

  npm run demo              writes all the time and shows what happens, until Ctrl-C
  npm run demo -- --check   kills the worker three times, purges the binlogs under it, then compares
                            every value of every table with warehouse and topics; exit 0 if all are equal
`;

const NAME = 'shop';
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

async function startServers(folder: RunFolder, env: NodeJS.ProcessEnv): Promise<Servers> {
  const progress = showProgress(process.stderr);
  try {
    const { signal } = interrupted;
    const { addresses } = await startStack({
      dir: folder.stack,
      env,
      report: progress.report,
      signal,
    });
    const { mysql, kafka, temporal } = addresses;
    if (!mysql || !kafka || !temporal) throw new Error('not every server has an address');
    return { mysql, kafka, temporal };
  } finally {
    progress.close();
  }
}

/** The shop goes on until Ctrl-C; a worker that dies is replaced. */
async function show(): Promise<number> {
  await using folder = await takeRunFolder('demo');
  const servers = await startServers(folder, process.env);
  process.stderr.write(`writing ${SHOP_ROWS.toLocaleString('en-US')} rows\n`);
  await using shop = await ShopPipeline.create({
    servers,
    folder: folder.path,
    name: NAME,
    settings: SHOW_SETTINGS,
    signal: interrupted.signal,
  });
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
        commands: commandsToTry(folder, servers, worker.pid),
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

function commandsToTry(folder: RunFolder, { temporal }: Servers, workerPid: number) {
  return [
    [`bin/sluice --address ${temporal.address} status ${NAME}`, 'everything about the pipeline'],
    [
      `bin/sluice query --config ${folder.shown}/${NAME}.yaml "SELECT count(*) FROM ${NAME}.orders"`,
      'ask the warehouse while it is written',
    ],
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
async function check(): Promise<number> {
  const stage = stages(process.stderr);
  await using folder = await takeRunFolder('demo');
  // The accident purges binlogs, which is not done to a server of somebody else.
  const env = { ...process.env, SLUICE_MYSQL_URL: undefined };
  const servers = await stage('start MySQL, Kafka and Temporal', () => startServers(folder, env));
  await using shop = await stage(`make the shop, ${SHOP_ROWS.toLocaleString('en-US')} rows`, () =>
    ShopPipeline.create({
      servers,
      folder: folder.path,
      name: NAME,
      settings: CHECK_SETTINGS,
      signal: interrupted.signal,
    }),
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
  const { values } = parseArgs({
    options: {
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  return values.check ? check() : show();
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
