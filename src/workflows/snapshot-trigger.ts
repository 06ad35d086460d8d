import {
  condition,
  defineSignal,
  getExternalWorkflowHandle,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { SNAPSHOT_DONE, type SnapshotDone } from '../control/messages.ts';
import { pipelineWorkflowId, triggerWorkflowId } from '../control/names.ts';

export interface TriggerInput {
  readonly pipeline: string;
  readonly schedule: string;
  readonly tables: readonly string[];
}

/** The pipeline's answer, or that it goes on with the snapshot although nobody waits any longer. */
export type TriggerResult =
  | SnapshotDone
  | { readonly outcome: 'stillRunning'; readonly snapshotId: string };

const LONGEST_WAIT = '1 day';

/**
 * Started by a schedule, which cannot address a workflow that is already there: asks the pipeline
 * for a snapshot and waits for its end. A pipeline that is not streaming answers "deferred". One
 * that does not exist makes this fail, which pauses the schedule in the open.
 */
export async function cdcSnapshotTrigger(input: TriggerInput): Promise<TriggerResult> {
  const { pipeline, schedule, tables } = input;
  const { workflowId } = workflowInfo();
  const snapshotId = schedule + workflowId.slice(triggerWorkflowId(pipeline, schedule).length);
  let done: SnapshotDone | undefined;
  setHandler(defineSignal<[SnapshotDone]>(SNAPSHOT_DONE), (payload) => {
    done = payload;
  });
  await getExternalWorkflowHandle(pipelineWorkflowId(pipeline)).signal('requestSnapshot', {
    snapshotId,
    commandId: snapshotId,
    tables,
    replyTo: workflowId,
    by: `schedule ${schedule}`,
  });
  await condition(() => done !== undefined, LONGEST_WAIT);
  return done ?? { outcome: 'stillRunning', snapshotId };
}
