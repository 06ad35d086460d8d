import { SluiceError } from '../errors/error.ts';
import { jobFailure } from './bigquery-error.ts';
import type { BigQueryService, Job, JobId, JobOutcome } from './job.ts';

export type JobDone = Extract<JobOutcome, { kind: 'done' }>;

/**
 * Runs a job so that it takes effect once, however often this is called with the same id. Attempts
 * are `<id>-a1`, `<id>-a2`, …; each is submitted only when the one before has failed, so that the
 * last one that was taken tells everything: one that runs is waited for, one that is done is the
 * answer, and behind one that failed, whose id is burnt, comes the next.
 *
 * It submits at most one attempt: the failure of that one is thrown, and the next call goes on
 * behind it.
 *
 * @param doing  what failed: `loading rows of shop.orders`
 * @param beforeSubmit  waited for before an attempt is submitted, with the number of those that failed
 * @throws {SluiceError} `bigquery.*`
 */
export async function runJob(
  service: BigQueryService,
  id: JobId,
  job: Job,
  doing: string,
  signal?: AbortSignal,
  beforeSubmit?: (failed: number) => Promise<void>,
): Promise<JobDone> {
  const last = await lastAttempt(service, id);
  const before = last === 0 ? undefined : await settled(service, attemptId(id, last), signal);
  if (before?.kind === 'done') return before;
  await beforeSubmit?.(last);
  const attempt = attemptId(id, last + 1);
  // A duplicate is the same request of a moment ago, whose answer was lost.
  await service.submit(attempt, job);
  const outcome = await settled(service, attempt, signal);
  if (outcome?.kind === 'done') return outcome;
  if (outcome?.kind === 'failed') throw jobFailure(doing, attempt, job, outcome.error);
  throw new SluiceError(
    'bigquery.unreachable',
    `BigQuery took job ${attempt} and does not know it now, ${doing}.`,
    { facts: { job: attempt } },
  );
}

/** Whether a job has been done that is run by {@link runJob}; waits for an attempt that is under way. */
export async function isDone(
  service: BigQueryService,
  id: JobId,
  signal: AbortSignal,
): Promise<boolean> {
  const last = await lastAttempt(service, id);
  if (last === 0) return false;
  return (await settled(service, attemptId(id, last), signal))?.kind === 'done';
}

const attemptId = (id: JobId, attempt: number): JobId => `${id}-a${attempt}`;

/** How many attempts were taken. Numbers have no gaps, so hours of failures are passed in a few steps. */
async function lastAttempt(service: BigQueryService, id: JobId): Promise<number> {
  const isTaken = async (attempt: number): Promise<boolean> =>
    (await service.outcome(attemptId(id, attempt))) !== undefined;
  let taken = 0;
  let free = 1;
  while (await isTaken(free)) {
    taken = free;
    free *= 2;
  }
  while (free - taken > 1) {
    const middle = Math.floor((taken + free) / 2);
    if (await isTaken(middle)) taken = middle;
    else free = middle;
  }
  return taken;
}

/** The end of a job that was taken. */
async function settled(
  service: BigQueryService,
  id: JobId,
  signal: AbortSignal | undefined,
): Promise<Exclude<JobOutcome, { kind: 'running' }> | undefined> {
  let outcome = await service.outcome(id);
  while (outcome?.kind === 'running') {
    signal?.throwIfAborted();
    outcome = await service.wait(id);
  }
  return outcome;
}
