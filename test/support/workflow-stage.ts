import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import {
  bundleWorkflowCode,
  DefaultLogger,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import {
  createActivities,
  type LongRunningHooks,
  type StreamHooks,
} from '../../src/activities/create-activities.ts';
import type { SinkInput, StreamInput } from '../../src/activities/types.ts';
import { readStoredSpec } from '../../src/config/stored-spec.ts';
import {
  CONTROL_QUEUE,
  pipelineWorkflowId,
  processQueue,
  STREAM_QUEUE,
  sinkQueue,
  sinkWorkflowId,
} from '../../src/control/names.ts';
import type { PipelineSpec } from '../../src/control/pipeline-spec.ts';
import type { PipelineState } from '../../src/control/pipeline-state.ts';
import type { SinkState } from '../../src/control/sink-state.ts';
import type { ErrorCode } from '../../src/errors/catalogue.ts';
import { SluiceError } from '../../src/errors/error.ts';
import { ensureSchedules, removeSchedules } from '../../src/temporal/schedules.ts';
import { ensureSearchAttributes } from '../../src/temporal/search-attributes.ts';
import { ensureSinks, stopSinks } from '../../src/temporal/sinks.ts';
import { HeldWork } from '../../src/workers/held-work.ts';
import { aPipelineSpec } from './pipeline-spec.ts';

/** What a started stream does, as the test decides: run until cancelled, or fail. */
export type StreamScript = (input: StreamInput, hooks: StreamHooks) => Promise<void>;
export type SinkScript = (input: SinkInput, hooks: LongRunningHooks) => Promise<unknown>;

export interface Stage extends AsyncDisposable {
  readonly client: Client;
  readonly namespace: string;
  /** Inputs of every stream that was started, in order. */
  readonly streams: StreamInput[];
  /** The long work that is under way. */
  readonly held: HeldWork;
  /** Most streams of one pipeline that ever ran at the same time. */
  readonly mostAtOnce: () => number;
  script: StreamScript;
  sinkScript: SinkScript;
  provision: (spec: PipelineSpec) => Promise<void>;
  /** Before sinks and schedules are taken down. */
  teardown: () => Promise<void>;
  startWorkers(): Promise<void>;
  /** Ends what a test left running: its heartbeats would slow the others down. */
  endAll(): Promise<void>;
  start(spec: PipelineSpec): Promise<void>;
  state(pipeline: string): Promise<PipelineState>;
  waitFor(pipeline: string, wanted: (state: PipelineState) => boolean): Promise<PipelineState>;
  waitForSink(
    pipeline: string,
    sink: string,
    wanted: (state: SinkState) => boolean,
  ): Promise<SinkState>;
}

export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });

/** Streams until it is cancelled, after telling its pipeline that it has started. */
export const untilCancelled =
  (epoch: number): StreamScript =>
  async ({ commands }, { signal, onStarted, onSnapshotFinished }) => {
    onStarted({ epoch, commandIds: commands.map(({ commandId }) => commandId), finished: [] });
    for (const command of commands)
      if (command.kind === 'snapshot')
        onSnapshotFinished({ snapshotId: command.snapshotId, tables: 1, rows: 10 });
    await aborted(signal);
  };

/** The same, but snapshots stay under way. */
export const neverFinishing =
  (epoch: number): StreamScript =>
  async (input, hooks) =>
    untilCancelled(epoch)(input, { ...hooks, onSnapshotFinished: () => undefined });

export const failing =
  (code: ErrorCode): (() => Promise<void>) =>
  () =>
    Promise.reject(
      new SluiceError(code, `as the test says: ${code}`, { facts: { oldest: 'binlog.000007' } }),
    );

const OWN_QUEUE = processQueue('stage');

let bundle: Promise<WorkflowBundleWithSourceMap> | undefined;

/** Real workflows on a real server, in a namespace of their own; the work of the activities follows a script. */
export async function openStage(
  address: string,
  {
    workers: withWorkers = true,
    streamSlots,
    handsOver = false,
  }: {
    readonly workers?: boolean;
    /** Streams that its worker has room for. */
    readonly streamSlots?: number;
    /** Whether streams say where they run, so that commands reach them there. */
    readonly handsOver?: boolean;
  } = {},
): Promise<Stage> {
  installRuntime();
  const namespace = `stage-${randomUUID().slice(0, 8)}`;
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace, identity: 'sluice-test' });
  await openNamespace(client, namespace);
  const native = await NativeConnection.connect({ address });
  const running: { readonly worker: Worker; readonly end: Promise<void> }[] = [];
  const streams: StreamInput[] = [];
  const now = new Map<string, number>();
  let mostAtOnce = 0;

  const state = (pipeline: string): Promise<PipelineState> =>
    client.workflow.getHandle(pipelineWorkflowId(pipeline)).query<PipelineState>('status');
  const held = new HeldWork();
  const stage: Stage = {
    client,
    namespace,
    streams,
    held,
    mostAtOnce: () => mostAtOnce,
    script: untilCancelled(1),
    sinkScript: (_input, { signal }) => aborted(signal),
    provision: () => Promise.resolve(),
    teardown: () => Promise.resolve(),
    startWorkers: async () => {
      for (const worker of await createWorkers()) running.push({ worker, end: worker.run() });
    },
    start: async (spec) => {
      await client.workflow.start('cdcPipeline', {
        workflowId: pipelineWorkflowId(spec.pipeline),
        taskQueue: CONTROL_QUEUE,
        args: [{ spec }],
      });
    },
    state,
    waitFor: (pipeline, wanted) => wantedState(() => state(pipeline), wanted),
    waitForSink: (pipeline, sink, wanted) =>
      wantedState(
        () => client.workflow.getHandle(sinkWorkflowId(pipeline, sink)).query<SinkState>('status'),
        wanted,
      ),
    endAll: async () => {
      const query = "ExecutionStatus = 'Running'";
      for await (const { workflowId } of client.workflow.list({ query }))
        await client.workflow
          .getHandle(workflowId)
          .terminate('the test is over')
          .catch(() => undefined);
    },
    [Symbol.asyncDispose]: async () => {
      await stage.endAll();
      for (const { worker } of running) worker.shutdown();
      await Promise.allSettled(running.map(({ end }) => end));
      await native.close();
      await connection.close();
    },
  };

  const activities = createActivities({
    readSpec: readStoredSpec,
    provision: (spec) => stage.provision(spec),
    runCapture: async (input, hooks) => {
      const { pipeline } = input.spec;
      const others = now.get(pipeline) ?? 0;
      now.set(pipeline, others + 1);
      mostAtOnce = Math.max(mostAtOnce, others + 1);
      streams.push(input);
      try {
        await stage.script(input, hooks);
      } finally {
        now.set(pipeline, (now.get(pipeline) ?? 1) - 1);
      }
    },
    runSink: async (input, hooks) => (await stage.sinkScript(input, hooks)) ?? {},
    hold: (work) => held.hold(work),
    ...(handsOver ? { processQueue: OWN_QUEUE } : {}),
    giveCommands: (pipeline, commands) => held.give(pipeline, commands),
    ensureSinks: (input) => ensureSinks(client, input),
    ensureSchedules: (input) => ensureSchedules(client, input),
    teardown: async ({ spec }) => {
      await stage.teardown();
      await stopSinks(client, spec);
      await removeSchedules(client, spec.pipeline);
    },
    signalWorkflow: async (workflowId, { name, payload }) => {
      await client.workflow.getHandle(workflowId).signal(name, payload);
    },
  });

  async function createWorkers(): Promise<readonly Worker[]> {
    bundle ??= bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url)),
      logger: new DefaultLogger('ERROR'),
    });
    const base = {
      connection: native,
      namespace,
      identity: 'sluice-worker',
      activities: { ...activities },
      maxHeartbeatThrottleInterval: 200,
      shutdownForceTime: 5_000,
    };
    const sinkQueues = Object.values(aPipelineSpec().sinks).map(sinkQueue);
    return [
      await Worker.create({ ...base, taskQueue: CONTROL_QUEUE, workflowBundle: await bundle }),
      await Worker.create({ ...base, taskQueue: OWN_QUEUE }),
      await Worker.create({
        ...base,
        taskQueue: STREAM_QUEUE,
        ...(streamSlots === undefined ? {} : { maxConcurrentActivityTaskExecutions: streamSlots }),
      }),
      ...(await Promise.all(sinkQueues.map((taskQueue) => Worker.create({ ...base, taskQueue })))),
    ];
  }

  if (withWorkers) await stage.startWorkers();
  return stage;
}

function installRuntime(): void {
  try {
    Runtime.install({
      shutdownSignals: [],
      logger: new DefaultLogger('ERROR'),
      telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }) } },
    });
  } catch {
    // One runtime a process; an earlier stage installed it.
  }
}

async function openNamespace(client: Client, namespace: string): Promise<void> {
  await client.connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as unknown as never },
  });
  await eventually(() => ensureSearchAttributes(client, namespace));
  await eventually(async () => {
    const { customAttributes } = await client.connection.operatorService.listSearchAttributes({
      namespace,
    });
    if (customAttributes['CdcState'] === undefined) throw new Error('not yet');
  });
}

function wantedState<State extends { readonly phase: string }>(
  read: () => Promise<State>,
  wanted: (state: State) => boolean,
): Promise<State> {
  return eventually(async () => {
    const now = await read();
    if (!wanted(now)) throw new Error(`still ${now.phase}`);
    return now;
  });
}

const DEADLINE_MS = 30_000;

/** Asks again until it works; the last failure is what a missed deadline throws. */
export async function eventually<Result>(work: () => Promise<Result>): Promise<Result> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
