import { resolve } from 'node:path';
import { unreachable } from '../change/brand.ts';
import { CASCADES_SELECTOR } from '../change/table-pattern.ts';
import type {
  KafkaSpec,
  PipelineSpec,
  SecretRef,
  SinkSpec,
  SnapshotSpec,
  SourceSpec,
  TlsSpec,
} from '../control/pipeline-spec.ts';
import {
  DEFAULT_LOAD_INTERVAL_MS,
  DEFAULT_STREAM_INTERVAL_MS,
  DEFAULT_TLS_VERIFY,
} from './defaults.ts';
import type { PipelineFile } from './schema.ts';
import { derivedServerId } from './server-id.ts';

interface Surroundings {
  readonly folder: string;
  readonly host: string;
}

/** The complete specification: what the file leaves out is filled in, relative paths start at its folder. */
export function pipelineSpec(file: PipelineFile, { folder, host }: Surroundings): PipelineSpec {
  return {
    v: 1,
    pipeline: file.pipeline,
    source: sourceSpec(file, folder),
    kafka: kafkaSpec(file, folder),
    sinks: Object.fromEntries(
      Object.entries(file.sinks).map(([name, sink]) => [
        name,
        sinkSpec(sink, file.pipeline, { folder, host }),
      ]),
    ),
    snapshot: snapshotSpec(file),
    stream: file.stream,
    failures: file.failures,
  };
}

const COMMIT_INTERVALS_MS = {
  'load-jobs': DEFAULT_LOAD_INTERVAL_MS,
  'storage-write': DEFAULT_STREAM_INTERVAL_MS,
} as const;

function sinkSpec(
  sink: PipelineFile['sinks'][string],
  pipeline: string,
  { folder, host }: Surroundings,
): SinkSpec {
  switch (sink.kind) {
    case 'duckdb':
      return { ...sink, file: resolve(folder, sink.file), host: sink.host ?? host };
    case 'bigquery': {
      const { keyFile, internalDataset, ...rest } = sink;
      return {
        ...rest,
        loadIntervalMs: sink.loadIntervalMs ?? COMMIT_INTERVALS_MS[sink.writePath],
        internalDataset: internalDataset ?? `sluice_${pipeline.replaceAll(/[^A-Za-z0-9]/g, '_')}`,
        ...(keyFile === undefined ? {} : { keyFile: resolve(folder, keyFile) }),
      };
    }
    default:
      return unreachable(sink);
  }
}

function sourceSpec({ pipeline, source }: PipelineFile, folder: string): SourceSpec {
  const { tls, tables, ...rest } = source;
  const settings = Object.entries(tables).map(([pattern, table]) => ({ pattern, ...table }));
  return {
    ...rest,
    ...(settings.length === 0 ? {} : { tables: settings }),
    password: secretRef(source.password, folder),
    ...tlsSpec(tls, folder),
    serverId: source.serverId ?? derivedServerId(pipeline),
  };
}

/** The sweep of cascades is a schedule like the others, under a name that no file can give one. */
function snapshotSpec({ snapshot }: PipelineFile): SnapshotSpec {
  const { sweepCascades, schedules, ...rest } = snapshot;
  if (!sweepCascades) return { ...rest, schedules };
  const sweep = { cron: sweepCascades.cron, tables: [CASCADES_SELECTOR] };
  return { ...rest, schedules: { ...schedules, [CASCADES_SELECTOR]: sweep } };
}

function kafkaSpec({ pipeline, kafka }: PipelineFile, folder: string): KafkaSpec {
  const { tls, sasl, ...rest } = kafka;
  return {
    ...rest,
    prefix: kafka.prefix ?? pipeline,
    ...tlsSpec(tls, folder),
    ...(sasl && { sasl: saslSpec(sasl, folder) }),
  };
}

/** That a password may be read on its way is decided where the file is read. */
function saslSpec(
  { allowPlaintext: _, ...sasl }: NonNullable<PipelineFile['kafka']['sasl']>,
  folder: string,
): NonNullable<KafkaSpec['sasl']> {
  return { ...sasl, password: secretRef(sasl.password, folder) };
}

const secretRef = (ref: SecretRef, folder: string): SecretRef =>
  'file' in ref ? { file: resolve(folder, ref.file) } : ref;

function tlsSpec(tls: PipelineFile['source']['tls'], folder: string): { readonly tls?: TlsSpec } {
  if (tls === undefined || tls === false) return {};
  if (tls === true) return { tls: { verify: DEFAULT_TLS_VERIFY } };
  return {
    tls: { verify: tls.verify, ...(tls.ca === undefined ? {} : { ca: resolve(folder, tls.ca) }) },
  };
}
