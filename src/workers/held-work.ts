import type { Holding, LongWork } from '../activities/create-activities.ts';

/** Work that this process has at the moment. */
export interface Held extends LongWork {
  /** Absent while it works. */
  readonly failingSinceMs: number | undefined;
  /** Ends the work in order; resolves when nothing of it runs here any more. */
  end(): Promise<void>;
}

/** The streams and sinks of this process, which end one by one or all at once when it is to leave. */
export class HeldWork {
  readonly #held = new Set<Held>();
  #isOver = false;

  hold(work: LongWork): Holding {
    const leave = new AbortController();
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    let failingSinceMs: number | undefined;
    const held: Held = {
      ...work,
      get failingSinceMs() {
        return failingSinceMs;
      },
      end: () => {
        leave.abort();
        return gone;
      },
    };
    this.#held.add(held);
    // The queue may have given out one more while it was being left.
    if (this.#isOver) leave.abort();
    return {
      leave: leave.signal,
      failingSince: (ms) => {
        failingSinceMs = ms;
      },
      [Symbol.dispose]: () => {
        this.#held.delete(held);
        resolve();
      },
    };
  }

  get all(): readonly Held[] {
    return [...this.#held];
  }

  of(taskQueue: string): readonly Held[] {
    return this.all.filter((held) => held.taskQueue === taskQueue);
  }

  /** Ends everything, and at once what is begun from now on. */
  endAll(): void {
    this.#isOver = true;
    for (const held of this.#held) void held.end();
  }
}
