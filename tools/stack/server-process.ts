import { join } from 'node:path';
import { type Environment, loopbackAddress, type ServerName } from './address.ts';
import { BIGQUERY } from './bigquery.ts';
import { buildOnce, cacheFolder, isCached } from './cache.ts';
import { endProcess, launch, logTail, runningPid } from './detached-process.ts';
import { KAFKA } from './kafka.ts';
import { MARIADB } from './mariadb.ts';
import { MYSQL } from './mysql.ts';
import type { BuildContext, PackagedServer, Site } from './packaged-server.ts';
import { isFree } from './port.ts';
import type { MissingPrerequisite } from './prerequisite.ts';
import { probe } from './probe.ts';
import { untilReady } from './readiness.ts';
import { StackFailure } from './run.ts';
import type { RunContext, ServerHost } from './server-host.ts';
import { newRecord, type SiteRecord } from './site-record.ts';
import { TEMPORAL } from './temporal.ts';

const PACKAGED: Readonly<Record<ServerName, PackagedServer>> = {
  mysql: MYSQL,
  mariadb: MARIADB,
  kafka: KAFKA,
  temporal: TEMPORAL,
  bigquery: BIGQUERY,
};

const PREPARING = 'preparing its data folder';

/** How long a server that was just killed may still hold its port. */
export const PORT_PATIENCE_MS = 5_000;

/** What this machine lacks to run a server from packages. */
export function lacksForProcess(
  server: ServerName,
  env: Environment,
): readonly MissingPrerequisite[] {
  const packaged = PACKAGED[server];
  const cached = isCached(cacheFolder(env), packaged.cacheEntry);
  return packaged.lacks(cached, env).map((what) => ({ server, what }));
}

/** Servers from packages in the cache, each a detached process. */
export const PROCESS_HOST: ServerHost = {
  async prepare(name, dynamicConfig, context) {
    const site = await siteOf(name, await newRecord('process', dynamicConfig), context);
    context.report(name, PREPARING);
    await PACKAGED[name].configure(site);
    await PACKAGED[name].initialise(site, buildContext(name, PREPARING, context));
    return site.record;
  },

  async start(name, record, context) {
    const site = await siteOf(name, record, context);
    for (const port of [record.port, record.sidePort]) {
      if (!(await isFree(port, PORT_PATIENCE_MS))) {
        throw new StackFailure(
          `${name} cannot start: another program listens on its port ${port}.`,
        );
      }
    }
    context.report(name, 'starting');
    await PACKAGED[name].configure(site);
    await launch(site.folder, PACKAGED[name].command(site), context.env);
    try {
      await PROCESS_HOST.untilReady(name, record, context);
    } catch (error) {
      await endProcess(site.folder, 'SIGKILL');
      throw error;
    }
  },

  async untilReady(name, record, context) {
    const folder = join(context.dir, name);
    await untilReady({
      server: name,
      probe: () => probe(name, loopbackAddress(name, record)),
      isRunning: async () => (await runningPid(folder)) !== undefined,
      log: () => logTail(folder),
      signal: context.signal,
    });
  },

  async running(name, context) {
    const pid = await runningPid(join(context.dir, name));
    return pid === undefined ? undefined : { pid };
  },

  end: (name, signal, context) => endProcess(join(context.dir, name), signal),
};

async function siteOf(name: ServerName, record: SiteRecord, context: RunContext): Promise<Site> {
  return { record, folder: join(context.dir, name), home: await install(name, context) };
}

async function install(name: ServerName, context: RunContext): Promise<string> {
  const packaged = PACKAGED[name];
  return buildOnce(
    cacheFolder(context.env),
    packaged.cacheEntry,
    async (folder) => {
      context.report(name, packaged.buildStage);
      await packaged.build(folder, buildContext(name, packaged.buildStage, context));
    },
    () => context.report(name, 'waiting for another run that is installing it'),
  );
}

function buildContext(name: ServerName, stage: string, context: RunContext): BuildContext {
  const { env, signal, report } = context;
  return { env, signal, onLine: (line) => report(name, stage, line) };
}
