import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../src/errors/catalogue.ts';
import { InvariantBroken, SluiceError } from '../../src/errors/error.ts';
import { judgeFailure } from '../../src/errors/policy.ts';

describe('judgeFailure', () => {
  it('takes code, message and facts from our own errors and the outcome from the catalogue', () => {
    const error = new SluiceError('binlog.purged', 'gone', { facts: { missing: 'u:1-5' } });
    expect(judgeFailure(error)).toEqual({
      code: 'binlog.purged',
      outcome: 'gap',
      message: 'gone',
      facts: { missing: 'u:1-5' },
    });
  });

  it('finds our own error below wrappers of client libraries', () => {
    const inner = new SluiceError('binlog.checksum', 'bad crc');
    const wrapped = new Error('ActivityFailure', { cause: new Error('x', { cause: inner }) });
    expect(judgeFailure(wrapped)).toMatchObject({ code: 'binlog.checksum', outcome: 'gap' });
  });

  it.each([
    ['an aborted signal', () => AbortSignal.abort().reason as unknown],
    ['a Temporal cancellation', () => Object.assign(new Error('x'), { name: 'CancelledFailure' })],
    ['a cancelled Node operation', () => Object.assign(new Error('x'), { code: 'ABORT_ERR' })],
  ])('ends without a word on %s', (_, thrown) => {
    expect(judgeFailure(thrown())).toMatchObject({ code: 'internal.cancelled', outcome: 'end' });
  });

  it('takes a timeout by signal for a bug: whoever set the deadline had to name its error', () => {
    const timeout = new DOMException('too late', 'TimeoutError');
    expect(judgeFailure(timeout)).toMatchObject({ code: 'internal.bug', outcome: 'retry' });
  });

  it('retries a broken invariant, keeps its words and says where it broke', () => {
    const verdict = judgeFailure(new InvariantBroken('two writers'));
    expect(verdict).toMatchObject({ code: 'internal.bug', outcome: 'retry' });
    expect(verdict.message).toMatch(/^InvariantBroken: two writers at .*policy\.test\.ts/);
  });

  it('never repeats the words of a foreign error, which may quote a row', () => {
    const foreign = Object.assign(new Error("Duplicate entry 'ana@example.com' for key 'email'"), {
      code: 'ER_DUP_ENTRY',
      sql: "INSERT … 'ana@example.com'",
    });
    const verdict = judgeFailure(foreign);
    expect(JSON.stringify(verdict)).not.toContain('ana@example.com');
    expect(verdict.facts).toMatchObject({ error: 'Error', errno: 'ER_DUP_ENTRY' });
  });

  it('answers an error that is its own cause', () => {
    const error = new Error('loop');
    error.cause = error;
    expect(judgeFailure(error).code).toBe('internal.bug');
  });

  it('has a JSON-plain verdict for every value that can be thrown', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true }), (thrown) => {
        const verdict = judgeFailure(thrown);
        expect(verdict.code in CATALOGUE).toBe(true);
        expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict);
      }),
    );
  });
});
