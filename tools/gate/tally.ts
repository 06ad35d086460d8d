/** Results of tests, added up over suites. */
export interface Tally {
  readonly passed: number;
  /** What failed, one entry for each failure: where, and what it said first. */
  readonly failed: readonly string[];
  readonly skipped: number;
}

export const NO_TESTS: Tally = { passed: 0, failed: [], skipped: 0 };

export function addTallies(a: Tally, b: Tally): Tally {
  return {
    passed: a.passed + b.passed,
    failed: [...a.failed, ...b.failed],
    skipped: a.skipped + b.skipped,
  };
}

/** A tally in which nothing but one thing failed. */
export function oneFailure(what: string): Tally {
  return { ...NO_TESTS, failed: [what] };
}

/** The last line of a test run, in a form programs rely on. */
export function tallyLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed.length} failed, ${skipped} skipped`;
}

/** The part of vitest's JSON report that is read here. */
interface VitestReport {
  readonly testResults: readonly FileReport[];
}

interface FileReport {
  readonly name: string;
  readonly status: string;
  /** Why the file could not be loaded. */
  readonly message: string;
  readonly assertionResults: readonly {
    readonly status: string;
    readonly fullName: string;
    readonly failureMessages: readonly string[] | null;
  }[];
}

/**
 * Counts a JSON report of vitest. A file that could not be loaded counts as one failure, and so does
 * a run that ended badly without a failed test: an unhandled error, or no report at all.
 *
 * @param suite - names the run in a failure that belongs to no file
 */
export function tallyOf(suite: string, report: string | undefined, runOk: boolean): Tally {
  const files = report === undefined ? [] : (JSON.parse(report) as VitestReport).testResults;
  const counted = files.map(tallyOfFile).reduce(addTallies, NO_TESTS);
  if (runOk || counted.failed.length > 0) return counted;
  return addTallies(counted, oneFailure(`${suite}: the run failed outside of any test`));
}

function tallyOfFile({ name, status, message, assertionResults: tests }: FileReport): Tally {
  const failed = tests
    .filter((test) => test.status === 'failed')
    .map(({ fullName, failureMessages }) =>
      failureText(`${name}: ${fullName}`, failureMessages?.[0]),
    );
  if (status === 'failed' && failed.length === 0) failed.push(failureText(name, message));
  const passed = tests.filter((test) => test.status === 'passed').length;
  const failedTests = tests.filter((test) => test.status === 'failed').length;
  return { passed, failed, skipped: tests.length - passed - failedTests };
}

function failureText(where: string, message = ''): string {
  const first = message.split('\n', 1)[0] ?? '';
  return first === '' ? where : `${where}\n    ${first}`;
}
