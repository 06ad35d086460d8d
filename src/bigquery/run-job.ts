import { SluiceError } from '../errors/error.ts';
import { jobFailure } from './bigquery-error.ts';
import type { BigQueryService, Job, JobId, JobOutcome } from './job.ts';

export type JobDone = Extract<JobOutcome, { kind: 'done' }>;

/** After so many attempts of one job the fault is not a passing one. */
const MAX_ATTEMPTS = 100;

/**
 * Runs a job so that it takes effect once, however often this is called with the same id: attempts
 * are `<id>-a1`, `<id>-a2`, …, the first that is unknown is submitted, one that runs is waited for,
 * one that failed is burnt, and one that is done is the answer.
 *
 * It submits at most one attempt: the failure of that one is thrown, and the next call goes on
 * behind it.
 *
 * @param doing  what failed: `loading rows of shop.orders`
 * @throws {SluiceError} `bigquery.*`
 */
export async function runJob(
  service: BigQueryService,
  id: JobId,
  job: Job,
  doing: string,
  signal?: AbortSignal,
): Promise<JobDone> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const attemptId = `${id}-a${attempt}`;
    const before = await settled(service, attemptId, signal);
    if (before?.kind === 'done') return before;
    if (before?.kind === 'failed') continue;
    // A duplicate is the same request of a moment ago, whose answer was lost.
    await service.submit(attemptId, job);
    const outcome = await settled(service, attemptId, signal);
    if (outcome?.kind === 'done') return outcome;
    if (outcome?.kind === 'failed') throw jobFailure(doing, attemptId, outcome.error);
    throw new SluiceError(
      'bigquery.unreachable',
      `BigQuery took job ${attemptId} and does not know it now, ${doing}.`,
      { facts: { job: attemptId } },
    );
  }
  throw new SluiceError(
    'bigquery.failed',
    `All ${MAX_ATTEMPTS} attempts of job ${id} have failed, ${doing}.`,
    { facts: { job: id, attempts: MAX_ATTEMPTS } },
  );
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
