import {
  condition,
  defineSignal,
  getExternalWorkflowHandle,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { SNAPSHOT_DONE, type SnapshotFinished } from '../control/messages.ts';
import { pipelineWorkflowId } from '../control/names.ts';

export interface TriggerInput {
  readonly pipeline: string;
  readonly schedule: string;
  readonly tables: readonly string[];
}

export interface TriggerResult {
  readonly snapshotId: string;
  readonly finished?: SnapshotFinished;
  /** The pipeline had not finished it within a day; it goes on. */
  readonly deferred: boolean;
}

/** Started by a schedule, which cannot address a workflow that is already there: asks the pipeline and waits. */
export async function cdcSnapshotTrigger(input: TriggerInput): Promise<TriggerResult> {
  let finished: SnapshotFinished | undefined;
  setHandler(defineSignal<[SnapshotFinished]>(SNAPSHOT_DONE), (payload) => {
    finished = payload;
  });
  const { workflowId } = workflowInfo();
  await getExternalWorkflowHandle(pipelineWorkflowId(input.pipeline)).signal('requestSnapshot', {
    snapshotId: workflowId,
    commandId: workflowId,
    tables: input.tables,
    replyTo: workflowId,
    by: `schedule ${input.schedule}`,
  });
  const done = await condition(() => finished !== undefined, '1 day');
  return {
    snapshotId: workflowId,
    deferred: !done,
    ...(finished === undefined ? {} : { finished }),
  };
}
