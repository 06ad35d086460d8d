/** Results of tests, added up over suites. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const NO_TESTS: Tally = { passed: 0, failed: 0, skipped: 0 };

export function addTallies(a: Tally, b: Tally): Tally {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}

/** The last line of a test run, in a form programs rely on. */
export function tallyLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** The part of vitest's JSON report that is read here. */
interface VitestReport {
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/**
 * Counts a JSON report of vitest. A file that could not be loaded counts as one failure, and so does
 * a run that ended badly without a failed test: an unhandled error, or no report at all.
 */
export function tallyOf(report: string | undefined, runOk: boolean): Tally {
  const counted = report === undefined ? NO_TESTS : countReport(JSON.parse(report) as VitestReport);
  return runOk || counted.failed > 0 ? counted : { ...counted, failed: 1 };
}

function countReport({ testResults }: VitestReport): Tally {
  const tally = { passed: 0, failed: 0, skipped: 0 };
  for (const { status, assertionResults } of testResults) {
    const failedBefore = tally.failed;
    for (const test of assertionResults) {
      if (test.status === 'passed') tally.passed += 1;
      else if (test.status === 'failed') tally.failed += 1;
      else tally.skipped += 1;
    }
    if (status === 'failed' && tally.failed === failedBefore) tally.failed += 1;
  }
  return tally;
}
