import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import {
  DefaultLogger,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
  Worker,
} from '@temporalio/worker';
import { activityFailure } from '../../src/activities/failure-mapping.ts';
import type { Activities, StreamInput } from '../../src/activities/types.ts';
import {
  CONTROL_QUEUE,
  pipelineWorkflowId,
  STREAM_QUEUE,
  sinkQueue,
} from '../../src/control/names.ts';
import type { PipelineSpec } from '../../src/control/pipeline-spec.ts';
import type { PipelineState } from '../../src/control/pipeline-state.ts';
import { SluiceError } from '../../src/errors/error.ts';
import { ensureSchedules } from '../../src/temporal/schedules.ts';
import { ensureSearchAttributes } from '../../src/temporal/search-attributes.ts';
import { ensureSinks, stopSinks } from '../../src/temporal/sinks.ts';

/** What a started stream does, as the test decides: run until cancelled, or fail. */
export type StreamScript = (input: StreamInput, context: Context) => Promise<void>;

export interface Stage extends AsyncDisposable {
  readonly client: Client;
  readonly namespace: string;
  /** Inputs of every stream that was started, in order. */
  readonly streams: StreamInput[];
  script: StreamScript;
  start(spec: PipelineSpec): Promise<void>;
  state(pipeline: string): Promise<PipelineState>;
  waitFor(pipeline: string, wanted: (state: PipelineState) => boolean): Promise<PipelineState>;
}

/** Streams until it is cancelled, after telling its pipeline that it has started. */
export const untilCancelled =
  (epoch: number): StreamScript =>
  async (input, context) => {
    await tell(context, input, 'captureStarted', {
      epoch,
      commandIds: input.commands.map(({ commandId }) => commandId),
    });
    for (const command of input.commands)
      if (command.kind === 'snapshot')
        await tell(context, input, 'snapshotFinished', {
          snapshotId: command.snapshotId,
          tables: 1,
          rows: 10,
        });
    await context.cancelled;
  };

export const failing =
  (code: 'binlog.purged' | 'mysql.access-denied'): StreamScript =>
  () =>
    Promise.reject(new SluiceError(code, `as the test says: ${code}`));

let tellers: Client | undefined;

async function tell(
  context: Context,
  input: StreamInput,
  signal: string,
  payload: object,
): Promise<void> {
  void context;
  await tellers?.workflow
    .getHandle(pipelineWorkflowId(input.spec.pipeline))
    .signal(signal, payload);
}

/** Real workflows on a real server, in a namespace of their own, with activities that follow a script. */
export async function openStage(address: string): Promise<Stage> {
  const namespace = `stage-${randomUUID().slice(0, 8)}`;
  const connection = await Connection.connect({ address });
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as unknown as never },
  });
  const client = new Client({ connection, namespace, identity: 'sluice-client' });
  tellers = client;
  await eventually(() => ensureSearchAttributes(client, namespace));
  await eventually(async () => {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({
      namespace,
    });
    if (customAttributes['CdcState'] === undefined) throw new Error('not yet');
  });
  const streams: StreamInput[] = [];
  const stage = { script: untilCancelled(1) as StreamScript };
  const activities: Activities = {
    provision: () => Promise.resolve(),
    ensureSinks: (spec) => ensureSinks(client, spec),
    ensureSchedules: (spec) => ensureSchedules(client, spec),
    teardown: ({ spec }) => stopSinks(client, spec),
    streamBinlog: async (input) => {
      streams.push(input);
      const context = Context.current();
      const beat = setInterval(() => {
        context.heartbeat();
      }, 200);
      try {
        await stage.script(input, context);
      } catch (error) {
        if (error instanceof SluiceError) throw activityFailure(error);
        throw error;
      } finally {
        clearInterval(beat);
      }
    },
    runSink: async () => {
      const context = Context.current();
      const beat = setInterval(() => {
        context.heartbeat();
      }, 200);
      try {
        await context.cancelled;
      } finally {
        clearInterval(beat);
      }
    },
  };
  try {
    Runtime.install({
      shutdownSignals: [],
      logger: new DefaultLogger('ERROR'),
      telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }) } },
    });
  } catch {
    // One runtime a process; an earlier stage installed it.
  }
  const native = await NativeConnection.connect({ address });
  const base = {
    connection: native,
    namespace,
    identity: 'sluice-worker',
    activities: { ...activities },
    maxHeartbeatThrottleInterval: 100,
    shutdownForceTime: 5_000,
  };
  const sink = {
    kind: 'duckdb',
    file: '',
    host: 'warehouse.example',
    commitIntervalMs: 1,
    maxBatchBytes: 1,
  } as const;
  const workers = [
    await Worker.create({
      ...base,
      taskQueue: CONTROL_QUEUE,
      workflowsPath: fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url)),
    }),
    await Worker.create({ ...base, taskQueue: STREAM_QUEUE }),
    await Worker.create({ ...base, taskQueue: sinkQueue(sink) }),
  ];
  const running = workers.map((worker) => worker.run());
  const state = (pipeline: string): Promise<PipelineState> =>
    client.workflow.getHandle(pipelineWorkflowId(pipeline)).query<PipelineState>('status');
  return {
    client,
    namespace,
    streams,
    get script() {
      return stage.script;
    },
    set script(script: StreamScript) {
      stage.script = script;
    },
    start: async (spec) => {
      await client.workflow.start('cdcPipeline', {
        workflowId: pipelineWorkflowId(spec.pipeline),
        taskQueue: CONTROL_QUEUE,
        args: [{ spec }],
      });
    },
    state,
    waitFor: (pipeline, wanted) =>
      eventually(async () => {
        const now = await state(pipeline);
        if (!wanted(now)) throw new Error(`still ${now.phase}`);
        return now;
      }),
    [Symbol.asyncDispose]: async () => {
      for await (const { workflowId } of client.workflow.list({
        query: "ExecutionStatus = 'Running'",
      }))
        await client.workflow
          .getHandle(workflowId)
          .terminate('the test is over')
          .catch(() => undefined);
      for (const worker of workers) worker.shutdown();
      await Promise.allSettled(running);
      await native.close();
      await connection.close();
    },
  };
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
