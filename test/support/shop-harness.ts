import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { compareEverything } from '../../demo/check.ts';
import { type Servers, type ShopOptions, ShopPipeline } from '../../demo/shop-pipeline.ts';
import { isEqual } from '../../demo/verdict.ts';
import type { WorkerProcess } from '../../demo/worker-process.ts';
import { startWorkload, type Workload } from '../../demo/workload.ts';
import { quietKnownWarnings } from '../../src/workers/warnings.ts';
import { addressFromEnvironment, type ServerName } from '../../tools/stack/address.ts';
import { type Stack, type StartOptions, startStack } from '../../tools/stack/stack.ts';
import { ownNamespace } from './own-namespace.ts';

quietKnownWarnings();

/** What a test of the whole system may take on a busy machine, from the first row to the last comparison. */
export const STACK_TEST_MS = 300_000;
/** Until something that is bound to happen has happened. */
export const SOON_MS = 90_000;

/** Short, so that a killed worker is replaced while a test waits. */
const QUICK = { heartbeatTimeoutMs: 2_500 };
/** Many chunks even of small tables. */
const SMALL_CHUNKS = { mode: 'initial', chunkRows: 300 };

/** The servers of the test run; undefined when one of them is missing. */
export function givenServers(): Servers | undefined {
  const env = {
    SLUICE_MYSQL_URL: process.env['SLUICE_TEST_MYSQL'],
    SLUICE_KAFKA_BROKERS: process.env['SLUICE_TEST_KAFKA'],
    SLUICE_TEMPORAL_ADDRESS: process.env['SLUICE_TEST_TEMPORAL'],
  };
  const mysql = addressFromEnvironment('mysql', env);
  const kafka = addressFromEnvironment('kafka', env);
  const temporal = addressFromEnvironment('temporal', env);
  return mysql && kafka && temporal ? { mysql, kafka, temporal } : undefined;
}

/** Servers that a test may stop, or whose logs it may purge; they end with the scope. */
export async function ownServers(
  only: readonly ServerName[],
  { mysqlOptions = [] }: Pick<StartOptions, 'mysqlOptions'> = {},
): Promise<Stack & AsyncDisposable> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-own-'));
  const env = {
    ...process.env,
    SLUICE_MYSQL_URL: undefined,
    SLUICE_KAFKA_BROKERS: undefined,
    SLUICE_TEMPORAL_ADDRESS: undefined,
  };
  const stack = await startStack({ dir, only, env, mysqlOptions });
  return {
    ...stack,
    [Symbol.asyncDispose]: async () => {
      await stack.down();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const KILL_SWITCH = new URL('kill-switch.ts', import.meta.url).href;

let shops = 0;

/**
 * A shop of its own for one test: database, topics, namespace, workflows and warehouse go with the
 * scope. In a namespace of their own, its workflows are not served by the workers of another test.
 */
export async function openShop(
  options: { readonly servers?: Servers } & Partial<
    Pick<ShopOptions, 'name' | 'scale' | 'settings'>
  > = {},
): Promise<{ readonly shop: ShopPipeline } & AsyncDisposable> {
  const servers = options.servers ?? givenServers();
  if (servers === undefined) throw new Error('this test needs MySQL, Kafka and Temporal');
  shops += 1;
  const id = `t${process.pid}_${Date.now().toString(36)}_${shops}`;
  await using scope = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'sluice-shop-'));
  scope.defer(() => rm(folder, { recursive: true, force: true }));
  const temporal = scope.use(await ownNamespace(servers.temporal, id)).place;
  const shop = scope.use(
    await ShopPipeline.create({
      scale: 0.1,
      name: id,
      ...options,
      settings: { snapshot: SMALL_CHUNKS, stream: QUICK, ...options.settings },
      servers: { ...servers, temporal },
      folder,
    }),
  );
  const opened = scope.move();
  return { shop, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** Writes until the test stops it; the seed is the test's, so a failure comes again. */
export function writeTo(
  shop: ShopPipeline,
  options: Partial<Parameters<typeof startWorkload>[0]> = {},
): Promise<Workload> {
  return startWorkload({
    mysql: shop.servers.mysql,
    database: shop.name,
    seed: 42,
    transactionsPerSecond: 40,
    ...options,
  });
}

/** Every table, its view and its topic hold the same rows, each change once; nobody writes meanwhile. */
export async function expectEverythingEqual(shop: ShopPipeline): Promise<void> {
  const verdicts = await compareEverything(shop, (_name, work) => work(() => undefined));
  expect(verdicts.filter((verdict) => !isEqual(verdict))).toEqual([]);
  expect(verdicts.length).toBeGreaterThan(0);
}

/** Environment of a worker that dies when it reaches a point for the nth time. */
export const dyingAt = (point: string, nth = 1): Readonly<Record<string, string>> => ({
  SLUICE_KILL_AT: `${point}:${nth}`,
  NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import ${KILL_SWITCH}`,
});

/** Waits for the death of a worker that was started with a kill point, and makes sure it was that. */
export async function diesAt(point: string, worker: WorkerProcess): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new Error(`waited ${SOON_MS / 1_000} s in vain for the worker to reach ${point}`));
  }, SOON_MS);
  try {
    await Promise.race([worker.exited, late]);
  } finally {
    clearTimeout(timer);
  }
  expect(worker.endedBy).toBe('SIGKILL');
}

/** Waits until capture is further than it is known to be now. */
export async function captureGoesOn(shop: ShopPipeline): Promise<void> {
  await shop.commitOrdinal(SOON_MS, await shop.commitOrdinal(SOON_MS));
}
