import { CancelledFailure, Context } from '@temporalio/activity';
import type { CaptureStarted, SnapshotFinished } from '../control/messages.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import { isCancellation } from '../errors/policy.ts';
import type { Heartbeat, Progress } from '../observability/progress.ts';
import { forHeartbeat } from '../observability/progress.ts';
import { activityFailure } from './failure-mapping.ts';
import { withHeartbeat } from './heartbeat.ts';
import { Notices } from './notices.ts';
import type { Activities, EnsureInput, SinkInput, SinkResult, StreamInput } from './types.ts';

/** Hooks of a long activity: what it may say while it runs. */
export interface StreamHooks {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  /** The work has failed and is tried again here; the next progress says that this is over. */
  readonly onRetrying: (why: string) => void;
  readonly onStarted: (started: CaptureStarted) => void;
  readonly onSnapshotFinished: (finished: SnapshotFinished) => void;
}

/** Those of every long activity. */
export type LongRunningHooks = Pick<StreamHooks, 'signal' | 'onProgress' | 'onRetrying'>;

/** What the composition root puts in: the work itself, and the way to Temporal. */
export interface ActivityParts {
  provision(spec: PipelineSpec): Promise<void>;
  runCapture(input: StreamInput, hooks: StreamHooks): Promise<void>;
  runSink(input: SinkInput, hooks: LongRunningHooks): Promise<SinkResult>;
  ensureSinks(input: EnsureInput): Promise<void>;
  ensureSchedules(input: EnsureInput): Promise<void>;
  teardown(input: { readonly spec: PipelineSpec; readonly deleteTopics: boolean }): Promise<void>;
  /** Called again after a failure, until the signal has arrived or its workflow is gone. */
  signalPipeline(
    pipeline: string,
    signal: 'captureStarted' | 'snapshotFinished',
    payload: CaptureStarted | SnapshotFinished,
  ): Promise<void>;
}

/** Time for notices to arrive when the stream has ended already. */
const LAST_NOTICES_MS = 10_000;

export function createActivities(parts: ActivityParts): Activities {
  return {
    provision: (spec) => mapped(() => parts.provision(spec)),
    ensureSinks: (input) => mapped(() => parts.ensureSinks(input)),
    ensureSchedules: (input) => mapped(() => parts.ensureSchedules(input)),
    teardown: (input) => mapped(() => parts.teardown(input)),
    streamBinlog: (input) => longRunning((hooks) => capture(parts, input, hooks)),
    runSink: (input) => longRunning((hooks) => parts.runSink(input, hooks)),
  };
}

async function capture(
  parts: ActivityParts,
  input: StreamInput,
  hooks: LongRunningHooks,
): Promise<void> {
  const { pipeline } = input.spec;
  const notices = new Notices();
  try {
    await parts.runCapture(input, {
      ...hooks,
      onStarted: (started) =>
        notices.send(() => parts.signalPipeline(pipeline, 'captureStarted', started)),
      onSnapshotFinished: (finished) =>
        notices.send(() => parts.signalPipeline(pipeline, 'snapshotFinished', finished)),
    });
  } finally {
    await notices.settle(LAST_NOTICES_MS);
  }
}

/**
 * Runs work that lasts for months: heartbeats with the newest progress, and ends it in order when
 * Temporal cancels the activity or the worker shuts down. A cancelled activity reports itself
 * cancelled only after the work has ended.
 */
async function longRunning<Result>(
  work: (hooks: LongRunningHooks) => Promise<Result>,
): Promise<Result> {
  const context = Context.current();
  const { cancellationSignal: signal } = context;
  let newest: Heartbeat = {};
  const hooks: LongRunningHooks = {
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
