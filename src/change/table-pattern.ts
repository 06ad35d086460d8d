import type { TableId } from './table.ts';

/** Schemas that belong to the server itself; their tables are never captured. */
const SYSTEM_DATABASES = new Set(['mysql', 'sys', 'information_schema', 'performance_schema']);

/**
 * Turns `database.table` patterns into one predicate. `*` stands for any run of characters on its
 * side of the first dot; all else is literal, letter case included.
 */
export function tableFilter(
  include: readonly string[],
  exclude: readonly string[],
): (table: TableId) => boolean {
  const included = include.map(patternMatcher);
  const excluded = exclude.map(patternMatcher);
  return (table) =>
    !SYSTEM_DATABASES.has(table.database) &&
    included.some((matches) => matches(table)) &&
    !excluded.some((matches) => matches(table));
}

function patternMatcher(pattern: string): (table: TableId) => boolean {
  const dot = pattern.indexOf('.');
  const database = wildcard(dot < 0 ? pattern : pattern.slice(0, dot));
  const table = wildcard(dot < 0 ? '*' : pattern.slice(dot + 1));
  return (id) => database.test(id.database) && table.test(id.table);
}

function wildcard(text: string): RegExp {
  const escaped = text.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${escaped}$`, 's');
}
