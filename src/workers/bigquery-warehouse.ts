import { googleAuthorization } from '../bigquery/authorization.ts';
import { BigQueryDestination } from '../bigquery/bigquery-destination.ts';
import { CheckpointPlans } from '../bigquery/checkpoint-plans.ts';
import { bigQueryLayout } from '../bigquery/names.ts';
import { RestBigQuery } from '../bigquery/rest-service.ts';
import type { BigQuerySinkSpec } from '../control/pipeline-spec.ts';
import type { SinkTask, ThreadPort } from './thread-protocol.ts';

/** A commit that moves nothing but the position costs as much as any; status needs it now and then. */
const QUIET_COMMIT_MS = 600_000;

function bigQueryService(sink: BigQuerySinkSpec): RestBigQuery {
  const { project, location, endpoint, labels, kmsKey, keyFile, impersonate } = sink;
  const authorization =
    endpoint === undefined
      ? googleAuthorization({
          ...(keyFile === undefined ? {} : { keyFile }),
          ...(impersonate === undefined ? {} : { impersonate }),
        })
      : () => Promise.resolve({});
  return new RestBigQuery({
    project,
    location,
    labels,
    authorization,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(kmsKey === undefined ? {} : { kmsKey }),
  });
}

export function bigQueryWarehouse(
  { spec, sinkName }: SinkTask,
  sink: BigQuerySinkSpec,
  port: ThreadPort,
  signal: AbortSignal,
): BigQueryDestination {
  const service = bigQueryService(sink);
  const layout = bigQueryLayout(sink.project, sink.internalDataset, sink);
  const { changesExpireDays, labels } = sink;
  return new BigQueryDestination(service, {
    pipeline: spec.pipeline,
    sink: sinkName,
    prefix: spec.kafka.prefix,
    layout,
    tables: { labels, ...(changesExpireDays === undefined ? {} : { changesExpireDays }) },
    plans: new CheckpointPlans(service, layout),
    compactionPriority: sink.compactionPriority === 'batch' ? 'BATCH' : 'INTERACTIVE',
    onRefusedRow: sink.onRefusedRow,
    quietCommitMs: QUIET_COMMIT_MS,
    nowMs: Date.now,
    reach: port.reach,
    signal,
  });
}
