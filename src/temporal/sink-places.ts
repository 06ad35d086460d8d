import type { Client } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { CONTROL_QUEUE, presenceQueue, sinkQueue } from '../control/names.ts';
import type { PipelineSpec, SinkSpec } from '../control/pipeline-spec.ts';
import { hostOf } from '../control/sink-hosts.ts';

/** Where a sink with a file runs. */
export interface SinkPlace {
  readonly sink: string;
  readonly host: string;
  /** A worker serves that host. */
  readonly isServed: boolean;
  /** The host that it had before, where that is another. */
  readonly formerHost?: string;
}

export function sinkPlaces(
  client: Client,
  spec: PipelineSpec,
  before: PipelineSpec | undefined,
): Promise<readonly SinkPlace[]> {
  const places = Object.entries(spec.sinks).flatMap(([name, sink]) => {
    if (sink.kind !== 'duckdb') return [];
    const former = before && hostOf(before, name);
    const moved = former === undefined || former === sink.host ? {} : { formerHost: former };
    return [{ sink: name, host: sink.host, moved, spec: sink }];
  });
  return Promise.all(
    places.map(async ({ moved, spec: sink, ...place }) => ({
      ...place,
      isServed: await isServed(client, sink),
      ...moved,
    })),
  );
}

/** TASK_QUEUE_TYPE_ACTIVITY of Temporal's API. */
const OF_ACTIVITIES: object = { taskQueueType: 2 };
/** A worker that waits asks again within a minute; the server remembers those that are gone for five. */
const FRESH_MS = 90_000;

/**
 * Whether a worker is there that has the sink's queue. One whose slots are all taken asks its queues
 * for nothing: it is known by the queue that it goes on asking.
 */
export async function isServed(client: Client, sink: SinkSpec): Promise<boolean> {
  const queues = [
    sinkQueue(sink),
    sink.kind === 'duckdb' ? presenceQueue(sink.host) : CONTROL_QUEUE,
  ];
  const served = await Promise.all(queues.map((queue) => askersOf(client, queue)));
  return served.some((askers) => askers.length > 0);
}

/** Identities of the workers that ask a queue for activities, or have asked within the last minute and a half. */
export async function askersOf(client: Client, queue: string): Promise<readonly string[]> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: queue },
    ...OF_ACTIVITIES,
  });
  return pollers
    .filter(({ lastAccessTime }) => Date.now() - (optionalTsToMs(lastAccessTime) ?? 0) < FRESH_MS)
    .map(({ identity }) => identity ?? '');
}
