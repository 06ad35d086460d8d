import type { Clock } from '../../src/sink/clock.ts';

/** A time, and what its sleeps would have taken: nobody waits for them. */
export class SkippingClock implements Clock {
  readonly #time: () => number;
  #skippedMs = 0;

  /** @param time  the real one when absent; it need not pass */
  constructor(time: () => number = Date.now) {
    this.#time = time;
  }

  nowMs = (): number => this.#time() + this.#skippedMs;

  sleep = (durationMs: number): Promise<void> => {
    this.#skippedMs += durationMs;
    return Promise.resolve();
  };
}
