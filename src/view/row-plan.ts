import type { Sequence } from '../change/sequence.ts';
import type { Dialect } from './dialect.ts';
import {
  type GenerationRange,
  generationAfter,
  generationsOf,
  keyColumns,
} from './key-generation.ts';
import { META, type PhysicalColumn, type StoredColumn, type StoredTable } from './stored-table.ts';
import { partsOf, physicalColumns } from './table-form.ts';

/** A condition on the stored sequence in `expression`. */
export type Bound = (expression: string) => string;

/** Up to the cut, which is read whenever a view is asked. NULL before the first cut: nothing is shown. */
export function upToCut(dialect: Dialect): Bound {
  return (seq) => `${seq} <= ${dialect.cut}`;
}

/** The names of the source's columns in the physical tables. */
export const physicalNames = (table: StoredTable): readonly string[] =>
  physicalColumns(table).map(({ name }) => name);

/** A column as views show it, whatever it was stored as in the course of time. */
function columnValue(dialect: Dialect, column: StoredColumn, alias: string): string {
  const parts = partsOf(column).map((part) =>
    dialect.convert(partValue(dialect, part, alias), part.type, column.type),
  );
  return parts.length === 1 ? (parts[0] ?? '') : `COALESCE(${parts.join(', ')})`;
}

/** Rows that are older than the column have the constant it was added with. */
function partValue(
  dialect: Dialect,
  { name, type, initial }: PhysicalColumn,
  alias: string,
): string {
  const value = `${alias}.${dialect.identifier(name)}`;
  if (!initial) return value;
  const constant = dialect.typed(initial.value, type);
  return `CASE WHEN ${alias}.${META.seq} < ${dialect.sequence(initial.before)} THEN ${constant} ELSE ${value} END`;
}

/** A column under the name that a view gives it. */
export interface ShownColumn {
  readonly name: string;
  readonly column: StoredColumn;
}

/** The columns of the source, in the order views show them. */
export const presentColumns = ({ columns }: StoredTable): readonly ShownColumn[] =>
  columns.map((column) => ({ name: column.name, column }));

/** A select list of columns, over a row aliased `alias`. */
export function columnList(
  dialect: Dialect,
  columns: readonly ShownColumn[],
  alias: string,
): string {
  const values = columns.map(({ name, column }) => {
    const value = columnValue(dialect, column, alias);
    const plain = `${alias}.${dialect.identifier(name)}`;
    return value === plain ? value : `${value} AS ${dialect.identifier(name)}`;
  });
  return values.join(', ');
}

/** Every column of the source as it is stored. */
export function physicalList(dialect: Dialect, table: StoredTable, alias: string): string {
  return physicalNames(table)
    .map((name) => `${alias}.${dialect.identifier(name)}`)
    .join(', ');
}

/** The same for a row that is stored anew, under a later sequence: what it shows does not depend on it then. */
export function movedList(dialect: Dialect, table: StoredTable, alias: string): string {
  return physicalColumns(table)
    .map((part) => {
      const value = partValue(dialect, part, alias);
      return part.initial ? `${value} AS ${dialect.identifier(part.name)}` : value;
    })
    .join(', ');
}

/**
 * What tells two rows of a generation apart. A key column may hold a date that no date type can; its
 * text then stands in for it, so that two such rows never become one.
 */
export function keyExpressions(
  dialect: Dialect,
  table: StoredTable,
  generation: GenerationRange,
  alias: string,
): readonly string[] {
  return keyColumns(table, generation).map((column) => {
    const value = columnValue(dialect, column, alias);
    if (!column.mayBeInexact) return dialect.groupable(column, value);
    const texts = partsOf(column).map(({ name }) =>
      dialect.jsonMember(`${alias}.${META.inexact}`, name),
    );
    return `COALESCE(${[dialect.asText(value), ...texts].join(', ')})`;
  });
}

export function sameKey(
  dialect: Dialect,
  table: StoredTable,
  generation: GenerationRange,
  a: string,
  b: string,
): string {
  const left = keyExpressions(dialect, table, generation, a);
  const right = keyExpressions(dialect, table, generation, b);
  return left
    .map((expression, index) => dialect.isSame(expression, right[index] ?? 'NULL'))
    .join(' AND ');
}

/** Changes of a generation that are not folded into the state yet, within the bound. */
export function isDelta(
  dialect: Dialect,
  table: StoredTable,
  { after, upTo }: GenerationRange,
  alias: string,
  bound: Bound,
): string {
  const seq = `${alias}.${META.seq}`;
  const from = after > table.watermark ? after : table.watermark;
  const since = dialect.committedSince(alias, table.watermarkAtUs);
  return `${seq} > ${dialect.sequence(from)}${since} AND ${bound(seq)}${endOf(dialect, seq, upTo)}`;
}

/** Changes of a generation, within the bound. */
export function isOfGeneration(
  dialect: Dialect,
  table: StoredTable,
  { after, upTo }: GenerationRange,
  alias: string,
  bound: Bound,
): string {
  const seq = `${alias}.${META.seq}`;
  const isFirst = after === generationsOf(table)[0]?.after;
  const begin = isFirst ? '' : `${seq} > ${dialect.sequence(after)} AND `;
  return `${begin}${bound(seq)}${endOf(dialect, seq, upTo)}${dialect.committedSince(alias, undefined)}`;
}

const endOf = (dialect: Dialect, seq: string, upTo: Sequence | undefined): string =>
  upTo === undefined ? '' : ` AND ${seq} <= ${dialect.sequence(upTo)}`;

/** The newest change of each key of a generation among those that fulfil the condition on `c`, deletes included. */
export function newestChanges(
  dialect: Dialect,
  table: StoredTable,
  generation: GenerationRange,
  condition: string,
  columns = 'c.*',
): string {
  const key = keyExpressions(dialect, table, generation, 'c').join(', ');
  return (
    `SELECT ${columns} FROM ${dialect.changes(table)} AS c WHERE ${condition}` +
    ` QUALIFY ROW_NUMBER() OVER (PARTITION BY ${key} ORDER BY c.${META.seq} DESC) = 1`
  );
}

/** The generation of the rows in the state. */
export const stateGeneration = (table: StoredTable): GenerationRange =>
  generationAfter(table, table.watermark);

/**
 * The live rows as of the bound: state rows without a newer change, and the newest of the newer
 * changes unless they are deletes. The watermark is a literal, so that the scan of the changelog
 * skips what is folded; the view is written anew when it moves. One that was not written anew yet
 * looks at folded changes once more and shows the same rows. Rows of a generation that has ended
 * all have a delete where it ends.
 *
 * @param columns  the select list over a row aliased `alias`, state and changelog alike
 */
export function liveRows(
  dialect: Dialect,
  table: StoredTable,
  bound: Bound,
  columns: (alias: string) => string,
): string {
  const state = stateGeneration(table);
  const unfolded = generationsOf(table).filter(({ after }) => after >= state.after);
  return unfolded
    .map((generation) =>
      liveRowsOf(dialect, table, generation, generation.after === state.after, bound, columns),
    )
    .join(' UNION ALL ');
}

/** The same of one generation alone. */
export function liveRowsOf(
  dialect: Dialect,
  table: StoredTable,
  generation: GenerationRange,
  isInState: boolean,
  bound: Bound,
  columns: (alias: string) => string,
): string {
  const delta = isDelta(dialect, table, generation, 'c', bound);
  const newest = newestChanges(dialect, table, generation, delta);
  const changed = `SELECT ${columns('n')} FROM (${newest}) AS n WHERE n.${META.op} <> 'd'`;
  if (!isInState) return changed;
  const left = withoutNewer(dialect, table, generation, bound);
  return `SELECT ${columns('s')} FROM ${dialect.state(table)} AS s${left} UNION ALL ${changed}`;
}

/** What leaves those state rows `s` whose key has no newer change. */
function withoutNewer(
  dialect: Dialect,
  table: StoredTable,
  generation: GenerationRange,
  bound: Bound,
): string {
  const delta = isDelta(dialect, table, generation, 'c', bound);
  const from = `FROM ${dialect.changes(table)} AS c WHERE ${delta}`;
  if (dialect.antiJoin === 'notExists')
    return ` WHERE NOT EXISTS (SELECT 1 ${from} AND ${sameKey(dialect, table, generation, 'c', 's')})`;
  const state = keyExpressions(dialect, table, generation, 's');
  const newer = keyExpressions(dialect, table, generation, 'c');
  const keys = newer.map((key, index) => `${key} AS k${index}`).join(', ');
  const on = state.map((key, index) => dialect.isSame(key, `d.k${index}`)).join(' AND ');
  return ` LEFT JOIN (SELECT DISTINCT ${keys} ${from}) AS d ON ${on} WHERE d.k0 IS NULL`;
}
