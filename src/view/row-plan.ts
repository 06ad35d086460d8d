import { InvariantBroken } from '../errors/error.ts';
import type { Dialect } from './dialect.ts';
import { META, type StoredTable } from './stored-table.ts';

/** A condition on the stored sequence in `expression`. */
export type Bound = (expression: string) => string;

/** Up to the cut, which is read whenever a view is asked. NULL before the first cut: nothing is shown. */
export function upToCut(dialect: Dialect): Bound {
  return (seq) => `${seq} <= ${dialect.cut}`;
}

/** The names of the source's columns in the physical tables. */
export function physicalNames({ columns }: StoredTable): readonly string[] {
  return columns.flatMap(({ name, stored = name, earlier = [] }) => [
    stored,
    ...earlier.map((column) => column.name),
  ]);
}

/** Every column of the source, in the order views show them. */
export function columnList(dialect: Dialect, { columns }: StoredTable, alias: string): string {
  const values = columns.map((column) => {
    const value = dialect.columnValue(column, alias);
    const plain = `${alias}.${dialect.identifier(column.name)}`;
    return value === plain ? value : `${value} AS ${dialect.identifier(column.name)}`;
  });
  return values.join(', ');
}

/** Every column of the source as it is stored. */
export function physicalList(dialect: Dialect, table: StoredTable, alias: string): string {
  return physicalNames(table)
    .map((name) => `${alias}.${dialect.identifier(name)}`)
    .join(', ');
}

/**
 * What tells two rows of a table apart. A key column may hold a date that no date type can; its
 * text then stands in for it, so that two such rows never become one.
 */
export function keyExpressions(
  dialect: Dialect,
  { columns, key }: StoredTable,
  alias: string,
): readonly string[] {
  const byName = new Map(columns.map((column) => [column.name, column]));
  return key.map((name) => {
    const column = byName.get(name);
    if (!column) throw new InvariantBroken(`key column ${name} is not stored`);
    const value = dialect.columnValue(column, alias);
    if (!column.mayBeInexact) return dialect.groupable(column, value);
    const text = dialect.jsonMember(`${alias}.${META.inexact}`, name);
    return `COALESCE(${dialect.asText(value)}, ${text})`;
  });
}

export function sameKey(dialect: Dialect, table: StoredTable, a: string, b: string): string {
  const left = keyExpressions(dialect, table, a);
  const right = keyExpressions(dialect, table, b);
  return left.map((expression, index) => `${expression} = ${right[index] ?? 'NULL'}`).join(' AND ');
}

/** Changes that are not folded into the state yet, within the bound. */
export function isDelta(dialect: Dialect, table: StoredTable, alias: string, bound: Bound): string {
  const seq = `${alias}.${META.seq}`;
  const since = dialect.committedSince(alias, table.watermarkAtUs);
  return `${seq} > ${dialect.sequence(table.watermark)}${since} AND ${bound(seq)}`;
}

/** The newest change of each key among those that fulfil the condition on `c`, deletes included. */
export function newestChanges(
  dialect: Dialect,
  table: StoredTable,
  condition: string,
  columns = 'c.*',
): string {
  const key = keyExpressions(dialect, table, 'c').join(', ');
  return (
    `SELECT ${columns} FROM ${dialect.changes(table)} AS c WHERE ${condition}` +
    ` QUALIFY ROW_NUMBER() OVER (PARTITION BY ${key} ORDER BY c.${META.seq} DESC) = 1`
  );
}

/**
 * The live rows as of the bound: state rows without a newer change, and the newest of the newer
 * changes unless they are deletes. The watermark is a literal, so that the scan of the changelog
 * skips what is folded; the view is written anew when it moves. One that was not written anew yet
 * looks at folded changes once more and shows the same rows.
 *
 * @param columns  the select list over a row aliased `alias`, state and changelog alike
 */
export function liveRows(
  dialect: Dialect,
  table: StoredTable,
  bound: Bound,
  columns: (alias: string) => string,
): string {
  const newest = newestChanges(dialect, table, isDelta(dialect, table, 'c', bound));
  return (
    `SELECT ${columns('s')} FROM ${dialect.state(table)} AS s${withoutNewer(dialect, table, bound)}` +
    ` UNION ALL SELECT ${columns('n')} FROM (${newest}) AS n WHERE n.${META.op} <> 'd'`
  );
}

/** What leaves those state rows `s` whose key has no newer change. */
function withoutNewer(dialect: Dialect, table: StoredTable, bound: Bound): string {
  const from = `FROM ${dialect.changes(table)} AS c WHERE ${isDelta(dialect, table, 'c', bound)}`;
  if (dialect.antiJoin === 'notExists')
    return ` WHERE NOT EXISTS (SELECT 1 ${from} AND ${sameKey(dialect, table, 'c', 's')})`;
  const state = keyExpressions(dialect, table, 's');
  const newer = keyExpressions(dialect, table, 'c').map((key, index) => `${key} AS k${index}`);
  const on = state.map((key, index) => `${key} = d.k${index}`).join(' AND ');
  return ` LEFT JOIN (SELECT DISTINCT ${newer.join(', ')} ${from}) AS d ON ${on} WHERE d.k0 IS NULL`;
}
