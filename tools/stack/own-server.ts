import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerName } from './address.ts';
import { removeFolder } from './cache.ts';
import { endProcess } from './detached-process.ts';
import { holdLock } from './lock.ts';
import { freePort, isFree } from './port.ts';
import { StackFailure } from './run.ts';
import { CONTAINER_HOST } from './server-container.ts';
import type { RunContext, ServerHost } from './server-host.ts';
import { PORT_PATIENCE_MS, PROCESS_HOST } from './server-process.ts';
import { readRecord, type SiteRecord, writeRecord } from './site-record.ts';

export type ServerState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'stopped'; readonly record: SiteRecord }
  | { readonly kind: 'running'; readonly record: SiteRecord; readonly pid?: number };

export interface Wanted {
  /** How to have a server that this run does not have yet. */
  readonly as: SiteRecord['kind'];
  /** Undefined keeps what the server has. */
  readonly dynamicConfig: readonly string[] | undefined;
}

export interface BroughtUp {
  readonly record: SiteRecord;
  /** False when it was running already. */
  readonly startedHere: boolean;
}

const HOSTS: Readonly<Record<SiteRecord['kind'], ServerHost>> = {
  process: PROCESS_HOST,
  container: CONTAINER_HOST,
};

/** What this run's folder and its processes or containers say of a server of ours. */
export async function stateOf(name: ServerName, context: RunContext): Promise<ServerState> {
  const record = await readRecord(join(context.dir, name));
  if (record === undefined) return { kind: 'absent' };
  const running = await HOSTS[record.kind].running(name, context);
  return running === undefined
    ? { kind: 'stopped', record }
    : { kind: 'running', record, ...running };
}

/** Makes a server of ours run and answer, with the data this run has of it, if any. */
export async function bringUp(
  name: ServerName,
  wanted: Wanted,
  context: RunContext,
): Promise<BroughtUp> {
  await using _lock = await lock(name, context);
  const state = await stateOf(name, context);
  const record =
    state.kind === 'absent'
      ? await create(name, wanted, context)
      : await refit(name, state, wanted, context);
  const host = HOSTS[record.kind];
  if (state.kind === 'running' && record === state.record) {
    await host.untilReady(name, record, context);
    return { record, startedHere: false };
  }
  await host.start(name, record, context);
  return { record, startedHere: true };
}

/** Starts a stopped server on the port it had; a running one is left alone. */
export async function startAgain(name: ServerName, context: RunContext): Promise<void> {
  await using _lock = await lock(name, context);
  const { kind, record } = await known(name, context);
  if (kind === 'stopped') await HOSTS[record.kind].start(name, record, context);
  context.report(name, 'ready');
}

/** Ends a server and keeps its port and data; returns when it is gone. */
export async function stop(
  name: ServerName,
  signal: NodeJS.Signals,
  context: RunContext,
): Promise<void> {
  await using _lock = await lock(name, context);
  const { record } = await known(name, context);
  context.report(name, 'stopping');
  await HOSTS[record.kind].end(name, signal, context);
  context.report(name, 'stopped');
}

/** Ends a server, whether it ever became ready or not, and with `removeData` forgets it. */
export async function discard(
  name: ServerName,
  options: { readonly removeData: boolean },
  context: RunContext,
): Promise<void> {
  await using _lock = await lock(name, context);
  const folder = join(context.dir, name);
  const record = await readRecord(folder);
  context.report(name, 'stopping');
  await HOSTS[record?.kind ?? 'process'].end(name, 'SIGTERM', context);
  if (options.removeData) await removeFolder(folder);
  context.report(name, 'stopped');
}

async function create(name: ServerName, wanted: Wanted, context: RunContext): Promise<SiteRecord> {
  const folder = join(context.dir, name);
  // No record: if anything is here, a run was killed while it prepared the server.
  await endProcess(folder, 'SIGKILL');
  await removeFolder(folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const record = await HOSTS[wanted.as].prepare(name, wanted.dynamicConfig ?? [], context);
  await writeRecord(folder, record);
  return record;
}

/**
 * The record to run with: the one there is, unless the configuration asked for differs (then the
 * server is stopped) or somebody else took its ports while it was.
 */
async function refit(
  name: ServerName,
  state: Exclude<ServerState, { kind: 'absent' }>,
  wanted: Wanted,
  context: RunContext,
): Promise<SiteRecord> {
  const { record } = state;
  const dynamicConfig = wanted.dynamicConfig ?? record.dynamicConfig;
  const differs = dynamicConfig.join('\n') !== record.dynamicConfig.join('\n');
  if (state.kind === 'running') {
    if (!differs) return record;
    await HOSTS[record.kind].end(name, 'SIGTERM', context);
  }
  const port = await keepOrReplace(record.port);
  const sidePort = await keepOrReplace(record.sidePort, [port]);
  const fitting = { ...record, port, sidePort, dynamicConfig };
  await writeRecord(join(context.dir, name), fitting);
  return fitting;
}

async function keepOrReplace(port: number, taken: readonly number[] = []): Promise<number> {
  const keep = !taken.includes(port) && (await isFree(port, PORT_PATIENCE_MS));
  return keep ? port : freePort(taken);
}

async function known(
  name: ServerName,
  context: RunContext,
): Promise<Exclude<ServerState, { kind: 'absent' }>> {
  const state = await stateOf(name, context);
  if (state.kind === 'absent') {
    throw new StackFailure(`This run has no ${name}: start it with "up --only ${name}".`);
  }
  return state;
}

function lock(name: ServerName, context: RunContext): Promise<AsyncDisposable> {
  const onWait = () => context.report(name, 'waiting for another command on this run');
  return holdLock(join(context.dir, name), onWait);
}
