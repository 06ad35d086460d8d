import type { LongWork } from '../activities/create-activities.ts';

/** Work that this process has at the moment. */
export interface Held extends LongWork {
  /** Ends the work in order; resolves when nothing of it runs here any more. */
  end(): Promise<void>;
}

/** The streams and sinks of this process, which end one by one or all at once when it is to leave. */
export class HeldWork {
  readonly #held = new Set<Held>();
  #isOver = false;

  hold(work: LongWork): { readonly leave: AbortSignal } & Disposable {
    const leave = new AbortController();
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    const held: Held = {
      ...work,
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
      [Symbol.dispose]: () => {
        this.#held.delete(held);
        resolve();
      },
    };
  }

  of(taskQueue: string): readonly Held[] {
    return [...this.#held].filter((held) => held.taskQueue === taskQueue);
  }

  /** Ends everything, and at once what is begun from now on. */
  endAll(): void {
    this.#isOver = true;
    for (const held of this.#held) void held.end();
  }
}
