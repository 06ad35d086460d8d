import type { TableId } from '../change/table.ts';
import { patternMatcher } from '../change/table-pattern.ts';
import type { OnTableFailure, SourceSpec } from './pipeline-spec.ts';

/** What a table does that fails, by the last pattern in the file that matches; it stops alone when none does. */
export function onTableFailure({
  tables = [],
}: Pick<SourceSpec, 'tables'>): (table: TableId) => OnTableFailure {
  const rules = tables.map(({ pattern, onFailure }) => ({
    matches: patternMatcher(pattern),
    onFailure,
  }));
  return (table) => rules.findLast(({ matches }) => matches(table))?.onFailure ?? 'stop-table';
}
