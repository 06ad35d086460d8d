import { ApplicationFailureCategory } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { activityFailure } from '../../src/activities/failure-mapping.ts';
import { CATALOGUE, type ErrorCode } from '../../src/errors/catalogue.ts';
import { SluiceError } from '../../src/errors/error.ts';

const CODES = Object.keys(CATALOGUE) as readonly ErrorCode[];

describe('the failure an activity reports', () => {
  it.each(CODES)('for %s comes back to the workflow exactly if somebody has to decide', (code) => {
    const { outcome } = CATALOGUE[code];
    const failure = activityFailure(new SluiceError(code, 'text', { facts: { table: 'shop.a' } }));
    expect(failure).toMatchObject({
      type: code,
      message: 'text',
      nonRetryable: outcome === 'gap' || outcome === 'blocked' || outcome === 'refuse',
      details: [{ outcome, facts: { table: 'shop.a' } }],
    });
  });

  it('is quiet for an attempt that was taken over', () => {
    const failure = activityFailure(new SluiceError('mysql.taken-over', 'text'));
    expect(failure.category).toBe(ApplicationFailureCategory.BENIGN);
  });

  it('holds no text of a foreign error, which may quote a password or a row', () => {
    const foreign = new Error("Access denied for 'cdc' using password hunter2");
    for (const thrown of [foreign, 'hunter2', { password: 'hunter2' }]) {
      const { message, details, nonRetryable } = activityFailure(thrown);
      expect(JSON.stringify([message, details])).not.toContain('hunter2');
      expect(nonRetryable).toBe(false);
    }
  });
});
