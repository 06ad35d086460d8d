import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import type { Outcome } from '../errors/catalogue.ts';
import { judgeFailure } from '../errors/policy.ts';
import type { FailureDetails } from './types.ts';

/**
 * What the server tries again by itself. `end` too: an attempt that was taken over is out of date,
 * and the server ignores its report; where it is the newest after all, as when Kafka fenced it for
 * a transaction that timed out, the next attempt starts with the fence and goes on.
 */
const TRIED_AGAIN: readonly Outcome[] = ['retry', 'end'];

/**
 * The failure an activity reports for anything thrown; the only place that makes one. Its type is
 * the error's code, its first detail {@link FailureDetails}. What heals is retried by the server,
 * what needs a decision comes back to the workflow.
 */
export function activityFailure(thrown: unknown): ApplicationFailure {
  const { code, outcome, message, facts } = judgeFailure(thrown);
  const details: FailureDetails = { outcome, facts };
  return ApplicationFailure.create({
    type: code,
    message,
    nonRetryable: !TRIED_AGAIN.includes(outcome),
    details: [details],
    ...(outcome === 'end' ? { category: ApplicationFailureCategory.BENIGN } : {}),
  });
}
