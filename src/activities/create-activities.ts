import { CancelledFailure, Context } from '@temporalio/activity';
import type { CaptureStarted, SnapshotFinished } from '../control/messages.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import { isCancellation } from '../errors/policy.ts';
import type { Progress } from '../observability/progress.ts';
import { forHeartbeat } from '../observability/progress.ts';
import { activityFailure } from './failure-mapping.ts';
import type { Activities, SinkInput, StreamInput } from './types.ts';

/** Hooks of a long activity: what it may say while it runs. */
export interface StreamHooks {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  readonly onStarted: (started: CaptureStarted) => void;
  readonly onSnapshotFinished: (finished: SnapshotFinished) => void;
}

/** What the composition root puts in: the work itself, and the way to Temporal. */
export interface ActivityParts {
  provision(spec: PipelineSpec): Promise<void>;
  runCapture(input: StreamInput, hooks: StreamHooks): Promise<void>;
  runSink(input: SinkInput, hooks: Pick<StreamHooks, 'signal' | 'onProgress'>): Promise<void>;
  ensureSinks(spec: PipelineSpec): Promise<void>;
  ensureSchedules(spec: PipelineSpec): Promise<void>;
  teardown(input: { readonly spec: PipelineSpec; readonly deleteTopics: boolean }): Promise<void>;
  signalPipeline(
    pipeline: string,
    signal: 'captureStarted' | 'snapshotFinished',
    payload: CaptureStarted | SnapshotFinished,
  ): Promise<void>;
}

/** How often a heartbeat is offered; core sends fewer (see the worker's throttle). */
const HEARTBEAT_INTERVAL_MS = 500;

export function createActivities(parts: ActivityParts): Activities {
  return {
    provision: (spec) => mapped(() => parts.provision(spec)),
    ensureSinks: (spec) => mapped(() => parts.ensureSinks(spec)),
    ensureSchedules: (spec) => mapped(() => parts.ensureSchedules(spec)),
    teardown: (input) => mapped(() => parts.teardown(input)),
    streamBinlog: (input) =>
      longRunning(async (signal, onProgress) => {
        const { pipeline } = input.spec;
        const told: Promise<void>[] = [];
        await parts.runCapture(input, {
          signal,
          onProgress,
          onStarted: (started) =>
            told.push(parts.signalPipeline(pipeline, 'captureStarted', started)),
          onSnapshotFinished: (finished) =>
            told.push(parts.signalPipeline(pipeline, 'snapshotFinished', finished)),
        });
        await Promise.allSettled(told);
      }),
    runSink: (input) =>
      longRunning((signal, onProgress) => parts.runSink(input, { signal, onProgress })),
  };
}

/**
 * Runs work that lasts for months: heartbeats with the newest progress, and ends it in order when
 * Temporal cancels the activity or the worker shuts down. A cancelled activity reports itself
 * cancelled only after the work has ended.
 */
async function longRunning(
  work: (signal: AbortSignal, onProgress: (progress: Progress) => void) => Promise<void>,
): Promise<void> {
  // Listeners run outside the activity's context, so it is taken once here.
  const context = Context.current();
  let newest: Progress | undefined;
  const beat = (): void => {
    context.heartbeat(newest === undefined ? undefined : forHeartbeat(newest));
  };
  beat();
  const timer = setInterval(beat, HEARTBEAT_INTERVAL_MS);
  try {
    await mapped(() =>
      work(context.cancellationSignal, (progress) => {
        newest = progress;
      }),
    );
    if (context.cancellationSignal.aborted) await context.cancelled;
  } finally {
    clearInterval(timer);
  }
}

async function mapped<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CancelledFailure || isCancellation(error)) throw error;
    throw activityFailure(error);
  }
}
