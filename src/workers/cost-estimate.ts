import { LIST_PRICE, plannedCost } from '../bigquery/cost.ts';
import { followedTables } from '../change/table-pattern.ts';
import { OWN_SECRETS } from '../config/secret.ts';
import type { Finding } from '../control/finding.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import { connect } from '../mysql/connection.ts';
import { allTables, readTables, tellDefinitions } from '../mysql/information-schema.ts';
import { QUIET_COMMIT_MS } from './bigquery-warehouse.ts';
import { mysqlAccount } from './connections.ts';

export interface SourceSize {
  readonly tables: number;
  /** From the server's statistics. */
  readonly dataBytes: number;
}

/** Between what a month of each sink in BigQuery will cost, before anything has run. */
export async function costFindings(
  spec: PipelineSpec,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  if (Object.values(spec.sinks).every(({ kind }) => kind !== 'bigquery')) return [];
  return estimates(spec, await sourceSize(spec, signal));
}

export function estimates({ sinks }: PipelineSpec, size: SourceSize): readonly Finding[] {
  return Object.entries(sinks).flatMap(([name, sink]): Finding[] => {
    if (sink.kind !== 'bigquery') return [];
    const { leastUsd, mostUsd } = plannedCost(size, sink, QUIET_COMMIT_MS);
    const streams =
      sink.writePath === 'storage-write'
        ? ` Rows by stream come on top, ${LIST_PRICE.usdPerGibibyteStreamed} USD a GiB beyond 2 TiB a month.`
        : '';
    const gibibytes = (size.dataBytes / 2 ** 30).toFixed(1);
    return [
      {
        check: `sinks.${name}.cost`,
        severity: 'ok',
        message: `A month costs ${leastUsd.toFixed(2)} USD when nothing changes and ${mostUsd.toFixed(2)} USD when all of the ${size.tables} tables (${gibibytes} GiB) change all the time, at list price (${LIST_PRICE.usdPerTebibyte} USD a TiB, ${LIST_PRICE.terms}), without storage and your own queries.${streams} How much changes is not known before; sluice cost tells it afterwards.`,
      },
    ];
  });
}

async function sourceSize(spec: PipelineSpec, signal: AbortSignal): Promise<SourceSize> {
  await using session = await connect(await mysqlAccount(spec, OWN_SECRETS), {}, signal);
  await tellDefinitions(session);
  const tables = await readTables(session, allTables(followedTables(spec.source)));
  const dataBytes = tables.reduce(
    (sum, { estimatedRows, averageRowBytes }) => sum + estimatedRows * averageRowBytes,
    0,
  );
  return { tables: tables.length, dataBytes };
}
