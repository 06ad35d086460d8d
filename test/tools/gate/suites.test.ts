import { expect, it } from 'vitest';
import { chosenSuites, SUITES } from '../../../tools/gate/suites.ts';

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
