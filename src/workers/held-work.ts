import type { Holding, LongWork } from '../activities/create-activities.ts';
import type { RunningCommand } from '../control/stream-command.ts';

/** Work that this process has at the moment. */
export interface Held extends LongWork {
  /** Absent while it works. */
  readonly failingSinceMs: number | undefined;
  /** Hands commands to a stream while it runs; false where nothing takes them. */
  give(commands: readonly RunningCommand[]): boolean;
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
    let take: ((commands: readonly RunningCommand[]) => void) | undefined;
    const held: Held = {
      ...work,
      get failingSinceMs() {
        return failingSinceMs;
      },
      give: (commands) => {
        if (!take || leave.signal.aborted) return false;
        take(commands);
        return true;
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
      takesCommands: (by) => {
        take = by;
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

  /** Whether a stream of this process has been given the commands. */
  give(pipeline: string, commands: readonly RunningCommand[]): boolean {
    const streams = this.all.filter(
      (held) => held.pipeline === pipeline && held.sink === undefined,
    );
    return streams.some((stream) => stream.give(commands));
  }

  /** Ends everything, and at once what is begun from now on. */
  endAll(): void {
    this.#isOver = true;
    for (const held of this.#held) void held.end();
  }
}
