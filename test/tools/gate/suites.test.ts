import { expect, it } from 'vitest';
import { chosenSuites, SUITES, skipReason } from '../../../tools/gate/suites.ts';

it('chooses only the suites that have a file with such a path, so that no server starts in vain', () => {
  expect(chosenSuites(['test/config'])).toEqual(['hermetic']);
  expect(chosenSuites(['./test/config', 'test/kafka/pipeline-log.kafka'])).toEqual([
    'hermetic',
    'kafka',
  ]);
  expect(chosenSuites(['test/no-such-folder'])).toEqual([]);
});

it('gives the suites in the order they run, cheapest first', () => {
  const order = Object.keys(SUITES);
  const chosen = chosenSuites([]);
  expect(chosen).toEqual(order.filter((suite) => chosen.some((name) => name === suite)));
  expect(chosen[0]).toBe('hermetic');
});

it('says why a suite is skipped that needs what cannot be started here', () => {
  expect(skipReason('google', {})).toContain('SLUICE_TEST_BIGQUERY_PROJECT');
  expect(skipReason('google', { SLUICE_TEST_BIGQUERY_PROJECT: '' })).toBeDefined();
  expect(skipReason('google', { SLUICE_TEST_BIGQUERY_PROJECT: 'acme' })).toBeUndefined();
  expect(skipReason('mysql', {})).toBeUndefined();
});
