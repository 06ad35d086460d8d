import { globSync } from 'node:fs';
import type { ServerName } from '../stack/address.ts';
import { ROOT } from './run-program.ts';

const EVERY_SERVER: readonly ServerName[] = ['mysql', 'kafka', 'temporal'];

/** vitest's projects in the order they run, with the servers each needs. */
export const SUITES = {
  hermetic: [],
  mysql: ['mysql'],
  kafka: ['kafka'],
  temporal: ['temporal'],
  bigquery: ['bigquery'],
  google: [],
  stack: [...EVERY_SERVER, 'bigquery'],
  cases: ['mysql', 'kafka'],
  crash: EVERY_SERVER,
} as const satisfies Record<string, readonly ServerName[]>;

export type SuiteName = keyof typeof SUITES;

/** What nobody can start here: the variable of the environment that says where it is. */
const ELSEWHERE: Partial<Readonly<Record<SuiteName, string>>> = {
  google: 'SLUICE_TEST_BIGQUERY_PROJECT, a project of Google Cloud to make datasets in',
};

/** Why the tests of a suite are skipped, whatever servers run. */
export function skipReason(
  suite: SuiteName,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const needed = ELSEWHERE[suite];
  const variable = needed?.split(',', 1)[0] ?? '';
  if (needed === undefined || (env[variable] ?? '') !== '') return undefined;
  return `the environment lacks ${needed}`;
}

const isSuite = (text: string): text is SuiteName => Object.hasOwn(SUITES, text);

/** The suite of a test file, by its suffix: `x.kafka.test.ts` needs Kafka, `x.test.ts` nothing. */
function suiteOf(file: string): SuiteName {
  const suffix = /\.([a-z]+)\.test\.ts$/.exec(file)?.[1] ?? '';
  return isSuite(suffix) ? suffix : 'hermetic';
}

/** Suites that have a file whose path holds one of the filters; all that have files when there are none. */
export function chosenSuites(filters: readonly string[]): readonly SuiteName[] {
  const files = globSync('test/**/*.test.ts', { cwd: ROOT }).filter(
    (file) =>
      filters.length === 0 || filters.some((filter) => file.includes(filter.replace(/^\.\//, ''))),
  );
  const present = new Set(files.map(suiteOf));
  return Object.keys(SUITES).filter(
    (name) => isSuite(name) && present.has(name),
  ) as readonly SuiteName[];
}
