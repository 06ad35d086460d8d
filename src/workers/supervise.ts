import { judgeFailure } from '../errors/policy.ts';
import type { ThreadFailure } from './thread-protocol.ts';

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 30_000;
/** An attempt that lived this long was healthy: the next failure starts with a short delay again. */
const HEALTHY_AFTER_MS = 30_000;

/**
 * Repeats an attempt until it ends in order, as long as its failures are of the kind that heals.
 * Delays double up to half a minute, with jitter, and start anew after a healthy attempt.
 *
 * Temporal's own retry is not used for these: its attempt count never goes back, so that after a
 * year every reconnect would wait the longest delay.
 *
 * @throws the first failure that needs a decision, unchanged
 */
export async function supervise(
  attempt: (signal: AbortSignal) => Promise<void>,
  onRetry: (failure: ThreadFailure, delayMs: number) => void,
  signal: AbortSignal,
): Promise<void> {
  let delayMs = FIRST_DELAY_MS;
  while (!signal.aborted) {
    const startedAt = performance.now();
    try {
      await attempt(signal);
      return;
    } catch (error) {
      const verdict = judgeFailure(error);
      if (verdict.outcome !== 'retry') throw error;
      if (performance.now() - startedAt > HEALTHY_AFTER_MS) delayMs = FIRST_DELAY_MS;
      const jittered = delayMs * (0.5 + Math.random());
      onRetry({ code: verdict.code, message: verdict.message, facts: verdict.facts }, jittered);
      await sleepUnlessAborted(jittered, signal);
      delayMs = Math.min(2 * delayMs, LONGEST_DELAY_MS);
    }
  }
}

function sleepUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
