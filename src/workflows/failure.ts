import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import type { FailureDetails } from '../activities/types.ts';
import type { Verdict } from '../control/incident.ts';

/**
 * What somebody has to decide about a failed activity; `undefined` when the failure only ended the
 * attempt. The server retries all that heals, so such a failure gets here only when the activity
 * was being cancelled at the same time: a lost worker, a broker that was away.
 */
export function verdictOf(failure: unknown): Verdict | undefined {
  const cause = failure instanceof ActivityFailure ? failure.cause : failure;
  if (!(cause instanceof ApplicationFailure)) return undefined;
  const details = cause.details?.[0] as FailureDetails | undefined;
  const { message } = cause;
  const code = cause.type ?? 'internal.bug';
  const facts = details?.facts ?? {};
  switch (details?.outcome) {
    case 'gap':
      return { kind: 'gap', code, message, facts };
    case 'blocked':
    case 'refuse':
      return { kind: 'blocked', code, message, facts };
    case 'retry':
    case 'end':
      return undefined;
    case undefined:
      // Not one of ours. What the server would not try again must not be tried for ever either.
      return cause.nonRetryable ? { kind: 'blocked', code, message, facts } : undefined;
  }
}
