import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { CONTROL_QUEUE, sinkWorkflowId } from '../control/names.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';

/** One workflow per sink, started or handed the configuration; a stopped warehouse stays theirs alone. */
export async function ensureSinks(client: Client, spec: PipelineSpec): Promise<void> {
  for (const sinkName of Object.keys(spec.sinks))
    await client.workflow.signalWithStart('cdcSink', {
      workflowId: sinkWorkflowId(spec.pipeline, sinkName),
      taskQueue: CONTROL_QUEUE,
      args: [{ spec, sinkName }],
      signal: 'applyConfig',
      signalArgs: [{ spec }],
    });
}

/** Asks every sink to stop, and waits until its last commit is done. */
export async function stopSinks(client: Client, spec: PipelineSpec): Promise<void> {
  for (const sinkName of Object.keys(spec.sinks)) {
    const handle = client.workflow.getHandle(sinkWorkflowId(spec.pipeline, sinkName));
    try {
      await handle.signal('stop');
      await handle.result();
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }
}
