import { GracefulShutdownPeriodExpiredError, type Worker } from '@temporalio/worker';
import type { Health } from '../observability/http-server.ts';
import { type DrainEnd, type DrainOptions, type DrainParts, drain } from './drain.ts';
import type { HeldWork } from './held-work.ts';

/**
 * How long work gets to end in order once the process was asked to, so a stream to commit its last
 * batch. Connections are closed behind it, all before the 30 seconds are over that Kubernetes gives
 * a pod.
 */
export const END_WITHIN_MS = 25_000;

/** The part of the SDK's worker that this is about. */
type QueueWorker = Pick<Worker, 'run' | 'shutdown' | 'getState'> & {
  readonly options: { readonly taskQueue: string };
};

export interface QueueWorkers {
  /** Runs workflows and steps: the last to leave. */
  readonly control: QueueWorker;
  /** Asked about what this process runs, for as long as it runs anything. */
  readonly own: QueueWorker;
  /** Of streams and sinks. What they run ends when {@link HeldWork} says so, and not before. */
  readonly long: readonly QueueWorker[];
  /** Shows that the host is served, which is so for as long as the last of `long` is. */
  readonly presence: QueueWorker;
}

/** The task queues that one process serves, from its start until it has left them all. */
export class ServedQueues {
  readonly #workers: QueueWorkers;
  readonly #held: HeldWork;
  #isDrained = false;

  constructor(workers: QueueWorkers, held: HeldWork) {
    this.#workers = workers;
    this.#held = held;
  }

  /**
   * Resolves when the signal has ended everything in order, or a drain has.
   * @throws {GracefulShutdownPeriodExpiredError} when something has not ended in time
   */
  async run(signal: AbortSignal): Promise<void> {
    const { promise: forced, reject } = Promise.withResolvers<never>();
    let impatience: NodeJS.Timeout | undefined;
    const stop = (): void => {
      this.#leaveAll();
      this.#held.endAll();
      impatience = setTimeout(() => {
        reject(new GracefulShutdownPeriodExpiredError('Work did not end in time.'));
      }, END_WITHIN_MS);
    };
    signal.addEventListener('abort', stop);
    const running = this.#all().map((worker) => worker.run());
    if (signal.aborted) stop();
    try {
      await Promise.race([Promise.all(running), forced]);
    } finally {
      clearTimeout(impatience);
      signal.removeEventListener('abort', stop);
    }
  }

  /** A worker that is being drained is well for as long as it runs workflows. */
  health(): Health {
    const parts = Object.fromEntries(
      this.#all().map((worker) => [worker.options.taskQueue, worker.getState()]),
    );
    const needed = this.#isDrained ? [this.#workers.control] : this.#all();
    return { ok: needed.every((worker) => worker.getState() === 'RUNNING'), parts };
  }

  /** Ends the process's work as {@link drain} does; when nothing is left, {@link run} resolves. */
  async drain(
    others: Pick<DrainParts, 'isServedByOthers' | 'isTaken'>,
    options: DrainOptions,
  ): Promise<DrainEnd> {
    this.#isDrained = true;
    const { long, presence } = this.#workers;
    const queues = long.map((worker) => ({
      name: worker.options.taskQueue,
      leave: () => {
        leave(worker);
        if (worker === long.at(-1)) leave(presence);
      },
    }));
    const end = await drain({ queues, held: this.#held, ...others }, options);
    if (end.isEmpty) this.#leaveAll();
    return end;
  }

  #all(): readonly QueueWorker[] {
    const { control, own, presence, long } = this.#workers;
    return [control, ...long, presence, own];
  }

  #leaveAll(): void {
    for (const worker of this.#all()) leave(worker);
  }
}

function leave(worker: QueueWorker): void {
  if (worker.getState() === 'RUNNING') worker.shutdown();
}
