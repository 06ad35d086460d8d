import { ActivityCancellationType, type ActivityOptions } from '@temporalio/workflow';
import { STREAM_QUEUE } from '../control/names.ts';

/** From a second to a minute, for ever: a pipeline outlives every outage. */
const RETRY = {
  initialInterval: '1 second',
  backoffCoefficient: 2,
  maximumInterval: '1 minute',
} as const;

/**
 * A worker that died is replaced at once, for the hundredth time as for the first: the server's
 * count of attempts never goes back. What fails inside a stream backs off there.
 */
const TAKE_OVER = { initialInterval: '1 second', backoffCoefficient: 1 } as const;

/**
 * Short, idempotent steps: tried again until they work or fail with a verdict. A command that makes
 * one pointless does not wait for its end.
 */
export const STEP: ActivityOptions = {
  startToCloseTimeout: '2 minutes',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: RETRY,
};

/**
 * A stream lives until it is told to stop. A dead worker is noticed by the missing heartbeat.
 *
 * WAIT_CANCELLATION_COMPLETED is said because the SDK's default lets a cancelled activity go on
 * reading while the workflow has moved on.
 */
export function longLived(
  heartbeatTimeoutMs: number,
  taskQueue: string = STREAM_QUEUE,
): ActivityOptions {
  return {
    taskQueue,
    startToCloseTimeout: '365 days',
    heartbeatTimeout: heartbeatTimeoutMs,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: TAKE_OVER,
  };
}

/** Before a long activity that ended by itself, without a verdict, is started again. */
export const UNASKED_RESTART_DELAY = '5 seconds';
