/**
 * All tests: the gate, then every suite of vitest against real servers that are started for this
 * run and ended with it, also on Ctrl-C. Words on the command line choose test files by path and
 * leave the gate out. The last line is `N passed, N failed, N skipped`; exit 1 when something failed.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { interruptible } from './gate/interruptible.ts';
import { runProgram, seconds } from './gate/run-program.ts';
import { runSteps, STATIC_STEPS } from './gate/steps.ts';
import { chosenSuites, SUITES, type SuiteName, skipReason } from './gate/suites.ts';
import { addTallies, NO_TESTS, oneFailure, type Tally, tallyLine, tallyOf } from './gate/tally.ts';
import { startTestServers, type TestServers } from './gate/test-servers.ts';

const filters = process.argv.slice(2);
const signal = interruptible();
let total = NO_TESTS;

const heading = (text: string): void => console.log(`\n── ${text}`);

if (filters.length === 0) {
  heading('gate');
  const runs = await runSteps(STATIC_STEPS, signal);
  const failed = runs.filter(({ ok }) => !ok).map(({ title }) => `gate: ${title}`);
  total = { passed: runs.length - failed.length, failed, skipped: 0 };
}
const suites = chosenSuites(filters);
if (suites.length === 0) {
  total = addTallies(total, oneFailure(`No test file matches ${filters.join(' ')}.`));
}
if (!signal.aborted && suites.length > 0) await runSuites();
if (signal.aborted) {
  console.log('\nInterrupted.');
  if (total.failed.length === 0) total = addTallies(total, oneFailure('The run was interrupted.'));
}
// A log is read from its end, and often nothing but its end is kept.
if (total.failed.length > 0) {
  heading('what failed');
  for (const failure of total.failed) console.log(`  ${failure}`);
}
console.log(`\n${tallyLine(total)}`);
process.exitCode = total.failed.length > 0 ? 1 : 0;

async function runSuites(): Promise<void> {
  const needed = [...new Set(suites.flatMap((suite) => SUITES[suite]))];
  if (needed.length > 0) heading(`starting ${needed.join(', ')}`);
  await using servers = await startTestServers(needed, signal);
  for (const [name, reason] of servers.missing)
    console.log(`${name} cannot be had, its tests are skipped: ${reason}`);
  for (const [name, reason] of servers.broken) {
    const failure = `${name} did not start, which is a failure: ${reason}`;
    console.log(failure);
    total = addTallies(total, oneFailure(failure));
  }
  for (const suite of suites) {
    if (signal.aborted) return;
    heading(`${suite} tests`);
    const reason = skipReason(suite, process.env);
    if (reason !== undefined) console.log(`${suite} tests are skipped: ${reason}`);
    total = addTallies(total, await runSuite(suite, servers));
  }
}

async function runSuite(suite: SuiteName, { env }: TestServers): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-report-'));
  const file = join(folder, `${suite}.json`);
  try {
    const reporters = ['--reporter', 'default', '--reporter', 'json', `--outputFile.json=${file}`];
    const args = ['run', '--project', suite, ...reporters, ...filters];
    const { ok, durationMs } = await runProgram(
      { name: 'vitest', args },
      { env, signal, live: true },
    );
    const tally = tallyOf(suite, readReport(file), ok);
    console.log(`${suite}: ${tallyLine(tally)} in ${seconds(durationMs)}`);
    return tally;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readReport(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
