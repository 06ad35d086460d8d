import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { openStack } from '../tools/stack/stack.ts';

const REPOSITORY = join(import.meta.dirname, '..');

/** Where a run of the demo keeps everything; gone when the run ends. */
export interface RunFolder extends AsyncDisposable {
  readonly path: string;
  /** From the repository, for commands shown to a person. */
  readonly shown: string;
  /** Servers of the run. */
  readonly stack: string;
}

/**
 * Takes `.sluice/<name>`. What a run that was killed has left there, servers included, is ended first.
 * @throws {Error} when another run is using it
 */
export async function takeRunFolder(name: string): Promise<RunFolder> {
  const path = join(REPOSITORY, '.sluice', name);
  const owner = join(path, 'pid');
  if (existsSync(owner)) {
    const pid = Number(await readFile(owner, 'utf8'));
    if (isAlive(pid)) throw new Error(`Another demo is running: process ${pid}. End it first.`);
  }
  const stack = join(path, 'servers');
  const clear = async (): Promise<void> => {
    if (existsSync(stack)) await openStack({ dir: stack }).down();
    await rm(path, { recursive: true, force: true });
  };
  await clear();
  await mkdir(path, { recursive: true });
  await writeFile(owner, String(process.pid));
  return { path, shown: relative(REPOSITORY, path), stack, [Symbol.asyncDispose]: clear };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
