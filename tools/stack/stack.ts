import { existsSync } from 'node:fs';
import { readdir, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  ADDRESS_VARIABLES,
  type AddressByName,
  type Addresses,
  addressFromEnvironment,
  BadInput,
  DEFAULT_SERVERS,
  type Environment,
  loopbackAddress,
  SERVER_NAMES,
  type ServerName,
} from './address.ts';
import {
  bringUp,
  discard,
  type ServerState,
  startAgain,
  stateOf,
  stop,
  type Wanted,
} from './own-server.ts';
import { refuseMissing, StackUnavailable } from './prerequisite.ts';
import { probe } from './probe.ts';
import { type Report, SILENT } from './progress.ts';
import { containersAnswer, hasContainer, removeContainers } from './server-container.ts';
import type { RunContext } from './server-host.ts';
import { lacksForProcess } from './server-process.ts';
import { readRecord, type SiteRecord } from './site-record.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');

export interface StackOptions {
  /** Folder of the run; default SLUICE_STACK_DIR, else `.sluice/stack` in the repository. */
  readonly dir?: string;
  readonly env?: Environment;
  readonly report?: Report;
  /** Ends what is under way, together with the servers the call started. */
  readonly signal?: AbortSignal;
}

export interface StartOptions extends StackOptions {
  /** Default: mysql, kafka and temporal. */
  readonly only?: readonly ServerName[];
  /** `key=value` for Temporal; a running server that has others is restarted with these. */
  readonly temporalDynamicConfig?: readonly string[];
  /** `key=value` for mysqld, for as long as the run has this server. */
  readonly mysqlOptions?: readonly string[];
}

export interface Stack {
  readonly addresses: Addresses;
  /** Ends one server of ours and keeps its port and data; returns when it is gone. */
  stop(name: ServerName, options?: { readonly signal?: NodeJS.Signals }): Promise<void>;
  /** Starts it again on the same port with the same data; returns when it answers. */
  start(name: ServerName): Promise<void>;
  /** Ends every server of this run, also those of earlier calls, and removes their data. */
  down(options?: { readonly keep?: boolean }): Promise<void>;
}

/** One line of `status`. */
export type ServerStatus =
  | { readonly kind: 'external'; readonly address: AddressByName[ServerName] }
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'running' | 'stopped';
      readonly as: SiteRecord['kind'];
      readonly pid?: number;
      readonly address: AddressByName[ServerName];
    };

/**
 * Makes the servers asked for run and answer, and returns where they are.
 *
 * Each comes from the environment if its variable is set, else from a container engine that answers,
 * else from packages in the cache. What this run already has is used again. The servers outlive the
 * calling process; `down` ends them.
 *
 * @throws BadInput, StackUnavailable (something needed is missing or does not answer), StackFailure
 */
export async function startStack(options: StartOptions = {}): Promise<Stack> {
  const context = contextOf(options);
  const names = [...new Set(options.only ?? DEFAULT_SERVERS)];
  const failed = new AbortController();
  const signals = context.signal === undefined ? [] : [context.signal];
  const together = { ...context, signal: AbortSignal.any([failed.signal, ...signals]) };
  const as = await kindOfNewServers(names, together);
  const provided = new Map<ServerName, Provided>();
  const chosen: Partial<Record<ServerName, readonly string[]>> = {
    ...(options.temporalDynamicConfig && { temporal: options.temporalDynamicConfig }),
    ...(options.mysqlOptions && { mysql: options.mysqlOptions }),
  };
  const bringOne = async (name: ServerName) => {
    const dynamicConfig = chosen[name];
    const wanted = { as: hasContainer(name) ? as : 'process', dynamicConfig } as const;
    provided.set(name, await provide(name, wanted, together));
    context.report(name, 'ready');
  };
  // One failure ends the others' work, and what this call started before does not stay behind.
  await Promise.allSettled(
    names.map((name) => bringOne(name).catch((error: unknown) => failed.abort(error))),
  );
  if (failed.signal.aborted) {
    const cleaning = { ...context, signal: undefined };
    const started = names.filter((name) => provided.get(name)?.startedHere);
    await Promise.all(started.map((name) => discard(name, { removeData: false }, cleaning)));
    throw context.signal?.aborted ? context.signal.reason : failed.signal.reason;
  }
  return stackOf(addressesOf(provided), context);
}

/** Operations on the servers of a run that was started before, perhaps by another process. */
export function openStack(options: StackOptions = {}): Omit<Stack, 'addresses'> {
  const { addresses: _, ...operations } = stackOf({}, contextOf(options));
  return operations;
}

export async function stackStatus(
  options: StackOptions = {},
): Promise<Readonly<Record<ServerName, ServerStatus>>> {
  const context = contextOf(options);
  const entries = await Promise.all(
    SERVER_NAMES.map(async (name) => [name, await statusOf(name, context)] as const),
  );
  return Object.fromEntries(entries) as Record<ServerName, ServerStatus>;
}

function contextOf(options: StackOptions): RunContext {
  const env = options.env ?? process.env;
  const dir = options.dir ?? env['SLUICE_STACK_DIR'] ?? join(REPOSITORY, '.sluice/stack');
  return {
    dir: resolve(dir),
    env,
    report: options.report ?? SILENT,
    signal: options.signal,
  };
}

interface Provided {
  readonly address: AddressByName[ServerName];
  readonly startedHere: boolean;
}

async function provide(name: ServerName, wanted: Wanted, context: RunContext): Promise<Provided> {
  const external = addressFromEnvironment(name, context.env);
  if (external === undefined) {
    const { record, startedHere } = await bringUp(name, wanted, context);
    return { address: loopbackAddress(name, record), startedHere };
  }
  context.report(name, `asking the server of ${ADDRESS_VARIABLES[name].variable}`);
  try {
    await probe(name, external);
  } catch (cause) {
    const variable = ADDRESS_VARIABLES[name].variable;
    throw new StackUnavailable(
      `The ${name} that ${variable} names does not answer (${reasonOf(cause)}); correct the variable, or unset it to have one started.`,
      { cause },
    );
  }
  return { address: external, startedHere: false };
}

/** Containers or processes for the servers this run does not have yet. */
async function kindOfNewServers(
  names: readonly ServerName[],
  context: RunContext,
): Promise<SiteRecord['kind']> {
  const fresh: ServerName[] = [];
  const processes: ServerName[] = [];
  for (const name of names) {
    if (addressFromEnvironment(name, context.env) !== undefined) continue;
    const state = await stateOf(name, context);
    if (state.kind === 'absent' && hasContainer(name)) fresh.push(name);
    else if (state.kind === 'absent') processes.push(name);
    else if (state.record.kind === 'process') processes.push(name);
  }
  const as = fresh.length > 0 ? await chooseEngine(context.env) : 'process';
  const packaged = as === 'process' ? [...processes, ...fresh] : processes;
  refuseMissing(packaged.flatMap((name) => lacksForProcess(name, context.env)));
  return as;
}

async function chooseEngine(env: Environment): Promise<SiteRecord['kind']> {
  const wanted = env['SLUICE_STACK_ENGINE'];
  switch (wanted) {
    case 'packages':
      return 'process';
    case 'containers':
      return 'container';
    case undefined:
    case '':
      return (await containersAnswer(env)) ? 'container' : 'process';
    default:
      throw new BadInput(`SLUICE_STACK_ENGINE is "${wanted}"; it may be containers or packages.`);
  }
}

async function statusOf(name: ServerName, context: RunContext): Promise<ServerStatus> {
  const external = addressFromEnvironment(name, context.env);
  if (external !== undefined) return { kind: 'external', address: external };
  const state: ServerState = await stateOf(name, context);
  if (state.kind === 'absent') return state;
  const { kind, record } = state;
  const pid = state.kind === 'running' ? state.pid : undefined;
  const address = loopbackAddress(name, record);
  return { kind, as: record.kind, ...(pid === undefined ? {} : { pid }), address };
}

function stackOf(addresses: Addresses, context: RunContext): Stack {
  return {
    addresses,
    async stop(name, { signal = 'SIGTERM' } = {}) {
      refuseExternal(name, context.env);
      await stop(name, signal, context);
    },
    async start(name) {
      refuseExternal(name, context.env);
      await startAgain(name, context);
    },
    down: ({ keep = false } = {}) => endAll(keep, context),
  };
}

async function endAll(keep: boolean, context: RunContext): Promise<void> {
  const present = SERVER_NAMES.filter((name) => existsSync(join(context.dir, name)));
  const records = await Promise.all(present.map((name) => readRecord(join(context.dir, name))));
  await Promise.all(present.map((name) => discard(name, { removeData: !keep }, context)));
  if (records.some((record) => record?.kind === 'container')) {
    await removeContainers({ volumes: !keep }, context);
  }
  if (!keep && existsSync(context.dir)) await removeIfEmpty(context.dir);
}

/** The folder may be the user's own, with other things in it. */
async function removeIfEmpty(folder: string): Promise<void> {
  if ((await readdir(folder)).length === 0) await rmdir(folder);
}

function refuseExternal(name: ServerName, env: Environment): void {
  if (addressFromEnvironment(name, env) === undefined) return;
  const { variable } = ADDRESS_VARIABLES[name];
  throw new BadInput(
    `${name} is the server that ${variable} names; it is not ours to stop or start.`,
  );
}

function addressesOf(provided: ReadonlyMap<ServerName, Provided>): Addresses {
  const present = SERVER_NAMES.filter((name) => provided.has(name));
  return Object.fromEntries(present.map((name) => [name, provided.get(name)?.address]));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
