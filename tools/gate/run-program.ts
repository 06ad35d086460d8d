import { spawn } from 'node:child_process';
import { delimiter, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

const BIN = resolve(ROOT, 'node_modules/.bin');

export interface Program {
  /** A program of node_modules/.bin, or `node`. */
  readonly name: string;
  readonly args: readonly string[];
}

export interface ProgramRun {
  readonly ok: boolean;
  readonly durationMs: number;
  /** stdout and stderr as they came; empty when they went to the terminal. */
  readonly output: string;
}

export interface RunSettings {
  readonly env?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Output goes to the terminal at once instead of being kept. */
  readonly live?: boolean;
}

/**
 * Runs a program from the top of the repository under the project's own Node. Resolves however it
 * ends; an abort asks it to end.
 */
export async function runProgram(
  { name, args }: Program,
  { env, signal, live = false }: RunSettings,
): Promise<ProgramRun> {
  const startedAt = performance.now();
  const child = spawn(name, args, {
    cwd: ROOT,
    env: { ...process.env, ...env, PATH: `${BIN}${delimiter}${process.env['PATH'] ?? ''}` },
    stdio: live ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
  });
  const stop = (): void => {
    child.kill('SIGTERM');
  };
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  try {
    const ok = await new Promise<boolean>((done) => {
      child.once('error', (error) => {
        output += error.message;
        done(false);
      });
      child.once('close', (exitCode) => done(exitCode === 0));
    });
    return { ok, durationMs: performance.now() - startedAt, output };
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
