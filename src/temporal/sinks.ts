import { type Client, WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import { CONTROL_QUEUE, sinkWorkflowId } from '../control/names.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';

/**
 * One workflow per sink, started or handed the configuration; a stopped warehouse stays theirs
 * alone. Retired sinks are asked to stop and not waited for.
 */
export async function ensureSinks(
  client: Client,
  { spec, retired }: { readonly spec: PipelineSpec; readonly retired: readonly string[] },
): Promise<void> {
  for (const [sinkName, { kind }] of Object.entries(spec.sinks))
    await client.workflow.signalWithStart('cdcSink', {
      workflowId: sinkWorkflowId(spec.pipeline, sinkName),
      taskQueue: CONTROL_QUEUE,
      args: [{ spec, sinkName }],
      signal: 'applyConfig',
      signalArgs: [{ spec }],
      staticSummary: `${spec.kafka.prefix}.* → ${kind} ${sinkName}`,
    });
  for (const sinkName of retired)
    await unlessGone(() =>
      client.workflow.getHandle(sinkWorkflowId(spec.pipeline, sinkName)).signal('stop', {}),
    );
}

/**
 * Asks every sink to stop, and waits until its last commit is done. One that was terminated or
 * cancelled by hand has ended as well.
 */
export async function stopSinks(client: Client, spec: PipelineSpec): Promise<void> {
  for (const sinkName of Object.keys(spec.sinks)) {
    const handle = client.workflow.getHandle(sinkWorkflowId(spec.pipeline, sinkName));
    await unlessGone(() => handle.signal('stop', {}));
    await unlessGone(() => handle.result());
  }
}

async function unlessGone(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const isGone = error instanceof WorkflowNotFoundError || error instanceof WorkflowFailedError;
    if (!isGone) throw error;
  }
}
