import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from './address.ts';
import { holdLock } from './lock.ts';
import { StackUnavailable } from './prerequisite.ts';

/** Where binaries are kept between runs, shared by every checkout of this user. */
export function cacheFolder(env: Environment): string {
  const base = env['XDG_CACHE_HOME'];
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'sluice');
}

export function isCached(cache: string, entry: string): boolean {
  return existsSync(join(cache, entry));
}

/**
 * Returns the folder of a cache entry, building it first if it is not there.
 *
 * `build` fills an empty folder that gets its final name only when it is complete, so an entry that
 * exists is whole. Builds of one entry wait for one another; what a killed build left is removed by
 * the next one.
 *
 * @throws StackUnavailable when it cannot be built
 */
export async function buildOnce(
  cache: string,
  entry: string,
  build: (folder: string) => Promise<void>,
  onWait: () => void,
): Promise<string> {
  const finished = join(cache, entry);
  if (existsSync(finished)) return finished;
  await mkdir(cache, { recursive: true });
  await using _lock = await holdLock(finished, onWait);
  if (existsSync(finished)) return finished;
  const unfinished = `${entry}.building-`;
  for (const name of await readdir(cache)) {
    if (name.startsWith(unfinished)) await removeFolder(join(cache, name));
  }
  const folder = await mkdtemp(join(cache, unfinished));
  try {
    await build(folder);
    await rename(folder, finished);
  } catch (error) {
    await removeFolder(folder);
    if (!(error instanceof Error) || error.name === 'AbortError') throw error;
    throw new StackUnavailable(`${entry} cannot be had: ${error.message}`, { cause: error });
  }
  return finished;
}

/** Removes a folder into which an orphan of a killed run may still be writing. */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}
