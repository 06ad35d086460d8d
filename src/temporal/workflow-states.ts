import {
  type Client,
  type WorkflowExecutionDescription,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { inLanes } from '../async/lanes.ts';
import {
  PIPELINE_ATTRIBUTE,
  pipelineWorkflowId,
  STATE_ATTRIBUTE,
  sinkWorkflowId,
} from '../control/names.ts';
import { longActivity, waitingSinceMs, workerOf } from './pending-work.ts';

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

/** A stream or a sink that is to run, and since when it waits for a worker that takes it. */
export interface Work {
  readonly pipeline: string;
  /** Absent for the stream. */
  readonly sink?: string;
  readonly waitingSinceMs?: number;
}

/** States in which a workflow has its long activity. */
const AT_WORK: readonly string[] = ['STREAMING', 'RUNNING'];
/** Questions to the server at a time: a fleet is looked through with every scrape. */
const LANES = 8;

/** What of the states is to run, looked up one by one; what has ended meanwhile is left out. */
export async function workOf(
  client: Client,
  states: readonly WorkflowState[],
): Promise<readonly Work[]> {
  const found: Work[] = [];
  const atWork = states.filter(({ state }) => AT_WORK.includes(state));
  await inLanes(LANES, atWork, async ({ state: _, ...work }) => {
    const description = await describe(client, work);
    if (!description) return;
    const sinceMs = waitingSinceMs(longActivity(description), Date.now());
    found.push({ ...work, ...(sinceMs === undefined ? {} : { waitingSinceMs: sinceMs }) });
  });
  return found;
}

/** Whether a worker other than this one has the work, or nobody is to have it now. */
export async function isTaken(
  client: Client,
  work: Pick<Work, 'pipeline' | 'sink'>,
  identity: string,
): Promise<boolean> {
  const description = await describe(client, work);
  const activity = description && longActivity(description);
  return activity === undefined || ![undefined, identity].includes(workerOf(activity));
}

/** `undefined` for a workflow that is gone. */
async function describe(
  client: Client,
  { pipeline, sink }: Pick<Work, 'pipeline' | 'sink'>,
): Promise<WorkflowExecutionDescription | undefined> {
  const id = sink === undefined ? pipelineWorkflowId(pipeline) : sinkWorkflowId(pipeline, sink);
  try {
    return await client.workflow.getHandle(id).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
