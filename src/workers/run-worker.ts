import type { Client } from '@temporalio/client';
import {
  DefaultLogger,
  type LogMetadata,
  NativeConnection,
  Runtime,
  Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import { createActivities } from '../activities/create-activities.ts';
import type { SecretScope } from '../config/secret.ts';
import {
  CONTROL_QUEUE,
  hostQueue,
  presenceQueue,
  SINK_QUEUE,
  STREAM_QUEUE,
} from '../control/names.ts';
import {
  type Health,
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
import { activityParts, type PartsContext } from './activity-parts.ts';
import { keepCompiledCode } from './code-cache.ts';
import { followLoopDelay } from './loop-delay-metric.ts';
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

/** Time a stream gets to commit its last batch after the process was asked to stop. */
const SHUTDOWN_GRACE = '15 seconds';
const SHUTDOWN_FORCE = '30 seconds';
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
    const context = { namespace, host, log, meter, metrics, secrets };
    const workers = await createWorkers(connection, client, context, slots);
    using _loopDelay = followLoopDelay(meter);
    const states = new StateMetrics(client, meter);
    const refresh = async (): Promise<void> => {
      metrics.refresh();
      await states.refresh();
    };
    await using http = await serveMetrics(options.metricsPort, { meter, refresh }, workers);
    log.info('worker started', {
      address,
      ...(http ? { reason: `metrics at ${http.url}/metrics` } : {}),
    });
    const stop = (): void => {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    };
    signal.addEventListener('abort', stop);
    keepCompiledCode();
    const running = workers.map((worker) => worker.run());
    if (signal.aborted) stop();
    await Promise.all(running);
    log.info('worker ended');
  } finally {
    await connection.close();
    await client.connection.close();
  }
}

function serveMetrics(
  port: number | undefined,
  told: Pick<HttpServerOptions, 'meter' | 'refresh'>,
  workers: readonly Worker[],
): Promise<HttpServer | undefined> {
  if (port === undefined) return Promise.resolve(undefined);
  const health = (): Health => {
    const parts = Object.fromEntries(
      workers.map((worker) => [worker.options.taskQueue, worker.getState()]),
    );
    return { ok: Object.values(parts).every((state) => state === 'RUNNING'), parts };
  };
  return startHttpServer({ port, ...told, health });
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

async function createWorkers(
  connection: NativeConnection,
  client: Client,
  context: Omit<PartsContext, 'client'>,
  { streams, sinks }: Slots,
): Promise<readonly Worker[]> {
  const { namespace, host } = context;
  const activities = createActivities(activityParts({ client, ...context }));
  const base: Pick<
    WorkerOptions,
    | 'connection'
    | 'namespace'
    | 'shutdownGraceTime'
    | 'shutdownForceTime'
    | 'maxHeartbeatThrottleInterval'
    | 'activities'
  > = {
    connection,
    namespace,
    activities: { ...activities },
    shutdownGraceTime: 0,
    shutdownForceTime: SHUTDOWN_FORCE,
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE_MS,
  };
  const atOnce = (slots: number): Pick<WorkerOptions, 'maxConcurrentActivityTaskExecutions'> => ({
    maxConcurrentActivityTaskExecutions: slots,
  });
  return Promise.all([
    Worker.create({
      ...base,
      taskQueue: CONTROL_QUEUE,
      workflowBundle: await workflowBundle(),
      shutdownGraceTime: SHUTDOWN_GRACE,
    }),
    Worker.create({ ...base, ...atOnce(streams), taskQueue: STREAM_QUEUE }),
    Worker.create({ ...base, ...atOnce(sinks), taskQueue: SINK_QUEUE }),
    Worker.create({ ...base, ...atOnce(sinks), taskQueue: hostQueue(host) }),
    Worker.create({ ...base, taskQueue: presenceQueue(host), maxConcurrentActivityTaskPolls: 1 }),
  ]);
}
