import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import type { FailureDetails } from '../activities/types.ts';

/** A failure that came back from an activity because somebody has to decide. */
export interface Decision {
  readonly kind: 'gap' | 'blocked';
  readonly code: string;
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/**
 * What a failed activity means for its workflow. `taken over` ends an attempt only: another one
 * runs. Anything without a verdict stops the pipeline in the open rather than being tried for ever.
 */
export function decisionOf(error: unknown): Decision | 'takenOver' {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (!(cause instanceof ApplicationFailure))
    return { kind: 'blocked', code: 'internal.bug', message: String(cause), facts: {} };
  const details = (cause.details?.[0] ?? {}) as Partial<FailureDetails>;
  if (details.outcome === 'end') return 'takenOver';
  return {
    kind: details.outcome === 'gap' ? 'gap' : 'blocked',
    code: cause.type ?? 'internal.bug',
    message: cause.message,
    facts: details.facts ?? {},
  };
}
