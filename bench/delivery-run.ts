import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender, Job } from './contender.ts';
import { flawIn } from './envelope-check.ts';
import type { Place } from './place.ts';
import type { Program } from './program.ts';
import type { Run } from './results.ts';
import type { Workload } from './scenarios.ts';
import { type Delivery, rowsPerSecond } from './timeline.ts';
import type { RunTopics } from './topics.ts';

const POLL_MS = 150;
/** Nothing new for so long may be the end. */
const QUIET_MS = 1_000;
/** Nothing new for so long is the end, whatever is missing. */
const STUCK_MS = 90_000;
const SAMPLE = 40;

/** Runs the program until its topics hold everything, and says how fast they got it. */
export async function deliveryRun(
  contender: Contender,
  job: Job,
  workload: Workload,
  topics: RunTopics,
  place: Place,
): Promise<Run> {
  const program = await contender.start(job);
  let delivery: Delivery | undefined;
  try {
    delivery = await untilDelivered(topics, workload.records, program, place.signal);
  } finally {
    await program[Symbol.asyncDispose]();
  }
  // Once more, with nobody writing: a record too many arrives late.
  delivery = (await topics.delivery()) ?? delivery;
  if (delivery?.records !== workload.records) {
    const log = await program.log();
    return invalid(
      `${delivery?.records ?? 0} records instead of ${workload.records}; the end of its log:\n${log}`,
    );
  }
  const flaw =
    contender.settings['topic'] === undefined ? flawIn(await topics.sample(SAMPLE)) : undefined;
  if (flaw !== undefined) return invalid(flaw);
  const { firstMs, lastMs } = delivery;
  return {
    kind: 'measured',
    figures: {
      rowsPerSecond: rowsPerSecond(workload.rows, delivery),
      p50Ms: undefined,
      p99Ms: undefined,
      peakMemoryMb: program.usage.peakMb,
      cpuSecondsPerMillionRows:
        (program.usage.cpuSecondsBetween(firstMs, lastMs) * 1_000_000) / workload.rows,
    },
  };
}

export const invalid = (reason: string): Run => ({ kind: 'invalid', reason });

/** Committed offsets tell cheaply that something moves; only the batches tell whether all is there. */
async function untilDelivered(
  topics: RunTopics,
  records: number,
  program: Program,
  signal: AbortSignal,
): Promise<Delivery | undefined> {
  let seen = -1;
  let movedAtMs = Date.now();
  let looked = -1;
  for (;;) {
    signal.throwIfAborted();
    const offsets = await topics.committedOffsets();
    if (offsets !== seen) movedAtMs = Date.now();
    seen = offsets;
    const quietMs = Date.now() - movedAtMs;
    const isOver = quietMs > STUCK_MS || !(await program.running());
    if (isOver || (offsets >= records && quietMs > QUIET_MS && looked !== offsets)) {
      looked = offsets;
      const delivery = await topics.delivery();
      if (isOver || (delivery?.records ?? 0) >= records) return delivery;
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}
