import { plannedCostText } from '../bigquery/planned-cost.ts';
import { type Finding, ok } from '../control/finding.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import { tableSizes } from '../mysql/table-sizes.ts';
import { QUIET_COMMIT_MS } from './bigquery-warehouse.ts';
import { mysqlAccount } from './connections.ts';

/**
 * What each BigQuery sink of a pipeline is going to cost, as far as its source tells.
 *
 * @throws {SluiceError} a `mysql.*` code
 */
export async function costFindings(
  spec: PipelineSpec,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const billed = Object.entries(spec.sinks).flatMap(([name, sink]) =>
    sink.kind === 'bigquery' ? [{ name, loadIntervalMs: sink.loadIntervalMs }] : [],
  );
  if (billed.length === 0) return [];
  const sizes = await tableSizes(await mysqlAccount(spec), spec.source, signal);
  return billed.map(({ name, loadIntervalMs }) =>
    ok(
      `sinks.${name}.cost`,
      plannedCostText({ ...sizes, loadIntervalMs, quietCommitMs: QUIET_COMMIT_MS }),
    ),
  );
}
