import { googleAuthorization } from '../bigquery/authorization.ts';
import { BigQueryDestination } from '../bigquery/bigquery-destination.ts';
import { DEFAULT_FOLDING } from '../bigquery/compaction.ts';
import { GrpcWriteStreams } from '../bigquery/grpc-streams.ts';
import { loggedPlans } from '../bigquery/load-plan.ts';
import { bigQueryLayout } from '../bigquery/names.ts';
import { RestBigQuery, type RestServiceOptions } from '../bigquery/rest-service.ts';
import { namedFile, type SecretScope } from '../config/secret.ts';
import type { BigQuerySinkSpec } from '../control/pipeline-spec.ts';
import { SluiceError } from '../errors/error.ts';
import { systemClock } from '../sink/clock.ts';
import type { SinkLog } from '../sink/sink-log.ts';
import type { SinkTask, ThreadPort } from './thread-protocol.ts';

/** A commit that moves nothing but the position costs as much as any; status needs it now and then. */
export const QUIET_COMMIT_MS = 600_000;

/**
 * A server that is not Google's is asked without credentials.
 * @throws {SluiceError} `config.secret-refused` | `config.secret-missing`, of a key file
 */
export async function bigQueryAuthorization(
  { endpoint, keyFile, impersonate }: BigQuerySinkSpec,
  secrets: SecretScope,
): Promise<RestServiceOptions['authorization']> {
  if (endpoint !== undefined) return () => Promise.resolve({});
  return googleAuthorization({
    ...(keyFile === undefined ? {} : { keyFile: await namedFile(keyFile, secrets) }),
    ...(impersonate === undefined ? {} : { impersonate }),
  });
}

export function bigQueryService(
  sink: BigQuerySinkSpec,
  authorization: RestServiceOptions['authorization'],
): RestBigQuery {
  const { project, location, endpoint, labels, kmsKey } = sink;
  return new RestBigQuery({
    project,
    location,
    labels,
    authorization,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(kmsKey === undefined ? {} : { kmsKey }),
  });
}

interface WarehouseParts {
  readonly task: SinkTask;
  readonly log: SinkLog;
  readonly port: ThreadPort;
  readonly onRefused: (rows: number) => void;
  readonly signal: AbortSignal;
}

/** @throws {SluiceError} `config.refused` and as {@link bigQueryAuthorization} */
export async function bigQueryWarehouse(
  sink: BigQuerySinkSpec,
  { task: { spec, secrets, sinkName }, log, port, onRefused, signal }: WarehouseParts,
): Promise<BigQueryDestination> {
  const { project, changesExpireDays, labels, storageEndpoint: address } = sink;
  if (address !== undefined && sink.endpoint === undefined)
    throw new SluiceError(
      'config.refused',
      `Sink ${sinkName} names storageEndpoint ${address} without an endpoint beside it: credentials of Google go to Google alone.`,
      { facts: { sink: sinkName } },
    );
  const authorization = await bigQueryAuthorization(sink, secrets);
  return new BigQueryDestination({
    service: bigQueryService(sink, authorization),
    streams: new GrpcWriteStreams({
      project,
      authorization,
      signal,
      ...(address === undefined ? {} : { address }),
    }),
    writePath: sink.writePath ?? 'load-jobs',
    pipeline: spec.pipeline,
    sink: sinkName,
    prefix: spec.kafka.prefix,
    layout: bigQueryLayout(project, sink.internalDataset, sink),
    tables: { labels, ...(changesExpireDays === undefined ? {} : { changesExpireDays }) },
    plans: loggedPlans(log),
    folding: { ...DEFAULT_FOLDING, maxAgeMs: sink.compactionIntervalMs },
    compactionPriority: sink.compactionPriority === 'batch' ? 'BATCH' : 'INTERACTIVE',
    onRefusedRow: sink.onRefusedRow,
    onRefused,
    quietCommitMs: QUIET_COMMIT_MS,
    clock: systemClock,
    reach: port.reach,
    signal,
  });
}
