import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '../tools/stack/address.ts';
import {
  type Command,
  endProcess,
  launch,
  logTail,
  runningPid,
} from '../tools/stack/detached-process.ts';
import { readTree } from './process-tree.ts';
import { UsageLog } from './usage-log.ts';

const LOOK_EVERY_MS = 200;

/** A program that is measured, with everything it starts, watched from outside while it runs. */
export class Program implements AsyncDisposable {
  readonly folder: string;
  readonly usage = new UsageLog();
  readonly #ending = new AbortController();
  readonly #watching: Promise<void>;

  private constructor(folder: string, pid: number | undefined) {
    this.folder = folder;
    this.#watching = this.#watch(pid);
  }

  /** The folder is the program's working directory and keeps its log. */
  static async start(folder: string, command: Command, env: Environment): Promise<Program> {
    await mkdir(folder, { recursive: true });
    await launch(folder, command, env);
    return new Program(folder, await runningPid(folder));
  }

  async running(): Promise<boolean> {
    return (await runningPid(this.folder)) !== undefined;
  }

  /** The last lines it wrote. */
  log(): Promise<string> {
    return logTail(this.folder);
  }

  /** Asks it to end, and makes it end when it does not. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** Ends it at once, as a crash would. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#ending.abort();
    await this.#watching;
    await endProcess(this.folder, signal);
  }

  async #watch(pid: number | undefined): Promise<void> {
    while (pid !== undefined && !this.#ending.signal.aborted) {
      this.usage.add(Date.now(), await readTree(pid));
      await sleep(LOOK_EVERY_MS, undefined, { signal: this.#ending.signal }).catch(() => undefined);
    }
  }
}

/** Ends what a run that was killed has left in the folder of its programs. */
export async function endPrograms(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  await Promise.all(names.map((name) => endProcess(join(folder, name), 'SIGKILL')));
}
