import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import {
  DefaultLogger,
  type LogMetadata,
  NativeConnection,
  Runtime,
  Worker,
} from '@temporalio/worker';
import { createActivities } from '../activities/create-activities.ts';
import type { SecretScope } from '../config/secret.ts';
import {
  CONTROL_QUEUE,
  hostQueue,
  presenceQueue,
  processQueue,
  SINK_QUEUE,
  STREAM_QUEUE,
} from '../control/names.ts';
import {
  type HttpServer,
  type HttpServerOptions,
  startHttpServer,
} from '../observability/http-server.ts';
import type { Log, LogFields } from '../observability/log.ts';
import { Meter } from '../observability/meter.ts';
import { ProgressMetrics } from '../observability/progress-metrics.ts';
import {
  connectClient,
  connectionSettings,
  type TemporalPlace,
  temporalUnreachable,
} from '../temporal/connection.ts';
import { ensureSearchAttributes } from '../temporal/search-attributes.ts';
import { askersOf } from '../temporal/sink-places.ts';
import { isTaken } from '../temporal/workflow-states.ts';
import { activityParts, type PartsContext } from './activity-parts.ts';
import { keepCompiledCode } from './code-cache.ts';
import type { DrainOptions, DrainStep } from './drain.ts';
import type { WorkerPlace } from './drain-protocol.ts';
import { serveDrain } from './drain-server.ts';
import { FailingMetric } from './failing-metric.ts';
import { HeldWork } from './held-work.ts';
import { followLoopDelay } from './loop-delay-metric.ts';
import { usesPatch } from './resting-patches.ts';
import { type QueueWorkers, ServedQueues } from './served-queues.ts';
import { StateMetrics } from './state-metrics.ts';
import { quietKnownWarnings } from './warnings.ts';
import { workflowBundle } from './workflow-bundle.ts';

/** Each stream and each sink has a thread of its own. */
export interface Slots {
  readonly streams: number;
  /** Of sinks that any worker may run, and as many again of those with a file on this host. */
  readonly sinks: number;
}

export interface RunWorkerOptions extends TemporalPlace {
  /** Port of `/metrics` and `/healthz` on the loopback interface; none when absent. */
  readonly metricsPort: number | undefined;
  /** Name that sinks with a file on this machine have it by. */
  readonly host: string;
  /** How much of the long work this process takes at most. */
  readonly slots: Slots;
  /** What of this machine the configurations of pipelines may name. */
  readonly secrets: SecretScope;
  /** Aborted: finish what is under way, leave in order, resolve. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** Time a step gets to end after the process was asked to stop. */
const STEP_GRACE = '15 seconds';
/** A queue that is left is left by its work one by one, each told by us: the SDK tells nobody. */
const LEFT_TO_US = '365 days';
/** Cancellation and pause reach an activity with the answer to a heartbeat: this is their latency. */
const HEARTBEAT_THROTTLE_MS = 10_000;

/**
 * Serves all task queues until the signal aborts, then ends its streams in order.
 * @throws {SluiceError} `temporal.unreachable`
 */
export async function runWorker(options: RunWorkerOptions): Promise<void> {
  const { address, namespace, host, log, secrets, signal, slots } = options;
  // What this process and its threads write holds rows: warehouse files, their logs, what spills.
  process.umask(0o077);
  quietKnownWarnings();
  installRuntime(log);
  const meter = new Meter();
  const metrics = new ProgressMetrics(meter, Date.now);
  const client = await connectClient(options);
  const settings = await connectionSettings(options);
  const connection = await NativeConnection.connect(settings).catch((cause: unknown) => {
    throw temporalUnreachable(address, cause);
  });
  try {
    await ensureSearchAttributes(client, namespace);
    const held = new HeldWork();
    const identity = `${process.pid}@${host} ${randomUUID()}`;
    const queue = processQueue(randomUUID());
    const context = { namespace, host, queue, log, meter, metrics, secrets, held };
    const workers = await createWorkers({ connection, client, context, identity, slots });
    const served = new ServedQueues(workers, held);
    using _loopDelay = followLoopDelay(meter);
    const states = new StateMetrics(client, meter);
    const failing = new FailingMetric(held, meter);
    const refresh = async (): Promise<void> => {
      metrics.refresh();
      failing.refresh();
      await states.refresh();
    };
    await using http = await serveMetrics(options.metricsPort, { meter, refresh }, served);
    await using _drain = await serveDrains({ client, identity, log, namespace, host }, served);
    log.info('worker started', {
      address,
      ...(http ? { reason: `metrics at ${http.url}/metrics` } : {}),
    });
    keepCompiledCode();
    await served.run(signal);
    log.info('worker ended');
  } finally {
    // Work that does not end keeps hold of it: the process ends all the same.
    await connection.close().catch(() => undefined);
    await client.connection.close();
  }
}

interface DrainPlace extends WorkerPlace {
  readonly client: Client;
  readonly identity: string;
  readonly log: Log;
}

/** Without it the worker works all the same, and ends by a signal. */
async function serveDrains(
  { client, identity, log, ...place }: DrainPlace,
  served: ServedQueues,
): Promise<AsyncDisposable | undefined> {
  const others: Parameters<ServedQueues['drain']>[0] = {
    isServedByOthers: async (queue) =>
      (await askersOf(client, queue)).some((asker) => asker !== identity),
    isTaken: (work) => isTaken(client, work, identity),
  };
  const onStep = ({ pipeline, sink, became, reason }: DrainStep): void =>
    log.info(`${sink === undefined ? 'stream' : `sink ${sink}`} is drained: ${became}`, {
      pipeline,
      ...(reason === undefined ? {} : { reason }),
    });
  try {
    return await serveDrain(place, (options) => {
      log.info('the worker is asked to drain');
      const told: DrainOptions['onStep'] = (step) => {
        onStep(step);
        options.onStep(step);
      };
      return served.drain(others, { ...options, onStep: told });
    });
  } catch (error) {
    log.warn(`the worker cannot be drained: ${error instanceof Error ? error.message : ''}`);
    return undefined;
  }
}

function serveMetrics(
  port: number | undefined,
  told: Pick<HttpServerOptions, 'meter' | 'refresh'>,
  served: ServedQueues,
): Promise<HttpServer | undefined> {
  if (port === undefined) return Promise.resolve(undefined);
  return startHttpServer({ port, ...told, health: () => served.health() });
}

/** Said of the stream and sink workers, which are meant to have none. */
const ACTIVITIES_ONLY = 'No workflows registered';

/**
 * Temporal's own lines go through ours, and so do those of our workflows, which are logged where
 * they run and not when they are replayed. Signals are handled by whoever called.
 */
function installRuntime(log: Log): void {
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      const isOfWorkflow = meta?.['sdkComponent'] === 'workflow';
      if (message.startsWith(ACTIVITIES_ONLY) || (level === 'INFO' && !isOfWorkflow)) return;
      const text = isOfWorkflow ? message : `temporal: ${message}`;
      const fields = fieldsOf(meta);
      if (level === 'ERROR') log.error(text, fields);
      else if (level === 'WARN') log.warn(text, fields);
      else log.info(text, fields);
    }),
  });
}

/** Which pipeline a workflow's line is about, and which of its sinks. */
function fieldsOf(meta: LogMetadata = {}): LogFields {
  const { pipeline, sink } = meta;
  return {
    ...(typeof pipeline === 'string' ? { pipeline } : {}),
    ...(typeof sink === 'string' ? { sink } : {}),
  };
}

interface WorkersWanted {
  readonly connection: NativeConnection;
  readonly client: Client;
  readonly context: Omit<PartsContext, 'client'>;
  readonly identity: string;
  readonly slots: Slots;
}

async function createWorkers({
  connection,
  client,
  context,
  identity,
  slots: { streams, sinks },
}: WorkersWanted): Promise<QueueWorkers> {
  const { namespace, host, queue } = context;
  const base = {
    connection,
    namespace,
    identity,
    activities: { ...createActivities(activityParts({ client, ...context })) },
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE_MS,
  };
  const forWork = (taskQueue: string, slots: number): Promise<Worker> =>
    Worker.create({
      ...base,
      taskQueue,
      maxConcurrentActivityTaskExecutions: slots,
      shutdownGraceTime: LEFT_TO_US,
    });
  const [control, own, presence, ...long] = await Promise.all([
    Worker.create({
      ...base,
      taskQueue: CONTROL_QUEUE,
      workflowBundle: await workflowBundle(),
      patchActivationCallback: ({ patchId }) => usesPatch(patchId),
      shutdownGraceTime: STEP_GRACE,
    }),
    Worker.create({ ...base, taskQueue: queue, maxConcurrentActivityTaskPolls: 1 }),
    Worker.create({ ...base, taskQueue: presenceQueue(host), maxConcurrentActivityTaskPolls: 1 }),
    forWork(STREAM_QUEUE, streams),
    forWork(SINK_QUEUE, sinks),
    forWork(hostQueue(host), sinks),
  ]);
  return { control, own, presence, long };
}
