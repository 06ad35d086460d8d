import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';

const REPOSITORY = join(import.meta.dirname, '..');
const COMMAND_LINE = join(REPOSITORY, 'src/cli/main.ts');

const WORKER_ENTRY = 'demo/worker-entry.ts';

/** A worker is asked again, harder, when it has not ended by then. */
const STOP_DEADLINE_MS = 40_000;

export interface Place {
  readonly address: string;
  readonly namespace: string;
  /** What the process finds in its environment besides ours: the source's password. */
  readonly env: Readonly<Record<string, string>>;
}

/** A worker in a process of its own, writing its log to a file. It ends with this process. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;

  /** @param repository  the code that it runs: this one, or a copy of it */
  constructor(
    place: Place,
    logFile: string,
    args: readonly string[] = [],
    repository: string = REPOSITORY,
  ) {
    const log = openSync(logFile, 'a');
    const entry = join(repository, WORKER_ENTRY);
    this.#child = spawn(process.execPath, [entry, ...addressOf(place), 'worker', ...args], {
      env: { ...process.env, ...place.env },
      stdio: ['pipe', log, log],
    });
    closeSync(log);
    this.#exited = once(this.#child, 'exit').then(() => undefined);
    // A spawn that failed shows as a process that has no id and has exited.
    this.#exited.catch(() => undefined);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get running(): boolean {
    return (
      this.#child.pid !== undefined &&
      this.#child.exitCode === null &&
      this.#child.signalCode === null
    );
  }

  /** Resolves when the process is gone, however it went. */
  get exited(): Promise<void> {
    return this.#exited;
  }

  /** The signal that ended the process; `undefined` while it runs, and when it ended by itself. */
  get endedBy(): NodeJS.Signals | undefined {
    return this.#child.signalCode ?? undefined;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) process.kill(this.pid, signal);
  }

  /** Kills it as a crash would, and waits until it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    if (this.running) await this.#exited;
  }

  /** Lets its batches under way end. */
  async stop(): Promise<void> {
    this.signal('SIGTERM');
    const impatient = setTimeout(() => this.signal('SIGKILL'), STOP_DEADLINE_MS);
    if (this.running) await this.#exited;
    clearTimeout(impatient);
  }
}

/**
 * Runs one command of the command line and returns the `result` of its JSON document.
 * @throws {Error} with the command's own message when it fails, or when the signal ended it
 */
export async function sluice(
  place: Place,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<unknown> {
  const child = spawn(process.execPath, [COMMAND_LINE, '--json', ...addressOf(place), ...args], {
    env: { ...process.env, ...place.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal ? { signal } : {}),
  });
  const texts = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (texts.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (texts.err += text));
  await once(child, 'close');
  const said =
    texts.out === ''
      ? undefined
      : (JSON.parse(texts.out) as {
          readonly ok: boolean;
          readonly result?: unknown;
          readonly error?: { readonly message: string };
        });
  if (said?.ok) return said.result;
  throw new Error(`sluice ${args.join(' ')}: ${said?.error?.message ?? texts.err}`);
}

const addressOf = ({ address, namespace }: Place): readonly string[] => [
  '--address',
  address,
  '--namespace',
  namespace,
];
