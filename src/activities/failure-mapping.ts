import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { judgeFailure } from '../errors/policy.ts';
import type { FailureDetails } from './types.ts';

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
    nonRetryable: outcome !== 'retry',
    details: [details],
    ...(outcome === 'end' ? { category: ApplicationFailureCategory.BENIGN } : {}),
  });
}
