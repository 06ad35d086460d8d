/** What Temporal's client throws when the workflow is not there any longer. Known by name: activities do not import the client. */
const NOBODY_LISTENS = 'WorkflowNotFoundError';

export interface NoticeTiming {
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
}

const TIMING: NoticeTiming = { firstDelayMs: 500, longestDelayMs: 15_000 };

/**
 * Notices to the pipeline's workflow, one after another in the order they were given. Each is tried
 * until it arrives, because the next attempt of the activity would not repeat it; a server that is
 * away meanwhile does not hold up the work that gives them.
 */
export class Notices {
  readonly #timing: NoticeTiming;
  #tail: Promise<void> = Promise.resolve();
  #givenUp = false;

  constructor(timing: NoticeTiming = TIMING) {
    this.#timing = timing;
  }

  send(deliver: () => Promise<void>): void {
    this.#tail = this.#tail.then(() => this.#deliver(deliver));
  }

  /** Resolves when all have arrived, or after the time given for it; what is left then is given up. */
  async settle(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.#tail, timeout]);
    clearTimeout(timer);
    this.#givenUp = true;
  }

  async #deliver(deliver: () => Promise<void>): Promise<void> {
    let delayMs = this.#timing.firstDelayMs;
    while (!this.#givenUp) {
      try {
        await deliver();
        return;
      } catch (error) {
        if (error instanceof Error && error.name === NOBODY_LISTENS) return;
      }
      await new Promise((resolve) => setTimeout(resolve, delayMs).unref());
      delayMs = Math.min(2 * delayMs, this.#timing.longestDelayMs);
    }
  }
}
