import { describe, expect, it } from 'vitest';
import { jobFailure } from '../../src/bigquery/bigquery-error.ts';
import { judgeFailure } from '../../src/errors/policy.ts';

const TOO_MANY =
  'Error while reading data, error message: JSON table encountered too many errors, giving up. Rows: 1; errors: 1. Please look into the errors[] collection for more details.';
const inRow = (what: string): string =>
  `${TOO_MANY}\nError while reading data, error message: JSON parsing error in row starting at position 0: ${what}`;

describe('a load that fails on its content', () => {
  it('is tried again when BigQuery does not know a column yet', () => {
    const failure = jobFailure('loading', 'j', {
      reason: 'invalid',
      message: inRow('No such field: note.'),
    });
    expect(judgeFailure(failure)).toMatchObject({
      code: 'bigquery.column-unknown',
      outcome: 'retry',
    });
  });

  it.each([TOO_MANY, inRow(`Could not parse 'No such field: note.' as INT64`)])(
    'stops its table otherwise, and its values stay in BigQuery: %s',
    (message) => {
      const failure = jobFailure('loading', 'j', { reason: 'invalid', message });
      expect(judgeFailure(failure)).toMatchObject({
        code: 'bigquery.value-refused',
        outcome: 'blocked',
      });
      expect(failure.message).not.toContain('note');
    },
  );
});
