import type { Client } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { PIPELINE_ATTRIBUTE, STATE_ATTRIBUTE, sinkWorkflowId } from '../control/names.ts';

export const CDC_STATE = defineSearchAttributeKey(STATE_ATTRIBUTE, SearchAttributeType.KEYWORD);
const CDC_PIPELINE = defineSearchAttributeKey(PIPELINE_ATTRIBUTE, SearchAttributeType.KEYWORD);

export interface WorkflowState {
  readonly pipeline: string;
  /** Absent for the pipeline itself. */
  readonly sink?: string;
  readonly state: string;
}

/**
 * The states of every pipeline and sink of the namespace, from visibility: no workflow is asked, no
 * event is written. Visibility may be a second behind.
 */
export async function workflowStates(
  client: Client,
  deadlineMs: number,
): Promise<readonly WorkflowState[]> {
  return client.connection.withDeadline(deadlineMs, async () => {
    const states: WorkflowState[] = [];
    const query =
      "WorkflowType IN ('cdcPipeline', 'cdcDrop', 'cdcSink') AND ExecutionStatus = 'Running'";
    for await (const { workflowId, typedSearchAttributes } of client.workflow.list({ query })) {
      const pipeline = typedSearchAttributes.get(CDC_PIPELINE);
      const state = typedSearchAttributes.get(CDC_STATE);
      if (pipeline === undefined || state === undefined) continue;
      const ofSink = sinkWorkflowId(pipeline, '');
      const sink = workflowId.startsWith(ofSink) ? workflowId.slice(ofSink.length) : undefined;
      states.push({ pipeline, state, ...(sink === undefined ? {} : { sink }) });
    }
    return states;
  });
}
