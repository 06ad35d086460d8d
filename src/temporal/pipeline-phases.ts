import type { Client } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

export const CDC_STATE = defineSearchAttributeKey('CdcState', SearchAttributeType.KEYWORD);

/** Pipeline → phase of every pipeline of the namespace, from visibility: no workflow is asked, nothing is billed. */
export async function pipelinePhases(client: Client): Promise<ReadonlyMap<string, string>> {
  const phases = new Map<string, string>();
  const query = "WorkflowType = 'cdcPipeline' AND ExecutionStatus = 'Running'";
  for await (const { workflowId, typedSearchAttributes } of client.workflow.list({ query })) {
    const phase = typedSearchAttributes.get(CDC_STATE);
    if (phase !== undefined) phases.set(workflowId.replace(/^cdc\//, ''), phase);
  }
  return phases;
}
