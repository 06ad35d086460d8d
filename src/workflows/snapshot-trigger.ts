import {
  ApplicationFailure,
  condition,
  defineSignal,
  getExternalWorkflowHandle,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { parseCommand, SNAPSHOT_DONE, type SnapshotDone } from '../control/messages.ts';
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
 * that does not exist makes this fail, and so does a request that no pipeline would take, which
 * pauses the schedule in the open.
 */
export async function cdcSnapshotTrigger(input: TriggerInput): Promise<TriggerResult> {
  const { pipeline, schedule, tables } = input;
  const { workflowId } = workflowInfo();
  const snapshotId = schedule + workflowId.slice(triggerWorkflowId(pipeline, schedule).length);
  let done: SnapshotDone | undefined;
  setHandler(defineSignal<[SnapshotDone]>(SNAPSHOT_DONE), (payload) => {
    done = payload;
  });
  const request = {
    snapshotId,
    commandId: snapshotId,
    tables,
    replyTo: workflowId,
    by: `schedule ${schedule}`,
  };
  // A signal that the pipeline cannot read is on record there, and nobody would answer it.
  const checked = parseCommand('requestSnapshot', request);
  if (!checked.ok) throw ApplicationFailure.nonRetryable(checked.message, 'pipeline.refused');
  await getExternalWorkflowHandle(pipelineWorkflowId(pipeline)).signal('requestSnapshot', request);
  await condition(() => done !== undefined, LONGEST_WAIT);
  return done ?? { outcome: 'stillRunning', snapshotId };
}
