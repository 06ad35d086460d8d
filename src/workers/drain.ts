import { setTimeout as pause } from 'node:timers/promises';
import { inLanes } from '../async/lanes.ts';
import type { Held, HeldWork } from './held-work.ts';

/** A stream, or the sink that is named. */
export interface DrainedWork {
  readonly pipeline: string;
  readonly sink?: string;
}

/** What becomes of the work, as it becomes it. */
export interface DrainStep extends DrainedWork {
  /**
   * `ending`: its last batch is being committed. `handedOver`: another worker has it, or it is not to
   * run. `waiting`: it has ended here and no worker has taken it. `ended`: by force, without a look
   * at who takes it. `kept`: it runs on here, for the reason that is given.
   */
  readonly became: 'ending' | 'handedOver' | 'waiting' | 'ended' | 'kept';
  readonly reason?: string;
}

export interface DrainEnd {
  /** The worker has nothing left, and ends. */
  readonly isEmpty: boolean;
}

export interface DrainOptions {
  /** Ends work also where no other worker serves its queue: it waits until one does. */
  readonly force: boolean;
  /** Aborted: nothing more is handed over. */
  readonly signal: AbortSignal;
  readonly onStep: (step: DrainStep) => void;
  /** For how long a queue has to be without work until it counts as idle. */
  readonly idleMs?: number;
}

/** A queue of long work, and how this process stops asking it. */
export interface DrainedQueue {
  readonly name: string;
  /** Idempotent. What runs goes on. */
  leave(): void;
}

export interface DrainParts {
  readonly queues: readonly DrainedQueue[];
  readonly held: HeldWork;
  /** Whether another worker asks the queue for work. */
  isServedByOthers(queue: string): Promise<boolean>;
  /** Whether another worker has the work, or nobody is to have it. */
  isTaken(work: DrainedWork): Promise<boolean>;
}

/** Each stream that ends makes a short pause in its pipeline, and each that begins some load. */
const AT_ONCE = 2;
/** A worker with room takes what it is offered within two seconds. */
const TAKEN_WITHIN_MS = 60_000;
const LOOK_MS = 500;
const IDLE_MS = 5_000;

/**
 * Hands the work of this process over, queue by queue and a little at a time: each ends in order, and
 * the next one only when the server has given it to another worker.
 *
 * A queue that has work here and that nobody else serves is not touched unless `force` says so, and
 * goes on as before: work that runs here is better than work that waits. The same for the rest of a
 * queue when nobody takes what was handed over.
 */
export async function drain(parts: DrainParts, options: DrainOptions): Promise<DrainEnd> {
  const { held, queues } = parts;
  // All questions come first: a server that does not answer leaves everything as it was.
  const served = await Promise.all(queues.map(({ name }) => parts.isServedByOthers(name)));
  const isLeft = (queue: DrainedQueue): boolean =>
    options.force || served[queues.indexOf(queue)] === true;
  for (const queue of queues.filter(isLeft)) {
    if (options.signal.aborted) break;
    queue.leave();
    // What the queue had given out when it was left comes late.
    for (let isTaken = true; isTaken && held.of(queue.name).length > 0; )
      isTaken = await handOverAll(parts, held.of(queue.name), options);
  }
  const others = queues.filter((queue) => !isLeft(queue));
  if (others.length > 0) await leaveIdle(others, parts, options);
  const isEmpty = queues.every(({ name }) => held.of(name).length === 0);
  return { isEmpty: isEmpty && !options.signal.aborted };
}

/** Leaves queues that nobody else serves, when nothing of any queue is left here. */
async function leaveIdle(
  queues: readonly DrainedQueue[],
  parts: DrainParts,
  { signal, onStep, idleMs = IDLE_MS }: DrainOptions,
): Promise<void> {
  const works = (): readonly Held[] => parts.queues.flatMap(({ name }) => parts.held.of(name));
  // A stream that begins anew, for a command, is nowhere for a moment.
  const untilMs = Date.now() + idleMs;
  while (!signal.aborted && works().length === 0 && Date.now() < untilMs) await pause(LOOK_MS);
  if (!signal.aborted && works().length === 0) for (const queue of queues) queue.leave();
  for (const { name } of queues) {
    const reason = `no other worker serves ${name}`;
    for (const work of parts.held.of(name)) onStep(stepOf(work, 'kept', reason));
  }
}

/** @returns whether all of it has been taken */
async function handOverAll(
  parts: DrainParts,
  works: readonly Held[],
  { force, signal, onStep }: DrainOptions,
): Promise<boolean> {
  const waiting: Held[] = [];
  await inLanes(AT_ONCE, works, async (work) => {
    if (waiting.length > 0 || signal.aborted) {
      const reason =
        waiting.length > 0 ? 'the one before waits for a worker' : 'nobody asks any longer';
      onStep(stepOf(work, 'kept', reason));
      return;
    }
    onStep(stepOf(work, 'ending'));
    await work.end();
    if (force) {
      onStep(stepOf(work, 'ended'));
      return;
    }
    const isTaken = await becomesTaken(() => parts.isTaken(work), signal);
    if (!isTaken) waiting.push(work);
    onStep(stepOf(work, isTaken ? 'handedOver' : 'waiting'));
  });
  return waiting.length === 0 && !signal.aborted;
}

async function becomesTaken(
  isTaken: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<boolean> {
  const deadlineMs = Date.now() + TAKEN_WITHIN_MS;
  while (!signal.aborted && Date.now() < deadlineMs) {
    if (await isTaken()) return true;
    await pause(LOOK_MS);
  }
  return false;
}

const stepOf = (
  { pipeline, sink }: DrainedWork,
  became: DrainStep['became'],
  reason?: string,
): DrainStep => ({
  pipeline,
  ...(sink === undefined ? {} : { sink }),
  became,
  ...(reason === undefined ? {} : { reason }),
});
