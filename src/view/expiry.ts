import type { Dialect } from './dialect.ts';
import { type GenerationRange, generationsOf } from './key-generation.ts';
import { type Bound, isOfGeneration, keyExpressions } from './row-plan.ts';
import { META, type StoredTable } from './stored-table.ts';

const DAY_US = 86_400_000_000;

/**
 * The table with `changesSinceUs` where changes are kept for some days: the start of a day in UTC,
 * at least so many days ago. Only folded changes expire, however old: no change behind the watermark
 * was committed before it. The table itself while no day has passed since it was last moved.
 *
 * @param watermarkAtUs  commit time of the watermark
 */
export function expired(
  table: StoredTable,
  keptDays: number,
  { watermarkAtUs, nowUs }: { readonly watermarkAtUs: number; readonly nowUs: number },
): StoredTable {
  const upToUs = Math.min(watermarkAtUs, nowUs) - keptDays * DAY_US;
  const sinceUs = upToUs - (upToUs % DAY_US);
  return sinceUs > (table.changesSinceUs ?? 0) ? { ...table, changesSinceUs: sinceUs } : table;
}

/**
 * Takes changes from before `changesSinceUs` out of the changelog, but the newest of each row that
 * lived then, which as-of and history need from there on. Views that are made with `changesSinceUs`
 * show the same before and after. May be run again, and makes up for a time it was not.
 */
export function expireChanges(dialect: Dialect, table: StoredTable): readonly string[] {
  const { changesSinceUs } = table;
  if (changesSinceUs === undefined) return [];
  return generationsOf(table).map((generation) =>
    deletePassed(dialect, table, generation, changesSinceUs),
  );
}

/** A row is told apart from the others by its key within one generation. */
function deletePassed(
  dialect: Dialect,
  table: StoredTable,
  generation: GenerationRange,
  beforeUs: number,
): string {
  const folded: Bound = (seq) => `${seq} <= ${dialect.sequence(table.watermark)}`;
  const isOld = (alias: string): string =>
    `${alias}.${META.committedAt} < ${dialect.timestamp(beforeUs)} AND ${isOfGeneration(dialect, table, generation, alias, folded)}`;
  const newer = keyExpressions(dialect, table, generation, 'n');
  const keys = newer.map((key, index) => `${key} AS k${index}`).join(', ');
  // A column of the source may be called k0: grouped in a query of its own, the name has one meaning.
  const names = newer.map((_, index) => `o.k${index}`).join(', ');
  const old = `SELECT ${keys}, n.${META.seq} AS seq FROM ${dialect.changes(table)} AS n WHERE ${isOld('n')}`;
  const newest = `SELECT ${names}, MAX(o.seq) AS seq FROM (${old}) AS o GROUP BY ${names}`;
  const same = keyExpressions(dialect, table, generation, 'c')
    .map((key, index) => dialect.isSame(key, `m.k${index}`))
    .join(' AND ');
  return (
    `DELETE FROM ${dialect.changes(table)} AS c WHERE ${isOld('c')} AND (c.${META.op} = 'd'` +
    ` OR EXISTS (SELECT 1 FROM (${newest}) AS m WHERE ${same} AND c.${META.seq} < m.seq))`
  );
}
