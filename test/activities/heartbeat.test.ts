import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withHeartbeat } from '../../src/activities/heartbeat.ts';

describe('the heartbeat of a long activity', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function recorder(heartbeatTimeoutMs: number | undefined) {
    const beats: unknown[] = [];
    return {
      beats,
      info: { heartbeatTimeoutMs },
      heartbeat: (details: unknown) => beats.push(details),
    };
  }

  it('beats before the work begins, then four times within a timeout, with the newest details', async () => {
    const context = recorder(2_000);
    let newest = 0;
    const { promise, resolve } = Promise.withResolvers<string>();
    const result = withHeartbeat(
      context,
      () => newest,
      () => {
        expect(context.beats).toEqual([0]);
        return promise;
      },
    );
    newest = 1;
    await vi.advanceTimersByTimeAsync(1_000);
    newest = 2;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(context.beats).toEqual([0, 1, 1, 2, 2]);
    resolve('done');
    expect(await result).toBe('done');
  });

  it('beats every second under a long timeout, and under none', async () => {
    for (const timeoutMs of [60_000, undefined]) {
      const context = recorder(timeoutMs);
      void withHeartbeat(
        context,
        () => undefined,
        () => new Promise(() => undefined),
      );
      await vi.advanceTimersByTimeAsync(3_000);
      expect(context.beats).toHaveLength(4);
    }
  });

  it('falls silent when the work has failed', async () => {
    const context = recorder(400);
    await expect(
      withHeartbeat(
        context,
        () => undefined,
        () => Promise.reject(new Error('failed')),
      ),
    ).rejects.toThrow('failed');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(context.beats).toHaveLength(1);
  });
});
