import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';

export interface CliOutcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  /** Without the lines that tell what reached the ports. */
  readonly stderr: string;
  /** What reached the ports, in order. */
  readonly reached: readonly unknown[][];
}

export interface CliSettings {
  /** `src/cli/main.ts` for the real ports. */
  readonly script?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Sends SIGINT when stdout or stderr has matched. */
  readonly interruptAt?: RegExp;
}

/** Runs the command line as a process of its own, without a terminal. */
export async function cli(
  words: readonly string[],
  settings: CliSettings = {},
): Promise<CliOutcome> {
  const script = resolve(settings.script ?? 'test/cli/cli-process.ts');
  const { TEMPORAL_ADDRESS: _, TEMPORAL_NAMESPACE: __, ...inherited } = process.env;
  const child = spawn(process.execPath, [script, ...words], {
    env: { ...inherited, ...settings.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = collect(child, settings.interruptAt);
  const exitCode = await new Promise<number | null>((done, failed) => {
    child.once('error', failed);
    child.once('close', done);
  });
  const stderr = output.stderr.split('\n');
  return {
    exitCode,
    stdout: output.stdout,
    stderr: stderr.filter((line) => !line.startsWith('PORT ')).join('\n'),
    reached: stderr
      .filter((line) => line.startsWith('PORT '))
      .map((line) => JSON.parse(line.slice(5)) as unknown[]),
  };
}

function collect(
  child: ChildProcess,
  interruptAt: RegExp | undefined,
): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' };
  let interrupted = false;
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      if (interrupted || !interruptAt?.test(output[name])) return;
      interrupted = true;
      child.kill('SIGINT');
    });
  return output;
}
