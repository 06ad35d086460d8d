import {
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { TableName } from '../change/table.ts';
import { findOpenIncident, type Incident } from '../control/incident.ts';
import {
  CONFIG_QUERY,
  type DurablePosition,
  RECOVER_ACTIONS,
  STATUS_QUERY,
} from '../control/messages.ts';
import { pipelineWorkflowId, sinkWorkflowId } from '../control/names.ts';
import type { PipelineSpec, SinkSpec } from '../control/pipeline-spec.ts';
import type { PipelineState } from '../control/pipeline-state.ts';
import type { SinkState } from '../control/sink-state.ts';
import { type StoppedTables, stoppedTablesOf } from '../control/stopped-tables.ts';
import type { Heartbeat, PipelineProgress, SinkProgress } from '../observability/progress.ts';
import { lastFailureOf, longActivity, waitingSinceMs } from './pending-work.ts';
import { explaining, isNoWorker } from './server-answer.ts';
import { isServed } from './sink-places.ts';
import { CDC_STATE } from './workflow-states.ts';

/** How long a worker's answer may take before the server alone has to do. */
export const ANSWER_TIMEOUT_MS = 5_000;

export interface IncidentView {
  readonly id: string;
  readonly code: string;
  readonly message: string;
  readonly openedAtMs: number;
  readonly closedAtMs?: number;
  /** What `recover --action` takes for it; none where something else cures it. */
  readonly actions: readonly string[];
  /** The one table that it is of; the pipeline or the sink goes on. */
  readonly table?: TableName;
}

export interface SinkView {
  readonly name: string;
  readonly state: string;
  /** Why it does not get on, while it tries again by itself. */
  readonly reason?: string;
  /** Its work lies in the queue since then, and no worker has taken it. */
  readonly waitingSinceMs?: number;
  /** None is there that could take it. */
  readonly isUnserved?: true;
  readonly progress?: SinkProgress;
  /** Tables that have stopped while the others go on; absent when there are none. */
  readonly stopped?: StoppedTables;
  readonly incident?: IncidentView;
}

export interface PipelineView {
  readonly pipeline: string;
  /** A worker has told its state; without one, the server's record has to do, and sinks are not known. */
  readonly isAnswered: boolean;
  readonly state: string;
  readonly sinceMs: number;
  readonly reason?: string;
  /** The stream lies in the queue since then, and no worker has taken it. */
  readonly waitingSinceMs?: number;
  readonly progress?: PipelineProgress;
  /** When the server took the heartbeat that {@link progress} is of. */
  readonly reportedAtMs?: number;
  /** The newest durable position that is known, also while nothing streams. */
  readonly position?: DurablePosition;
  /** Tables that have stopped while the others go on; absent when there are none. */
  readonly stopped?: StoppedTables;
  readonly sinks: readonly SinkView[];
  readonly incident?: IncidentView;
}

/**
 * A pipeline as its workflow, its sinks' workflows and their running activities show it. Numbers are
 * the newest heartbeat's. Without a worker the server's own record has to do.
 *
 * @throws {SluiceError} `pipeline.not-found` | `temporal.unreachable`
 */
export async function viewPipeline(client: Client, pipeline: string): Promise<PipelineView> {
  const handle = client.workflow.getHandle(pipelineWorkflowId(pipeline));
  const [shown, state] = await explaining(pipeline, () =>
    Promise.all([describe(handle), ask<PipelineState>(client, handle)]),
  );
  const open = state && findOpenIncident(state.incidents);
  const reason = reasonOf(shown, state);
  const progress = shown.progress as PipelineProgress | undefined;
  const position = progress?.checkpoint ?? state?.position;
  return {
    pipeline,
    isAnswered: state !== undefined,
    state: phaseOf(shown, state),
    sinceMs: state?.sinceMs ?? shown.startedAtMs,
    ...(reason === undefined ? {} : { reason }),
    ...(shown.waitingSinceMs === undefined ? {} : { waitingSinceMs: shown.waitingSinceMs }),
    ...(progress && { progress, reportedAtMs: shown.reportedAtMs }),
    ...(position && { position }),
    ...stoppedView(shown, state),
    sinks: await Promise.all(
      Object.entries(state?.spec.sinks ?? {}).map(([name, sink]) =>
        viewSink(client, pipeline, name, sink),
      ),
    ),
    ...(open ? { incident: incidentView(open, RECOVER_ACTIONS) } : {}),
  };
}

/** Incidents of a pipeline and its sinks, open and closed; `undefined` without a worker. */
export async function viewIncidents(
  client: Client,
  pipeline: string,
): Promise<readonly IncidentView[] | undefined> {
  const handle = client.workflow.getHandle(pipelineWorkflowId(pipeline));
  const state = await explaining(pipeline, () => ask<PipelineState>(client, handle));
  if (!state) return undefined;
  const ofSinks = await Promise.all(
    Object.keys(state.spec.sinks).map(async (name) => {
      const sink = client.workflow.getHandle(sinkWorkflowId(pipeline, name));
      const sinkState = await unlessMissing(() => ask<SinkState>(client, sink));
      return (sinkState?.incidents ?? []).map((incident) =>
        incidentView(incident, RECOVER_ACTIONS),
      );
    }),
  );
  return [
    ...state.incidents.map((incident) => incidentView(incident, RECOVER_ACTIONS)),
    ...ofSinks.flat(),
  ];
}

/** The state as the workflow has it; `undefined` while no worker answers. */
export function viewState(client: Client, pipeline: string): Promise<PipelineState | undefined> {
  const handle = client.workflow.getHandle(pipelineWorkflowId(pipeline));
  return explaining(pipeline, () => ask<PipelineState>(client, handle));
}

/** The configuration as the workflow has it; `undefined` without a worker. */
export function viewConfig(client: Client, pipeline: string): Promise<PipelineSpec | undefined> {
  const handle = client.workflow.getHandle(pipelineWorkflowId(pipeline));
  return explaining(pipeline, () => ask<PipelineSpec>(client, handle, CONFIG_QUERY));
}

async function viewSink(
  client: Client,
  pipeline: string,
  name: string,
  sink: SinkSpec,
): Promise<SinkView> {
  const handle = client.workflow.getHandle(sinkWorkflowId(pipeline, name));
  const found = await unlessMissing(() =>
    Promise.all([describe(handle), ask<SinkState>(client, handle)]),
  );
  if (!found) return { name, state: 'NOT STARTED' };
  const [shown, state] = found;
  const open = state && findOpenIncident(state.incidents);
  const { waitingSinceMs } = shown;
  const isUnserved = waitingSinceMs !== undefined && !(await isServed(client, sink));
  const reason = isUnserved
    ? unservedText(sink)
    : (waitingText(waitingSinceMs, 'sinks') ?? shown.trouble ?? becauseOf(state));
  return {
    name,
    state: phaseOf(shown, state),
    ...(reason === undefined ? {} : { reason }),
    ...(waitingSinceMs === undefined ? {} : { waitingSinceMs }),
    ...(isUnserved ? { isUnserved } : {}),
    ...(shown.progress === undefined ? {} : { progress: shown.progress as SinkProgress }),
    ...stoppedView(shown, state),
    ...(open ? { incident: incidentView(open, RECOVER_ACTIONS) } : {}),
  };
}

/** What to do about work that workers are there for, and none takes. */
function waitingText(sinceMs: number | undefined, slots: 'streams' | 'sinks'): string | undefined {
  return sinceMs === undefined
    ? undefined
    : `none takes it: start another one, or one with more --${slots}`;
}

function unservedText(sink: SinkSpec): string {
  return sink.kind === 'duckdb'
    ? `no worker serves host ${sink.host}: start sluice worker there, or with --host ${sink.host} where the file is now`
    : 'no worker serves sinks: start sluice worker';
}

/** As the workflow has it on record; without a worker, as the last heartbeat said. */
function stoppedView(
  { progress }: Described,
  state: PipelineState | SinkState | undefined,
): { readonly stopped?: StoppedTables } {
  const stopped = state ? stoppedTablesOf(state) : progress?.stopped;
  // A worker of an earlier version left names in another form.
  return stopped && Array.isArray(stopped.tables) ? { stopped } : {};
}

interface Described {
  readonly state: string;
  /** It goes on, or has ended in order: a query of any other tells of the past. */
  readonly isLiving: boolean;
  /** Since when the long activity waits for a worker. */
  readonly waitingSinceMs: number | undefined;
  readonly startedAtMs: number;
  /** Of the long activity's newest heartbeat. */
  readonly progress: Heartbeat['progress'];
  readonly reportedAtMs: number;
  /** Why an activity does not get on, while it is tried again. */
  readonly trouble: string | undefined;
}

/** What the server itself knows: also without a worker. */
async function describe(handle: WorkflowHandle): Promise<Described> {
  const description = await handle.describe();
  const long = longActivity(description);
  const [payload] = long?.heartbeatDetails?.payloads ?? [];
  const heartbeat = payload ? defaultPayloadConverter.fromPayload<Heartbeat>(payload) : {};
  return {
    state: stateOf(description),
    isLiving: ['RUNNING', 'COMPLETED'].includes(description.status.name),
    waitingSinceMs: waitingSinceMs(long, Date.now()),
    startedAtMs: description.startTime.getTime(),
    progress: heartbeat.progress,
    reportedAtMs: optionalTsToMs(long?.lastHeartbeatTime) ?? 0,
    trouble: lastFailureOf(description) ?? heartbeat.retrying,
  };
}

/** What the workflow says of itself, unless it is dead. */
const phaseOf = (shown: Described, state: PipelineState | SinkState | undefined): string =>
  shown.isLiving && state ? state.phase : shown.state;

/** The attribute a workflow leaves behind when it ends in order; the server's word otherwise. */
function stateOf({ status, typedSearchAttributes }: WorkflowExecutionDescription): string {
  const state = typedSearchAttributes.get(CDC_STATE);
  return status.name === 'RUNNING' || status.name === 'COMPLETED'
    ? (state ?? 'STARTING')
    : status.name;
}

function reasonOf(shown: Described, state: PipelineState | undefined): string | undefined {
  if (!state) return 'no worker answers; the state is the last one recorded';
  return waitingText(shown.waitingSinceMs, 'streams') ?? shown.trouble ?? becauseOf(state);
}

/** The command that led to the state, and who gave it. */
function becauseOf(state: PipelineState | SinkState | undefined): string | undefined {
  if (!state?.because) return undefined;
  const { command, by, reason } = state.because;
  return `${command}${by === undefined ? '' : ` by ${by}`}${reason === undefined ? '' : `: ${reason}`}`;
}

/** What the workflow itself answers; `undefined` when no worker answers in time. */
async function ask<State>(
  client: Client,
  handle: WorkflowHandle,
  question: string = STATUS_QUERY,
): Promise<State | undefined> {
  try {
    return await client.connection.withDeadline(Date.now() + ANSWER_TIMEOUT_MS, () =>
      handle.query<State>(question),
    );
  } catch (error) {
    if (isNoWorker(error)) return undefined;
    throw error;
  }
}

async function unlessMissing<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

function incidentView(
  { id, kind, code, message, facts, openedAtMs, closedAtMs }: Incident,
  actions: readonly string[],
): IncidentView {
  const isOfTable = kind === 'table';
  return {
    id,
    code,
    message,
    openedAtMs,
    ...(closedAtMs === undefined ? {} : { closedAtMs }),
    ...(isOfTable ? { table: String(facts['table']) as TableName } : {}),
    actions: closedAtMs === undefined && !isOfTable ? actions : [],
  };
}
