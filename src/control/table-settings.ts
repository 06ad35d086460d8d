import { DEFAULT_ROW_SETTINGS, type RowSettings } from '../change/row-settings.ts';
import type { TableId } from '../change/table.ts';
import { patternMatcher } from '../change/table-pattern.ts';
import type { OnTableFailure, SourceSpec, TableSettings } from './pipeline-spec.ts';

type Tables = Pick<SourceSpec, 'tables'>;

/** What a table does that fails, by the last pattern in the file that matches; it stops alone when none does. */
export function onTableFailure(source: Tables): (table: TableId) => OnTableFailure {
  const settingsOf = tableSettings(source);
  return (table) => settingsOf(table)?.onFailure ?? 'stop-table';
}

/** How a table's rows are passed on, by the same pattern. */
export function rowSettings(source: Tables): (table: TableId) => RowSettings {
  const settingsOf = tableSettings(source);
  return (table) => {
    const { invalidText, beforeImage } = { ...DEFAULT_ROW_SETTINGS, ...settingsOf(table) };
    return { invalidText, beforeImage };
  };
}

function tableSettings({ tables = [] }: Tables): (table: TableId) => TableSettings | undefined {
  const rules = tables.map((settings) => ({
    settings,
    matches: patternMatcher(settings.pattern),
  }));
  return (table) => rules.findLast(({ matches }) => matches(table))?.settings;
}
