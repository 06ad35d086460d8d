import type { Clock } from '../../src/sink/clock.ts';

/** The real time, and what its sleeps would have taken: nobody waits for them. */
export class SkippingClock implements Clock {
  #skippedMs = 0;

  nowMs = (): number => Date.now() + this.#skippedMs;

  sleep = (durationMs: number): Promise<void> => {
    this.#skippedMs += durationMs;
    return Promise.resolve();
  };
}
