import type { WorkflowExecutionDescription } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';

type PendingActivity = NonNullable<
  WorkflowExecutionDescription['raw']['pendingActivities']
>[number];

/** PENDING_ACTIVITY_STATE_SCHEDULED and _STARTED of Temporal's API. */
const SCHEDULED = 1;
const STARTED = 2;

/** A worker with room takes what lies in the queue at once: what lies there longer waits for one. */
const HANDED_OUT_WITHIN_MS = 2_000;

/** The long activities: a workflow has one of them at a time. */
const LONG: readonly (string | null | undefined)[] = ['streamBinlog', 'runSink'];

/** The stream or the sink that a workflow is at, as the server has it; `undefined` while it is at neither. */
export function longActivity({ raw }: WorkflowExecutionDescription): PendingActivity | undefined {
  return raw.pendingActivities?.find(({ activityType }) => LONG.includes(activityType?.name));
}

/**
 * Since when an activity waits for a worker that takes it; `undefined` while one has it, and before
 * a retry is due.
 *
 * The server counts from the attempt: what a worker that died had is waiting from the missed
 * heartbeat on, however old the activity is.
 */
export function waitingSinceMs(
  activity: PendingActivity | undefined,
  nowMs: number,
): number | undefined {
  if (Number(activity?.state) !== SCHEDULED) return undefined;
  const scheduledMs = optionalTsToMs(activity?.scheduledTime);
  return scheduledMs !== undefined && nowMs - scheduledMs > HANDED_OUT_WITHIN_MS
    ? scheduledMs
    : undefined;
}

/** Identity of the worker that has an activity now; `undefined` while none has. */
export function workerOf(activity: PendingActivity | undefined): string | undefined {
  return Number(activity?.state) === STARTED
    ? (activity?.lastWorkerIdentity ?? undefined)
    : undefined;
}

/** Why an activity of the workflow does not get on, while it is tried again. */
export function lastFailureOf({ raw }: WorkflowExecutionDescription): string | undefined {
  const failing = raw.pendingActivities?.find((one) => one.lastFailure && !isAtWork(one));
  return failing?.lastFailure?.message ?? undefined;
}

/** The server keeps the last failure of an activity for as long as that runs: past it, it is history. */
function isAtWork({ state, lastStartedTime, lastHeartbeatTime }: PendingActivity): boolean {
  const startedAtMs = optionalTsToMs(lastStartedTime) ?? 0;
  return Number(state) === STARTED && (optionalTsToMs(lastHeartbeatTime) ?? 0) > startedAtMs;
}
