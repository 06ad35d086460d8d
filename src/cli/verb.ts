import type { Command } from 'commander';
import { readStoredSpec } from '../config/stored-spec.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import type { TemporalPlace } from '../temporal/connection.ts';
import type { Answer, Console } from './console.ts';
import type { CliPorts, PipelineControl } from './ports.ts';

/** What a verb works with. */
export interface Surroundings {
  readonly console: Console;
  readonly ports: CliPorts;
  readonly temporal: TemporalPlace;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type Work<Arguments extends readonly unknown[]> = (
  surroundings: Surroundings,
  ...parsed: Arguments
) => Promise<Answer>;

/** Turns a verb's work into commander's action, with output, errors and exit code taken care of. */
export type Act = <Arguments extends readonly unknown[]>(
  work: Work<Arguments>,
) => (...parsed: Arguments) => Promise<void>;

/** Adds one verb to the program. */
export type Verb = (program: Command, act: Act) => void;

/** Examples below a verb's help: command and what it does. */
export function examples(
  ...lines: readonly (readonly [command: string, meaning: string])[]
): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  const shown = lines.map(([command, meaning]) => `  $ ${command.padEnd(width)}   ${meaning}`);
  return `\nExamples:\n${shown.join('\n')}`;
}

/**
 * Does something with the pipelines of the Temporal server, and lets go of the connection whatever
 * happens. Ctrl-C stops waiting; what was already asked for may still be done.
 */
export function withControl<Result>(
  { ports, temporal, signal }: Surroundings,
  use: (control: PipelineControl) => Promise<Result>,
): Promise<Result> {
  const work = async (): Promise<Result> => {
    await using control = await ports.connect(temporal);
    return await use(control);
  };
  return unlessInterrupted(work(), signal);
}

/** The configuration that a pipeline runs with, checked as workers do: it comes from the server. */
export async function configOf(
  surroundings: Surroundings,
  pipeline: string,
): Promise<PipelineSpec> {
  return readStoredSpec(await withControl(surroundings, (control) => control.config(pipeline)));
}

/** The result of the work, or a rejection with the signal's reason as soon as that is aborted. */
export async function unlessInterrupted<Result>(
  work: Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  signal.throwIfAborted();
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  const interrupt = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', interrupt);
  try {
    return await Promise.race([work, interrupted]);
  } finally {
    signal.removeEventListener('abort', interrupt);
  }
}
