import { expect, it } from 'vitest';
import { addTallies, tallyLine, tallyOf } from '../../../tools/gate/tally.ts';

const report = (...files: readonly { status: string; tests: readonly string[] }[]): string =>
  JSON.stringify({
    testResults: files.map(({ status, tests }) => ({
      status,
      assertionResults: tests.map((test) => ({ status: test })),
    })),
  });

it('counts passed, failed, and everything that did not run as skipped', () => {
  const text = report(
    { status: 'failed', tests: ['passed', 'failed'] },
    { status: 'passed', tests: ['passed', 'skipped', 'pending', 'todo'] },
  );
  expect(tallyOf(text, false)).toEqual({ passed: 2, failed: 1, skipped: 3 });
});

it('counts a file that could not be loaded as a failure', () => {
  expect(tallyOf(report({ status: 'failed', tests: [] }), false)).toEqual({
    passed: 0,
    failed: 1,
    skipped: 0,
  });
});

it('counts a run that died, or failed outside of any test, as a failure', () => {
  expect(tallyOf(undefined, false)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(tallyOf(report({ status: 'passed', tests: ['passed'] }), false)).toEqual({
    passed: 1,
    failed: 1,
    skipped: 0,
  });
});

it('ends in the line that programs rely on', () => {
  const sum = addTallies(
    { passed: 1, failed: 2, skipped: 3 },
    { passed: 10, failed: 20, skipped: 30 },
  );
  expect(tallyLine(sum)).toBe('11 passed, 22 failed, 33 skipped');
});
