import { CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { type Failure, failureSettings, type FailingNotice as Told } from '../control/failing.ts';
import {
  CAPTURE_STARTED,
  type CaptureStarted,
  type DurablePosition,
  FAILING,
  SNAPSHOT_FINISHED,
  type SnapshotFinished,
  STOPPED_TABLES,
  STREAM_ENDED,
} from '../control/messages.ts';
import { pipelineWorkflowId, sinkWorkflowId } from '../control/names.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import type { StoppedTables } from '../control/stopped-tables.ts';
import type { RunningCommand } from '../control/stream-command.ts';
import { isCancellation } from '../errors/policy.ts';
import type { Heartbeat, Progress } from '../observability/progress.ts';
import { forHeartbeat } from '../observability/progress.ts';
import { FailingNotice } from './failing-notice.ts';
import { activityFailure } from './failure-mapping.ts';
import { withHeartbeat } from './heartbeat.ts';
import { Notices } from './notices.ts';
import { StoppedTablesNotice } from './stopped-tables-notice.ts';
import type { Activities, EnsureInput, SinkInput, SinkResult, StreamInput } from './types.ts';

/** Hooks of a long activity: what it may say while it runs. */
export interface LongRunningHooks {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  /** The work has failed and is tried again here; the next progress says that this is over. */
  readonly onRetrying: (failure: Failure) => void;
}

export interface StreamHooks extends LongRunningHooks {
  /** Also when commands are applied that came while it ran. */
  readonly onStarted: (started: CaptureStarted) => void;
  readonly onSnapshotFinished: (finished: SnapshotFinished) => void;
  /** Says how commands reach the stream while it runs; they are applied when it has `started` with them. */
  readonly takesCommands: Holding['takesCommands'];
}

/** One stream or one sink that a process runs. */
export interface LongWork {
  readonly pipeline: string;
  /** Absent for the stream. */
  readonly sink?: string;
  readonly taskQueue: string;
}

/** What a process has of long work, until it is disposed of. */
export interface Holding extends Disposable {
  /** Once it is aborted the work ends in order, for another worker to go on with. */
  readonly leave: AbortSignal;
  /** Since when the work has been failing, again and again; `undefined` when it works. */
  failingSince(ms: number | undefined): void;
  readonly takesCommands: (take: (commands: readonly RunningCommand[]) => void) => void;
}

/** What the composition root puts in: the work itself, and the way to Temporal. */
export interface ActivityParts {
  /**
   * Checks a specification as it came from the server, which anybody who may write there can have sent.
   * @throws {SluiceError} `config.refused`
   */
  readSpec(spec: unknown): PipelineSpec;
  provision(spec: PipelineSpec): Promise<void>;
  runCapture(input: StreamInput, hooks: StreamHooks): Promise<void>;
  runSink(input: SinkInput, hooks: LongRunningHooks): Promise<SinkResult>;
  /** Which this process alone serves; absent where it serves none. */
  readonly processQueue?: string;
  /** Whether a stream of this process has been given the commands. */
  giveCommands(pipeline: string, commands: readonly RunningCommand[]): boolean;
  /** Tells that the process has the work. */
  hold(work: LongWork): Holding;
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
  | { readonly name: typeof STOPPED_TABLES; readonly payload: StoppedTables }
  | { readonly name: typeof FAILING; readonly payload: Told }
  | { readonly name: typeof STREAM_ENDED; readonly payload: DurablePosition };

/** What there is to say of an attempt that has not said anything itself. */
const WORKER_LOST: Failure = {
  code: 'worker.lost',
  message: 'The worker that had the work is gone: killed, out of memory, or cut off from Temporal.',
};

/** Time for notices to arrive when the stream has ended already. */
const LAST_NOTICES_MS = 10_000;

export function createActivities(parts: ActivityParts): Activities {
  /** Work gets to see a specification only when that has been checked. */
  const checked =
    <Input extends { readonly spec: PipelineSpec }, Result>(
      work: (input: Input) => Promise<Result>,
    ) =>
    async (input: Input): Promise<Result> =>
      work({ ...input, spec: await mapped(() => parts.readSpec(input.spec)) });
  const teardown: Activities['teardown'] = (input) =>
    step(parts, input.spec, () => parts.teardown(input));
  const provision = checked(({ spec }) => step(parts, spec, () => parts.provision(spec)));
  return {
    provision: (spec) => provision({ spec }),
    // They take names from it alone, and have to end what a specification that is refused has begun.
    ensureSinks: (input) => step(parts, input.spec, () => parts.ensureSinks(input)),
    ensureSchedules: (input) => step(parts, input.spec, () => parts.ensureSchedules(input)),
    giveCommands: ({ pipeline, commands }) =>
      Promise.resolve(parts.giveCommands(pipeline, commands)),
    teardown: (input) => (input.deleteTopics ? checked(teardown) : teardown)(input),
    streamBinlog: checked((input) => {
      const { pipeline } = input.spec;
      const at = { workflowId: pipelineWorkflowId(pipeline), work: { pipeline } };
      return longRunning(parts, at, input, (talk) => capture(parts, input, talk));
    }),
    runSink: checked((input) => {
      const { pipeline } = input.spec;
      const { sinkName: sink } = input;
      const at = { workflowId: sinkWorkflowId(pipeline, sink), work: { pipeline, sink } };
      return longRunning(parts, at, input, ({ hooks, stopped }) =>
        parts.runSink(input, {
          ...hooks,
          onProgress: (progress) => {
            hooks.onProgress(progress);
            stopped.offer(progress.stopped);
          },
        }),
      );
    }),
  };
}

function capture(
  parts: ActivityParts,
  input: StreamInput,
  { hooks, tell, stopped, takesCommands }: Talk,
): Promise<void> {
  const { processQueue: queue } = parts;
  // Before it has read what is stored, an attempt knows of no stopped table.
  let knowsTables = false;
  return parts.runCapture(input, {
    ...hooks,
    onProgress: (progress) => {
      hooks.onProgress(progress);
      if (knowsTables) stopped.offer(progress.stopped);
    },
    onRetrying: (failure) => {
      knowsTables = false;
      hooks.onRetrying(failure);
    },
    takesCommands,
    onStarted: (started) => {
      knowsTables = true;
      const payload = { ...started, ...(queue === undefined ? {} : { queue }) };
      tell({ name: CAPTURE_STARTED, payload });
    },
    onSnapshotFinished: (payload) => tell({ name: SNAPSHOT_FINISHED, payload }),
  });
}

/** The ways in which long work tells its surroundings how it gets on. */
interface Talk {
  readonly hooks: LongRunningHooks;
  readonly tell: (signal: WorkflowSignal) => void;
  readonly stopped: StoppedTablesNotice;
  readonly takesCommands: Holding['takesCommands'];
}

/**
 * Runs work that lasts for months: heartbeats with the newest progress, tells its workflow what it
 * has to know, and ends the work in order when Temporal cancels the activity or the process is to
 * leave. A cancelled activity reports itself cancelled only after the work has ended; one whose
 * process leaves fails then, so that the server gives it to another worker at once.
 */
async function longRunning<Result>(
  parts: ActivityParts,
  { workflowId, work: held }: WorkPlace,
  { spec, stoppedTables = 0, isKnownToFail = false }: StreamInput | SinkInput,
  work: (talk: Talk) => Promise<Result>,
): Promise<Result> {
  const context = Context.current();
  const { cancellationSignal } = context;
  using holding = parts.hold({ ...held, taskQueue: context.info.taskQueue });
  const signal = AbortSignal.any([cancellationSignal, holding.leave]);
  const isHandedOver = (): boolean => holding.leave.aborted && !cancellationSignal.aborted;
  const notices = new Notices();
  const tell = (message: WorkflowSignal): void =>
    notices.send(() => parts.signalWorkflow(workflowId, message));
  // An attempt that died may have told more than the workflow had on record when it began this.
  const isFirst = context.info.attempt === 1;
  const stopped = new StoppedTablesNotice(
    (payload) => tell({ name: STOPPED_TABLES, payload }),
    isFirst ? stoppedTables : Number.NaN,
  );
  const {
    progress: former,
    streak,
    counted = 0,
  } = (context.info.heartbeatDetails ?? {}) as Heartbeat;
  const failing = new FailingNotice(
    (payload) => tell({ name: FAILING, payload }),
    failureSettings(spec.failures),
    { streak, isTold: isKnownToFail || !isFirst },
  );
  const failed = (failure: Failure): void => {
    failing.failed(failure);
    holding.failingSince(failing.streak?.sinceMs);
  };
  holding.failingSince(streak?.sinceMs);
  // What a process dies of is counted by the next one.
  if (!isFirst && counted < context.info.attempt - 1) failed(WORKER_LOST);
  let newest: Heartbeat = {};
  /** The workflow does not hear of an end after which the server begins the next attempt. */
  let isTriedAgain = false;
  /** The next attempt is not to take this one's end for that of a process. */
  let isCounted = false;
  const hooks: LongRunningHooks = {
    signal,
    onProgress: (progress) => {
      newest = { progress };
      failing.progressed(progress);
      holding.failingSince(failing.streak?.sinceMs);
    },
    onRetrying: (failure) => {
      newest = { ...newest, retrying: failure.message };
      failed(failure);
    },
  };
  const details = (): Heartbeat => ({
    ...newest,
    ...(newest.progress && { progress: forHeartbeat(newest.progress) }),
    ...(failing.streak && { streak: failing.streak }),
    counted: isTriedAgain || isCounted ? context.info.attempt : context.info.attempt - 1,
  });
  const handOver = (): never => {
    isCounted = true;
    context.heartbeat(details());
    throw handedOver();
  };
  const result = await withHeartbeat(context, details, async () => {
    try {
      const done = await mapped(
        () => work({ hooks, tell, stopped, takesCommands: holding.takesCommands }),
        signal,
        (failure) => {
          isTriedAgain = true;
          failed(failure);
          context.heartbeat(details());
        },
      );
      return isHandedOver() ? handOver() : done;
    } catch (error) {
      // The work may say by an error that it has ended because it was to.
      if (isHandedOver() && isCancellation(error)) handOver();
      throw error;
    } finally {
      stopped.flush();
      const position = positionIn(newest.progress ?? former);
      if (position && !isTriedAgain) tell({ name: STREAM_ENDED, payload: position });
      await notices.settle(LAST_NOTICES_MS);
    }
  });
  if (cancellationSignal.aborted) await context.cancelled;
  return result;
}

/** Where long work is in Temporal, and by which name its process has it. */
interface WorkPlace {
  readonly workflowId: string;
  readonly work: Omit<LongWork, 'taskQueue'>;
}

/** Not a fault of anybody: it is in no log, and counted nowhere. */
const handedOver = (): ApplicationFailure =>
  ApplicationFailure.create({
    type: 'HandedOver',
    message: 'Its worker has ended it in order; another one goes on with it.',
    category: ApplicationFailureCategory.BENIGN,
  });

/** Where a stream has come to; a sink's cut is none of the source. */
function positionIn(progress: Progress | undefined): DurablePosition | undefined {
  return progress?.kind === 'pipeline' ? forHeartbeat(progress).checkpoint : undefined;
}

/** Runs a step of provisioning; the server repeats it, and the workflow is told when that lasts. */
function step(
  parts: ActivityParts,
  { pipeline, failures }: PipelineSpec,
  work: () => Promise<void>,
): Promise<void> {
  const context = Context.current();
  const { streak } = (context.info.heartbeatDetails ?? {}) as Heartbeat;
  return mapped(work, undefined, async (failure) => {
    const notices = new Notices();
    const failing = new FailingNotice(
      (payload) =>
        notices.send(() =>
          parts.signalWorkflow(pipelineWorkflowId(pipeline), { name: FAILING, payload }),
        ),
      failureSettings(failures),
      { streak, isTold: false },
    );
    failing.failed(failure);
    context.heartbeat({ streak: failing.streak } satisfies Heartbeat);
    await notices.settle(LAST_NOTICES_MS);
  });
}

/**
 * An abort that nobody asked for is a failure like any other.
 * @param onTriedAgain  is told of a failure after which the server repeats the activity
 */
async function mapped<Result>(
  work: () => Result | Promise<Result>,
  signal?: AbortSignal,
  onTriedAgain: (failure: Failure) => void | Promise<void> = () => undefined,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CancelledFailure) throw error;
    if (signal?.aborted && isCancellation(error)) throw error;
    const failure = activityFailure(error);
    if (!failure.nonRetryable)
      await onTriedAgain({ code: failure.type ?? '', message: failure.message });
    throw failure;
  }
}
