import { ActivityCancellationType, type ActivityOptions } from '@temporalio/workflow';
import { STREAM_QUEUE } from '../control/names.ts';

/** Short, idempotent steps: tried again until they work or fail with a verdict. */
export const STEP: ActivityOptions = {
  startToCloseTimeout: '2 minutes',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
};

/**
 * A stream lives until it is told to stop. A dead worker is noticed by the missing heartbeat.
 *
 * WAIT_CANCELLATION_COMPLETED is said because the default lets a cancelled activity go on reading
 * while the workflow has moved on.
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
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
  };
}
