import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Environment, loopbackAddress, type ServerName } from './address.ts';
import { holdLock } from './lock.ts';
import { probe } from './probe.ts';
import { untilReady } from './readiness.ts';
import { run, StackFailure } from './run.ts';
import type { RunContext, ServerHost } from './server-host.ts';
import { newRecord, type SiteRecord } from './site-record.ts';

const REPOSITORY = join(import.meta.dirname, '../..');
const COMPOSE_FILE = join(REPOSITORY, 'docker-compose.yml');
const ANSWER_TIMEOUT_MS = 3_000;
const END_TIMEOUT_MS = 30_000;
const END_POLL_MS = 200;

/** The variables with which docker-compose.yml is told the ports. */
const PORT_VARIABLES: Readonly<
  Partial<Record<ServerName, readonly [port: string, sidePort?: string]>>
> = {
  mysql: ['SLUICE_MYSQL_PORT'],
  mariadb: ['SLUICE_MARIADB_PORT'],
  kafka: ['SLUICE_KAFKA_PORT'],
  temporal: ['SLUICE_TEMPORAL_PORT', 'SLUICE_TEMPORAL_UI_PORT'],
};

/** Whether docker-compose.yml has the server; one that it has not is a process on every machine. */
export function hasContainer(name: ServerName): boolean {
  return PORT_VARIABLES[name] !== undefined;
}

/** True when a container engine with Compose answers within three seconds. */
export async function containersAnswer(env: Environment): Promise<boolean> {
  const options = { cwd: REPOSITORY, env, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) };
  try {
    await run('docker', ['info'], options);
    await run('docker', ['compose', 'version'], options);
    return true;
  } catch {
    return false;
  }
}

/** Servers as services of docker-compose.yml, in a Compose project of this run. */
export const CONTAINER_HOST: ServerHost = {
  async prepare(name, dynamicConfig, context) {
    context.report(name, 'pulling its image');
    await compose(['pull', '--quiet', name], context);
    return newRecord('container', dynamicConfig);
  },

  async start(name, record, context) {
    context.report(name, 'starting its container');
    {
      // One at a time: two would both create the project's network.
      await using _lock = await holdLock(`compose ${projectOf(context)}`, () => undefined);
      await compose(['up', '--detach', '--no-deps', name], context, settings(name, record));
    }
    await CONTAINER_HOST.untilReady(name, record, context);
  },

  async untilReady(name, record, context) {
    await untilReady({
      server: name,
      probe: () => probe(name, loopbackAddress(name, record)),
      isRunning: async () => (await CONTAINER_HOST.running(name, context)) !== undefined,
      log: () => compose(['logs', '--tail', '15', '--no-log-prefix', name], context),
      signal: context.signal,
    });
  },

  async running(name, context) {
    const ids = await compose(['ps', '--status', 'running', '--quiet', name], context);
    return ids.trim() === '' ? undefined : {};
  },

  async end(name, signal, context) {
    if ((await CONTAINER_HOST.running(name, context)) === undefined) return;
    const words = signal === 'SIGTERM' ? ['stop'] : ['kill', '--signal', signal];
    await compose([...words, name], context);
    const deadlineMs = Date.now() + END_TIMEOUT_MS;
    while ((await CONTAINER_HOST.running(name, context)) !== undefined) {
      if (Date.now() > deadlineMs) {
        throw new StackFailure(`The container of ${name} still runs after ${signal}.`);
      }
      await delay(END_POLL_MS);
    }
  },
};

/** Removes the containers and the network of a run, and with `volumes` its data. */
export async function removeContainers(
  options: { readonly volumes: boolean },
  context: RunContext,
): Promise<void> {
  await compose(['down', ...(options.volumes ? ['--volumes'] : [])], context);
}

async function compose(
  words: readonly string[],
  context: RunContext,
  more: Environment = {},
): Promise<string> {
  const project = ['-p', projectOf(context), '-f', COMPOSE_FILE, '--profile', '*'];
  return run('docker', ['compose', ...project, ...words], {
    label: `docker compose ${words.join(' ')}`,
    cwd: REPOSITORY,
    env: { ...context.env, ...more },
    signal: context.signal,
  });
}

/** Named after the run's folder, so that two runs on one machine do not meet. */
function projectOf({ dir }: RunContext): string {
  return `sluice-${createHash('sha256').update(dir).digest('hex').slice(0, 8)}`;
}

function settings(name: ServerName, record: SiteRecord): Environment {
  const [port, sidePort] = PORT_VARIABLES[name] ?? [];
  const options = record.dynamicConfig.flatMap((setting) => ['--dynamic-config-value', setting]);
  return {
    ...(port === undefined ? {} : { [port]: String(record.port) }),
    ...(sidePort === undefined ? {} : { [sidePort]: String(record.sidePort) }),
    SLUICE_ROOT_PASSWORD: record.password,
    SLUICE_TEMPORAL_OPTIONS: options.join(' '),
    SLUICE_MYSQL_OPTIONS: record.dynamicConfig.map((option) => `--${option}`).join(' '),
  };
}
