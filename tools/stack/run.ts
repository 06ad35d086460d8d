import { spawn } from 'node:child_process';
import type { Environment } from './address.ts';
import { leavingPidFile } from './detached-process.ts';

export interface RunOptions {
  /** How the command is called in an error; by default the program and its first argument. */
  readonly label?: string;
  readonly cwd: string;
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
  /** Written to the program's standard input, which is closed after it. */
  readonly input?: string;
  /** Leaves a pid file in `cwd`, so that the next run can end what a killed run left working there. */
  readonly findable?: boolean;
  /** Called with each line of output. */
  readonly onLine?: (line: string) => void;
}

/** A program or server that did not do its work; exit code 1. */
export class StackFailure extends Error {
  override readonly name = 'StackFailure';
}

const TAIL_CHARACTERS = 4_000;

/**
 * Runs a program to its end and returns the last of its standard output.
 *
 * @throws StackFailure with the command's name and the last of its output, unless it exits with 0
 */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions,
): Promise<string> {
  const findable = options.findable ?? false;
  const command = findable ? leavingPidFile({ program, args }) : { program, args };
  const child = spawn(command.program, command.args, {
    cwd: options.cwd,
    env: options.env,
    detached: findable,
    stdio: 'pipe',
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  let output = '';
  let tail = '';
  const onData = (text: string) => {
    tail = (tail + text).slice(-TAIL_CHARACTERS);
    const lastLine = text.trimEnd().split('\n').at(-1);
    if (lastLine) options.onLine?.(lastLine);
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-TAIL_CHARACTERS);
    onData(text);
  });
  child.stderr.setEncoding('utf8').on('data', onData);
  // A program that ends without reading its input is judged by its exit code.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.on('error', (cause) => {
    if (options.signal?.aborted) return reject(options.signal.reason);
    reject(new StackFailure(`${program} could not be run: ${cause.message}`, { cause }));
  });
  child.on('close', (code, signal) => {
    if (code === 0) return resolve();
    const how = code === null ? `was ended by ${signal}` : `failed with exit code ${code}`;
    reject(
      new StackFailure(
        `${options.label ?? `${program} ${args[0] ?? ''}`} ${how}:\n${tail.trimEnd()}`,
      ),
    );
  });
  await promise;
  return output;
}
