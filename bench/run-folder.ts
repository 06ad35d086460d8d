import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { holdLock } from '../tools/stack/lock.ts';
import { openStack } from '../tools/stack/stack.ts';
import { endPrograms } from './program.ts';

/** Where a run keeps everything; gone when the run ends. */
export interface RunFolder extends AsyncDisposable {
  /** Servers of the run. */
  readonly stack: string;
  /** Working directories of the programs that are measured. */
  readonly programs: string;
}

/**
 * Takes a folder for this run; another run that has it is waited for, since two at once would
 * measure each other. What a killed run has left there, servers included, is ended first.
 */
export async function takeRunFolder(path: string): Promise<RunFolder> {
  const lock = await holdLock(path, () => process.stderr.write('waiting for another benchmark\n'));
  const stack = join(path, 'servers');
  const programs = join(path, 'programs');
  const clear = async (): Promise<void> => {
    await endPrograms(programs);
    await openStack({ dir: stack }).down();
    await rm(path, { recursive: true, force: true });
  };
  await clear();
  await mkdir(programs, { recursive: true });
  return {
    stack,
    programs,
    [Symbol.asyncDispose]: async () => {
      await clear();
      await lock[Symbol.asyncDispose]();
    },
  };
}
