import { describe, expect, it } from 'vitest';
import { cancellable } from '../../src/async/abort.ts';

describe('cancellable work', () => {
  it('answers its result when nobody cancels, and stops listening', async () => {
    const abort = new AbortController();
    let cancels = 0;
    expect(
      await cancellable(
        abort.signal,
        () => (cancels += 1),
        () => Promise.resolve(5),
      ),
    ).toBe(5);
    abort.abort();
    expect(cancels).toBe(0);
  });

  it('does not start under a signal that has aborted', async () => {
    const work = cancellable(
      AbortSignal.abort(new Error('too late')),
      () => undefined,
      () => expect.unreachable(),
    );
    await expect(work).rejects.toThrow('too late');
  });

  it('is cancelled once and fails with the reason, not with what the cancelling did to it', async () => {
    const abort = new AbortController();
    const { promise, reject } = Promise.withResolvers<never>();
    const work = cancellable(
      abort.signal,
      () => {
        reject(new Error('socket closed'));
      },
      () => promise,
    );
    abort.abort(new Error('shutting down'));
    await expect(work).rejects.toThrow('shutting down');
  });

  it('fails with its own error when nobody cancels', async () => {
    const { signal } = new AbortController();
    await expect(
      cancellable(
        signal,
        () => undefined,
        () => Promise.reject(new Error('own')),
      ),
    ).rejects.toThrow('own');
  });

  it('throws its result away when it comes after the abort', async () => {
    const abort = new AbortController();
    const { promise, resolve } = Promise.withResolvers<number>();
    const work = cancellable(
      abort.signal,
      () => {
        resolve(1);
      },
      () => promise,
    );
    abort.abort(new Error('stop'));
    await expect(work).rejects.toThrow('stop');
  });
});
