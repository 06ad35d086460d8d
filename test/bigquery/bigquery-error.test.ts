import { describe, expect, it } from 'vitest';
import { jobFailure, requestFailure } from '../../src/bigquery/bigquery-error.ts';
import type { Job } from '../../src/bigquery/job.ts';
import { judgeFailure } from '../../src/errors/policy.ts';

const TOO_MANY =
  'Error while reading data, error message: JSON table encountered too many errors, giving up. Rows: 1; errors: 1. Please look into the errors[] collection for more details.';
const inRow = (what: string): string =>
  `${TOO_MANY}\nError while reading data, error message: JSON parsing error in row starting at position 0: ${what}`;

const LOAD: Job = { kind: 'load', dataset: 'd', table: 't', file: Buffer.of() };
const READING: Job = { kind: 'query', sql: 'SELECT 1 AS one', priority: 'INTERACTIVE' };
const OWN: Job = { ...READING, quotable: true };

describe('a load that fails on its content', () => {
  it('is tried again when BigQuery does not know a column yet', () => {
    const failure = jobFailure('loading', 'j', LOAD, {
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
      const failure = jobFailure('loading', 'j', LOAD, { reason: 'invalid', message });
      expect(judgeFailure(failure)).toMatchObject({
        code: 'bigquery.value-refused',
        outcome: 'blocked',
      });
      expect(failure.message).not.toContain('note');
    },
  );
});

describe('a statement that BigQuery refuses', () => {
  const message = 'Table "shop.orders" has 1 column, not 2 at [1:7]';

  it.each(['invalidQuery', 'invalid', 'badRequest'])(
    'as %s waits for a person, who is told the reason',
    (reason) => {
      const failure = jobFailure('committing', 'j', OWN, { reason, message });
      expect(judgeFailure(failure)).toMatchObject({
        code: 'bigquery.statement-refused',
        outcome: 'blocked',
      });
      expect(failure.message).toBe(`BigQuery job j failed committing: ${reason}. ${message}`);
    },
  );

  it.each([
    [400, 'invalidQuery'],
    [400, 'invalid'],
    [400, 'unknown'],
    [413, 'uploadTooLarge'],
  ])('with the answer %i %s waits for a person too', (status, reason) => {
    const answer = { status, reason, message };
    expect(judgeFailure(requestFailure('submitting', answer, undefined, OWN))).toMatchObject({
      code: 'bigquery.statement-refused',
      message: `BigQuery answered ${status} ${reason} submitting. ${message}`,
    });
  });

  it('is not quoted where it reads rows of the source', () => {
    const error = { reason: 'invalidQuery', message: "Bad double value: 'secret'" };
    expect(jobFailure('folding', 'j', READING, error).message).not.toContain('secret');
    const answer = { status: 400, ...error };
    expect(requestFailure('asking', answer, undefined, READING).message).not.toContain('secret');
  });

  it.each([
    'Could not serialize access to table d.t due to concurrent update',
    'Query error: Transaction is aborted due to concurrent update against table d.t. at [2:1]',
  ])('because others write to the same table is tried again: %s', (conflict) => {
    const failure = jobFailure('committing', 'j', OWN, {
      reason: 'invalidQuery',
      message: conflict,
    });
    expect(judgeFailure(failure)).toMatchObject({ outcome: 'retry' });
  });

  it('because too many wait for the table is tried again', () => {
    const full =
      'Resources exceeded: Too many DML statements outstanding against table d.t, limit is 20.';
    const failure = jobFailure('folding', 'j', READING, {
      reason: 'resourcesExceeded',
      message: full,
    });
    expect(judgeFailure(failure)).toMatchObject({ code: 'bigquery.rate-limited' });
  });
});
