import { type Program, runProgram, seconds } from './run-program.ts';

export interface GateStep {
  readonly title: string;
  readonly program: Program;
}

/** What can be said about the tree without running it, cheapest first. */
export const STATIC_STEPS: readonly GateStep[] = [
  { title: 'format', program: { name: 'biome', args: ['check', '--error-on-warnings'] } },
  { title: 'types', program: { name: 'tsc', args: ['--noEmit', '--project', '.'] } },
  { title: 'lint', program: { name: 'eslint', args: ['.', '--max-warnings', '0'] } },
  { title: 'layers', program: { name: 'depcruise', args: ['src', 'bench'] } },
  { title: 'dead code', program: { name: 'knip', args: ['--no-config-hints'] } },
  { title: 'generated docs', program: { name: 'node', args: ['tools/docs/main.ts', '--check'] } },
];

/** What a program can put right by itself. */
export const FIX_STEPS: readonly GateStep[] = [
  { title: 'lint', program: { name: 'eslint', args: ['.', '--fix'] } },
  { title: 'format', program: { name: 'biome', args: ['check', '--write'] } },
  { title: 'generated docs', program: { name: 'node', args: ['tools/docs/main.ts'] } },
];

export const HERMETIC_TESTS: GateStep = {
  title: 'hermetic tests',
  program: { name: 'vitest', args: ['run', '--project', 'hermetic', '--reporter', 'dot'] },
};

export interface GateRun {
  readonly title: string;
  readonly ok: boolean;
}

/**
 * Runs the steps one after another and prints a line for each; the output of a step is shown when
 * it fails. All steps run, so that one look shows everything there is to do.
 */
export async function runSteps(
  steps: readonly GateStep[],
  signal: AbortSignal,
): Promise<readonly GateRun[]> {
  const width = Math.max(...steps.map(({ title }) => title.length));
  const runs: GateRun[] = [];
  for (const { title, program } of steps) {
    if (signal.aborted) break;
    const run = await runProgram(program, { signal });
    console.log(`${run.ok ? '✓' : '✗'} ${title.padEnd(width)}  ${seconds(run.durationMs)}`);
    if (!run.ok) console.log(`${run.output.trimEnd()}\n`);
    runs.push({ title, ok: run.ok });
  }
  return runs;
}
