import { expect, it } from 'vitest';
import { addTallies, tallyLine, tallyOf } from '../../../tools/gate/tally.ts';

interface FileOfReport {
  readonly status: string;
  readonly tests: readonly string[];
  readonly message?: string;
}

const report = (...files: readonly FileOfReport[]): string =>
  JSON.stringify({
    testResults: files.map(({ status, tests, message = '' }) => ({
      name: 'test/a.test.ts',
      status,
      message,
      assertionResults: tests.map((test) => ({
        status: test,
        fullName: `a sum that is ${test}`,
        failureMessages: test === 'failed' ? ['Error: expected 1\n    at a.ts:1'] : [],
      })),
    })),
  });

it('counts passed, failed, and everything that did not run as skipped', () => {
  const text = report(
    { status: 'failed', tests: ['passed', 'failed'] },
    { status: 'passed', tests: ['passed', 'skipped', 'pending', 'todo'] },
  );
  expect(tallyOf('hermetic', text, false)).toEqual({
    passed: 2,
    failed: ['test/a.test.ts: a sum that is failed\n    Error: expected 1'],
    skipped: 3,
  });
});

it('counts a file that could not be loaded as a failure, with the reason', () => {
  const text = report({ status: 'failed', tests: [], message: 'Cannot find module' });
  expect(tallyOf('hermetic', text, false)).toEqual({
    passed: 0,
    failed: ['test/a.test.ts\n    Cannot find module'],
    skipped: 0,
  });
});

it('counts a run that died, or failed outside of any test, as a failure', () => {
  const failed = ['hermetic: the run failed outside of any test'];
  expect(tallyOf('hermetic', undefined, false)).toEqual({ passed: 0, failed, skipped: 0 });
  const text = report({ status: 'passed', tests: ['passed'] });
  expect(tallyOf('hermetic', text, false)).toEqual({ passed: 1, failed, skipped: 0 });
});

it('ends in the line that programs rely on', () => {
  const sum = addTallies(
    { passed: 1, failed: ['a'], skipped: 3 },
    { passed: 10, failed: ['b', 'c'], skipped: 30 },
  );
  expect(tallyLine(sum)).toBe('11 passed, 3 failed, 33 skipped');
});
