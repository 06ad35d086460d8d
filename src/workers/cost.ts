import { bigQueryLayout } from '../bigquery/names.ts';
import { readCost } from '../bigquery/read-cost.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import type { CostQuestion, SinkCost } from '../control/sink-cost.ts';
import { bigQueryService } from './bigquery-warehouse.ts';

/**
 * What the BigQuery sinks of a pipeline cost; other kinds have no bill.
 *
 * @throws {SluiceError} `bigquery.*`
 */
export async function sinkCosts(
  { sinks }: Pick<PipelineSpec, 'sinks'>,
  question: CostQuestion,
): Promise<readonly SinkCost[]> {
  const costs: SinkCost[] = [];
  for (const [name, sink] of Object.entries(sinks)) {
    if (sink.kind !== 'bigquery') continue;
    const warehouse = {
      service: bigQueryService(sink),
      layout: bigQueryLayout(sink.project, sink.internalDataset, sink),
      settings: sink,
      nowMs: Date.now(),
    };
    costs.push({ sink: name, cost: await readCost(warehouse, question) });
  }
  return costs;
}
