import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { quietKnownWarnings } from '../src/workers/warnings.ts';
import { addressFromEnvironment, BadInput } from '../tools/stack/address.ts';
import { installDebezium } from '../tools/stack/debezium.ts';
import { StackUnavailable } from '../tools/stack/prerequisite.ts';
import { showProgress } from '../tools/stack/progress.ts';
import { openStack, startStack } from '../tools/stack/stack.ts';
import { type Comparison, compareOrExcuse } from './compare.ts';
import type { Contender } from './contender.ts';
import { debezium, TUNED } from './debezium.ts';
import { environmentOf } from './environment.ts';
import { gateFailures } from './gate.ts';
import { parseOptions, type Task, USAGE } from './options.ts';
import { peer } from './peer.ts';
import type { Place } from './place.ts';
import { profile } from './profile.ts';
import { progress } from './progress.ts';
import { keepResults, printedResults } from './report/report.ts';
import type { ScenarioResult } from './results.ts';
import { takeRunFolder } from './run-folder.ts';
import { SCENARIOS } from './scenarios.ts';
import { sluice } from './sluice.ts';
import { Source } from './source.ts';

const REPOSITORY = resolve(import.meta.dirname, '..');

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => interrupted.abort(new Error(`ended by ${signal}`)));

const say = progress(process.stderr);

/** Servers of this run, but for those that the environment names. */
async function withPlace<Result>(
  work: (place: Place, source: Source) => Promise<Result>,
): Promise<Result> {
  await using folder = await takeRunFolder(join(REPOSITORY, '.sluice/bench'));
  const { signal } = interrupted;
  const shown = showProgress(process.stderr);
  const stack = { dir: folder.stack, report: shown.report };
  try {
    const { addresses } = await startStack({ ...stack, signal }).finally(() => shown.close());
    const { mysql, kafka, temporal } = addresses;
    if (!mysql || !kafka || !temporal) throw new Error('not every server has an address');
    const { programs } = folder;
    await using source = await Source.open(mysql, {
      isOwn: addressFromEnvironment('mysql', process.env) === undefined,
    });
    return await work({ mysql, kafka, temporal, programs, env: process.env, signal }, source);
  } finally {
    await openStack({ dir: folder.stack }).down();
  }
}

async function runComparison(task: Extract<Task, { kind: 'compare' }>): Promise<number> {
  return withPlace(async (place, source) => {
    const { size, peers } = task;
    const contenders: Contender[] = [sluice(version(), place)];
    const context = { env: place.env, signal: place.signal, onLine: () => undefined };
    say('fetching Debezium, if it is not here yet');
    const installed = await installDebezium(context, () => say('waiting for another run'));
    contenders.push(debezium('debezium', installed, {}, place));
    if (size === 'full') contenders.push(debezium('debezium-tuned', installed, TUNED, place));
    contenders.push(...peers.map((option) => peer(option, place)));
    const comparison: Comparison = { place, source, contenders, rounds: task.rounds, size, say };
    const environment = await environmentOf(source, contenders, task);
    const results: ScenarioResult[] = [];
    for (const name of task.scenarios) {
      const result = await compareOrExcuse(SCENARIOS[name], comparison);
      results.push({ ...result, commit: environment.commit });
      // A run takes an hour: what it has measured stays when it is interrupted.
      if (task.keep !== 'nowhere')
        keepResults(REPOSITORY, { environment, scenarios: results }, task.keep);
    }
    process.stdout.write(printedResults({ environment, scenarios: results }, task.json));
    const failures = size === 'quick' ? gateFailures(results) : [];
    for (const failure of failures) process.stderr.write(`${failure}\n`);
    return failures.length > 0 || hasInvalidRuns(results) ? 1 : 0;
  });
}

const hasInvalidRuns = (results: readonly ScenarioResult[]): boolean =>
  results.some(({ contenders }) =>
    contenders.some(({ runs }) => runs.some(({ kind }) => kind === 'invalid')),
  );

function version(): string {
  const text = readFileSync(join(REPOSITORY, 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

async function main(): Promise<number> {
  const task = parseOptions(process.argv.slice(2));
  switch (task.kind) {
    case 'help':
      process.stdout.write(USAGE);
      return 0;
    case 'profile':
      return withPlace((place, source) =>
        profile(task, { place, source, say, version: version() }),
      );
    case 'compare':
      return runComparison(task);
  }
}

/** 1 failed, 2 bad input, 3 something needed is missing or does not answer, 130 interrupted. */
function exitCodeOf(error: unknown): number {
  if (interrupted.signal.aborted) return 130;
  if (error instanceof BadInput) return 2;
  return error instanceof StackUnavailable ? 3 : 1;
}

/** What ended the run, and then what went wrong while it was cleared away. */
function messagesOf(error: unknown): readonly string[] {
  if (error instanceof SuppressedError)
    return [...messagesOf(error.suppressed), ...messagesOf(error.error)];
  if (!(error instanceof Error)) return [String(error)];
  const isInterrupted = error.name === 'AbortError' && interrupted.signal.aborted;
  return isInterrupted ? messagesOf(interrupted.signal.reason) : [error.message];
}

quietKnownWarnings();
try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${messagesOf(error).join('\n')}\n`);
  process.exitCode = exitCodeOf(error);
}
// Everything has been ended; what an interrupted run still waits for never comes.
if (interrupted.signal.aborted) process.exit();
