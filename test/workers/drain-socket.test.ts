import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { privateFolder } from '../../src/duckdb/local-socket.ts';
import type { DrainStep } from '../../src/workers/drain.ts';
import { type DrainAsked, drainWorker } from '../../src/workers/drain-client.ts';
import { workerSocket } from '../../src/workers/drain-protocol.ts';
import { serveDrain } from '../../src/workers/drain-server.ts';

const PLACE = { namespace: 'default', host: 'etl-1' };
const STEP: DrainStep = { pipeline: 'shop', became: 'handedOver' };
const before = process.env['TMPDIR'];
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-drain-'));
  process.env['TMPDIR'] = folder;
});

afterEach(async () => {
  if (before === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before;
  await rm(folder, { recursive: true });
});

const ask = (more: Partial<DrainAsked> = {}) =>
  drainWorker({
    ...PLACE,
    pid: undefined,
    force: false,
    signal: new AbortController().signal,
    onStep: () => undefined,
    ...more,
  });

it('the worker of a host is asked, tells its steps, and has ended when the answer is there', async () => {
  const steps: DrainStep[] = [];
  let hasEnded = false;
  const server = await serveDrain(PLACE, ({ force, onStep }) => {
    onStep({ ...STEP, reason: `force ${force}` });
    setTimeout(() => {
      hasEnded = true;
      void server[Symbol.asyncDispose]();
    }, 50);
    return Promise.resolve({ isEmpty: true });
  });
  expect(await ask({ force: true, onStep: (step) => steps.push(step) })).toEqual({ isEmpty: true });
  expect([steps, hasEnded]).toEqual([[{ ...STEP, reason: 'force true' }], true]);
});

it('a worker that keeps something says so and can be asked again', async () => {
  await using _server = await serveDrain(PLACE, () => Promise.resolve({ isEmpty: false }));
  expect(await ask()).toEqual({ isEmpty: false });
  expect(await ask({ pid: process.pid })).toEqual({ isEmpty: false });
});

it('a second asker is refused while the first waits, and the first stops it by going away', async () => {
  const begun = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  await using _server = await serveDrain(PLACE, async ({ signal }) => {
    begun.resolve();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    stopped.resolve();
    return { isEmpty: false };
  });
  const first = new AbortController();
  const asking = ask({ signal: first.signal });
  await begun.promise;
  await expect(ask()).rejects.toMatchObject({ code: 'drain.refused', message: /somebody else/ });
  first.abort();
  await expect(asking).rejects.toMatchObject({ name: 'AbortError' });
  await stopped.promise;
});

it('only the worker of the same host and namespace is asked, and none of another user', async () => {
  await using _server = await serveDrain(PLACE, () => Promise.resolve({ isEmpty: false }));
  await expect(ask({ host: 'etl-2' })).rejects.toMatchObject({ code: 'drain.no-worker' });
  await expect(ask({ namespace: 'cdc' })).rejects.toMatchObject({ code: 'drain.no-worker' });
  await expect(ask({ pid: 1 })).rejects.toMatchObject({
    code: 'drain.no-worker',
    message: expect.stringContaining(`there are ${process.pid}`) as string,
  });
  await chmod(privateFolder(), 0o755);
  await expect(ask()).rejects.toMatchObject({ code: 'drain.no-worker' });
  await expect(serveDrain(PLACE, () => Promise.resolve({ isEmpty: true }))).rejects.toThrow();
});

it('a socket that a dead worker left is no worker, and is removed by the next one', async () => {
  await mkdir(privateFolder(), { mode: 0o700 });
  await writeFile(workerSocket(PLACE, 1), '');
  await expect(ask()).rejects.toMatchObject({ code: 'drain.no-worker' });
  await using _server = await serveDrain(PLACE, () => Promise.resolve({ isEmpty: false }));
  expect(await readdir(privateFolder())).toHaveLength(1);
  expect((await stat(workerSocket(PLACE, process.pid))).mode & 0o777).toBe(0o600);
  expect(await ask()).toEqual({ isEmpty: false });
});
