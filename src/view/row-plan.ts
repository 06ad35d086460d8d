import type { Dialect } from './dialect.ts';
import { INTERNAL_SCHEMA, META, type StoredTable } from './stored-table.ts';

/** A condition on the stored sequence in `expression`. */
export type Bound = (expression: string) => string;

/** The cut, read from the checkpoint whenever a view is asked. NULL before the first cut: nothing is shown. */
const CUT = `(SELECT p.cut_seq FROM ${INTERNAL_SCHEMA}.checkpoint AS p)`;

export const upToCut: Bound = (seq) => `${seq} <= ${CUT}`;

export function changesTable(dialect: Dialect, { name }: StoredTable): string {
  return `${INTERNAL_SCHEMA}.${dialect.identifier(`${name}__changes`)}`;
}

export function stateTable(dialect: Dialect, { name }: StoredTable): string {
  return `${INTERNAL_SCHEMA}.${dialect.identifier(`${name}__state`)}`;
}

/** Every column of the source, in the order views show them. */
export function columnList(dialect: Dialect, { columns }: StoredTable, alias: string): string {
  return columns.map(({ name }) => `${alias}.${dialect.identifier(name)}`).join(', ');
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
  const inexact = new Set(columns.filter((c) => c.mayBeInexact).map(({ name }) => name));
  return key.map((name) => {
    const column = `${alias}.${dialect.identifier(name)}`;
    if (!inexact.has(name)) return column;
    const text = dialect.jsonMember(`${alias}.${META.inexact}`, name);
    return `COALESCE(${dialect.asText(column)}, ${text})`;
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
  return `${seq} > ${dialect.sequence(table.watermark)} AND ${bound(seq)}`;
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
    `SELECT ${columns} FROM ${changesTable(dialect, table)} AS c WHERE ${condition}` +
    ` QUALIFY ROW_NUMBER() OVER (PARTITION BY ${key} ORDER BY c.${META.seq} DESC) = 1`
  );
}

/**
 * The live rows as of the bound: state rows without a newer change, and the newest of the newer
 * changes unless they are deletes. The watermark is a literal, so that the scan of the changelog
 * skips what is folded; the view is written anew in the transaction that moves it.
 *
 * @param columns  the select list over a row aliased `alias`, state and changelog alike
 */
export function liveRows(
  dialect: Dialect,
  table: StoredTable,
  bound: Bound,
  columns: (alias: string) => string,
): string {
  const newer =
    `SELECT 1 FROM ${changesTable(dialect, table)} AS c` +
    ` WHERE ${isDelta(dialect, table, 'c', bound)} AND ${sameKey(dialect, table, 'c', 's')}`;
  const newest = newestChanges(dialect, table, isDelta(dialect, table, 'c', bound));
  return (
    `SELECT ${columns('s')} FROM ${stateTable(dialect, table)} AS s WHERE NOT EXISTS (${newer})` +
    ` UNION ALL SELECT ${columns('n')} FROM (${newest}) AS n WHERE n.${META.op} <> 'd'`
  );
}
