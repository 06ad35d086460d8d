import { parseTablePattern } from '../change/table-pattern.ts';
import type { BigQuerySinkSpec } from '../control/pipeline-spec.ts';
import type { DatasetUse } from './access-finding.ts';
import { bigQueryLayout } from './names.ts';

export interface PlannedDatasets {
  readonly datasets: readonly { readonly name: string; readonly use: DatasetUse }[];
  /** Whether there are patterns that say too little to tell the dataset of a table. */
  readonly mayNeedMore: boolean;
}

/**
 * Datasets that a sink is going to need, as far as the patterns of the captured tables tell.
 *
 * @param include  `database.table` patterns with `*`
 */
export function plannedDatasets(
  sink: Pick<BigQuerySinkSpec, 'project' | 'internalDataset' | 'dataset' | 'table'>,
  include: readonly string[],
): PlannedDatasets {
  const layout = bigQueryLayout(sink.project, sink.internalDataset, sink);
  const views = new Set<string>();
  let mayNeedMore = false;
  for (const pattern of include) {
    const parsed = parseTablePattern(pattern);
    if (!parsed) continue;
    const isOpen = (['database', 'table'] as const).some(
      (part) => sink.dataset.includes(`{${part}}`) && !parsed[part].isExact,
    );
    const { database, table } = parsed;
    if (isOpen) mayNeedMore = true;
    else views.add(layout.dataset({ database: database.text, table: table.text }));
  }
  return {
    datasets: [
      { name: sink.internalDataset, use: 'tables' },
      ...[...views].map((name) => ({ name, use: 'views' as const })),
    ],
    mayNeedMore,
  };
}
