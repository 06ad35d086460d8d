import { CancelledFailure, Context } from '@temporalio/activity';
import {
  CAPTURE_STARTED,
  type CaptureStarted,
  SNAPSHOT_FINISHED,
  type SnapshotFinished,
  STOPPED_TABLES,
} from '../control/messages.ts';
import { pipelineWorkflowId, sinkWorkflowId } from '../control/names.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import type { StoppedTables } from '../control/stopped-tables.ts';
import { isCancellation } from '../errors/policy.ts';
import type { Heartbeat, Progress } from '../observability/progress.ts';
import { forHeartbeat } from '../observability/progress.ts';
import { activityFailure } from './failure-mapping.ts';
import { withHeartbeat } from './heartbeat.ts';
import { Notices } from './notices.ts';
import { StoppedTablesNotice } from './stopped-tables-notice.ts';
import type { Activities, EnsureInput, SinkInput, SinkResult, StreamInput } from './types.ts';

/** Hooks of a long activity: what it may say while it runs. */
export interface StreamHooks {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  /** The work has failed and is tried again here; the next progress says that this is over. */
  readonly onRetrying: (why: string) => void;
  /** Which tables have stopped, with every progress that knows of all of them. */
  readonly onStoppedTables: (stopped: StoppedTables | undefined) => void;
  readonly onStarted: (started: CaptureStarted) => void;
  readonly onSnapshotFinished: (finished: SnapshotFinished) => void;
}

/** Those of every long activity. */
export type LongRunningHooks = Pick<
  StreamHooks,
  'signal' | 'onProgress' | 'onRetrying' | 'onStoppedTables'
>;

type ProgressHooks = Omit<LongRunningHooks, 'onStoppedTables'>;

/** What the composition root puts in: the work itself, and the way to Temporal. */
export interface ActivityParts {
  provision(spec: PipelineSpec): Promise<void>;
  runCapture(input: StreamInput, hooks: StreamHooks): Promise<void>;
  runSink(input: SinkInput, hooks: LongRunningHooks): Promise<SinkResult>;
  ensureSinks(input: EnsureInput): Promise<void>;
  ensureSchedules(input: EnsureInput): Promise<void>;
  teardown(input: { readonly spec: PipelineSpec; readonly deleteTopics: boolean }): Promise<void>;
  /** Called again after a failure, until the signal has arrived or its workflow is gone. */
  signalWorkflow(workflowId: string, signal: WorkflowSignal): Promise<void>;
}

/** What an activity tells the workflow that runs it. */
export type WorkflowSignal =
  | { readonly name: typeof CAPTURE_STARTED; readonly payload: CaptureStarted }
  | { readonly name: typeof SNAPSHOT_FINISHED; readonly payload: SnapshotFinished }
  | { readonly name: typeof STOPPED_TABLES; readonly payload: StoppedTables };

/** Time for notices to arrive when the stream has ended already. */
const LAST_NOTICES_MS = 10_000;

export function createActivities(parts: ActivityParts): Activities {
  return {
    provision: (spec) => mapped(() => parts.provision(spec)),
    ensureSinks: (input) => mapped(() => parts.ensureSinks(input)),
    ensureSchedules: (input) => mapped(() => parts.ensureSchedules(input)),
    teardown: (input) => mapped(() => parts.teardown(input)),
    streamBinlog: (input) => longRunning((hooks) => capture(parts, input, hooks)),
    runSink: (input) => longRunning((hooks) => fill(parts, input, hooks)),
  };
}

function capture(parts: ActivityParts, input: StreamInput, hooks: ProgressHooks): Promise<void> {
  const workflowId = pipelineWorkflowId(input.spec.pipeline);
  return telling(parts, workflowId, input.stoppedTables, (tell, onStoppedTables) =>
    parts.runCapture(input, {
      ...hooks,
      onStoppedTables,
      onStarted: (payload) => tell({ name: CAPTURE_STARTED, payload }),
      onSnapshotFinished: (payload) => tell({ name: SNAPSHOT_FINISHED, payload }),
    }),
  );
}

function fill(parts: ActivityParts, input: SinkInput, hooks: ProgressHooks): Promise<SinkResult> {
  const workflowId = sinkWorkflowId(input.spec.pipeline, input.sinkName);
  return telling(parts, workflowId, input.stoppedTables, (_, onStoppedTables) =>
    parts.runSink(input, { ...hooks, onStoppedTables }),
  );
}

/** Work that tells its workflow things while it runs; what is left to tell at its end is told then. */
async function telling<Result>(
  parts: ActivityParts,
  workflowId: string,
  stoppedTables = 0,
  work: (
    tell: (signal: WorkflowSignal) => void,
    onStoppedTables: LongRunningHooks['onStoppedTables'],
  ) => Promise<Result>,
): Promise<Result> {
  const notices = new Notices();
  const tell = (signal: WorkflowSignal): void =>
    notices.send(() => parts.signalWorkflow(workflowId, signal));
  const stopped = new StoppedTablesNotice(
    (payload) => tell({ name: STOPPED_TABLES, payload }),
    stoppedTables,
  );
  try {
    return await work(tell, (newest) => stopped.offer(newest));
  } finally {
    stopped.flush();
    await notices.settle(LAST_NOTICES_MS);
  }
}

/**
 * Runs work that lasts for months: heartbeats with the newest progress, and ends it in order when
 * Temporal cancels the activity or the worker shuts down. A cancelled activity reports itself
 * cancelled only after the work has ended.
 */
async function longRunning<Result>(
  work: (hooks: ProgressHooks) => Promise<Result>,
): Promise<Result> {
  const context = Context.current();
  const { cancellationSignal: signal } = context;
  let newest: Heartbeat = {};
  const hooks: ProgressHooks = {
    signal,
    onProgress: (progress) => {
      newest = { progress };
    },
    onRetrying: (retrying) => {
      newest = { ...newest, retrying };
    },
  };
  const result = await withHeartbeat(
    context,
    () => ({ ...newest, ...(newest.progress && { progress: forHeartbeat(newest.progress) }) }),
    () => mapped(() => work(hooks), signal),
  );
  if (signal.aborted) await context.cancelled;
  return result;
}

/** An abort that nobody asked for is a failure like any other. */
async function mapped<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CancelledFailure) throw error;
    if (signal?.aborted && isCancellation(error)) throw error;
    throw activityFailure(error);
  }
}
