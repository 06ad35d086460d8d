import type { PipelineSpec, SinkSpec } from './pipeline-spec.ts';

/** Task queues. One process may serve all of them. */
export const CONTROL_QUEUE = 'cdc-control';
export const STREAM_QUEUE = 'cdc-stream';

/** Of the sinks whose warehouse every worker reaches. */
export const SINK_QUEUE = 'cdc-sink';

/** An embedded warehouse lives on one host: its sink runs there or nowhere. */
export function sinkQueue(sink: SinkSpec): string {
  return sink.kind === 'duckdb' ? hostQueue(sink.host) : SINK_QUEUE;
}

export const hostQueue = (host: string): string => `${SINK_QUEUE}.${host}`;

/** Nothing is ever put there: a worker that asks it serves the host, also when it has no room. */
export const presenceQueue = (host: string): string => `cdc-present.${host}`;

/** Of one process alone: what it is asked there is about what it runs. */
export const processQueue = (id: string): string => `cdc-process.${id}`;

/** Patch of workflow code: see src/workers/resting-patches.ts. */
export const COMMANDS_REACH_A_RUNNING_STREAM = 'commands reach a running stream';

/** Search attributes of every workflow; both Keyword. The server has to know them before a start. */
export const STATE_ATTRIBUTE = 'CdcState';
export const PIPELINE_ATTRIBUTE = 'CdcPipeline';

export function pipelineWorkflowId(pipeline: string): string {
  return `cdc/${pipeline}`;
}

export function sinkWorkflowId(pipeline: string, sink: string): string {
  return `cdc/${pipeline}/sink/${sink}`;
}

export function scheduleId(pipeline: string, schedule: string): string {
  return `cdc/${pipeline}/${schedule}`;
}

/** Temporal adds the scheduled time to it. */
export function triggerWorkflowId(pipeline: string, schedule: string): string {
  return `cdc/${pipeline}/sched/${schedule}`;
}

/** Who a prefix belongs to, as the position record says. */
export function ownerOf(namespace: string, spec: PipelineSpec): string {
  return `${namespace}/${pipelineWorkflowId(spec.pipeline)}`;
}
