import type { Sequence } from '../change/sequence.ts';
import type { Dialect } from './dialect.ts';
import { type GenerationRange, generationAfter, generationBefore } from './key-generation.ts';
import {
  type Bound,
  isDelta,
  liveRowsOf,
  movedList,
  newestChanges,
  physicalList,
  physicalNames,
  sameKey,
  stateGeneration,
} from './row-plan.ts';
import { META, type StoredTable } from './stored-table.ts';

/** Columns of the state table, as a select or insert list. */
function stateColumns(dialect: Dialect, table: StoredTable, alias: string): string {
  return `${physicalList(dialect, table, alias)}, ${alias}.${META.seq}, ${alias}.${META.inexact}`;
}

function names(dialect: Dialect, table: StoredTable, meta: readonly string[]): string {
  return [...physicalNames(table).map(dialect.identifier), ...meta].join(', ');
}

/** Whether folding up to a sequence passes the end of all rows that are in the state. */
export const replacesState = (table: StoredTable, upTo: Sequence): boolean =>
  generationAfter(table, upTo).after !== stateGeneration(table).after;

/** Condition on `c` for the changes that a fold up to a sequence brings into the state. */
export function isFolded(dialect: Dialect, table: StoredTable, upTo: Sequence): string {
  const bound: Bound = (seq) => `${seq} <= ${dialect.sequence(upTo)}`;
  return isDelta(dialect, table, generationAfter(table, upTo), 'c', bound);
}

/** Whether two rows are the same in the generation that the state has after a fold up to a sequence. */
export const sameFoldedKey = (
  dialect: Dialect,
  table: StoredTable,
  upTo: Sequence,
  a: string,
  b: string,
): string => sameKey(dialect, table, generationAfter(table, upTo), a, b);

/** Query for the newest change of each key between the table's watermark and `upTo`. */
export function foldedChanges(dialect: Dialect, table: StoredTable, upTo: Sequence): string {
  const columns = `${stateColumns(dialect, table, 'c')}, c.${META.op}`;
  const generation = generationAfter(table, upTo);
  return newestChanges(dialect, table, generation, isFolded(dialect, table, upTo), columns);
}

/**
 * One statement that brings the state to what {@link foldedChanges} gives, where it holds rows of
 * the same generation.
 *
 * @param bounds  conditions on the state row `s` that every change fulfils, so that the warehouse
 *   reads only that part of the state
 */
export function mergeStatement(
  dialect: Dialect,
  table: StoredTable,
  upTo: Sequence,
  bounds: readonly string[] = [],
): string {
  const columns = [...physicalNames(table).map(dialect.identifier), META.seq, META.inexact];
  const on = [sameFoldedKey(dialect, table, upTo, 's', 'f'), ...bounds].join(' AND ');
  const set = columns.map((name) => `${name} = f.${name}`).join(', ');
  const values = columns.map((name) => `f.${name}`).join(', ');
  return (
    `MERGE INTO ${dialect.state(table)} AS s USING (${foldedChanges(dialect, table, upTo)}) AS f ON ${on}` +
    ` WHEN MATCHED AND f.${META.op} = 'd' THEN DELETE` +
    ` WHEN MATCHED THEN UPDATE SET ${set}` +
    ` WHEN NOT MATCHED AND f.${META.op} <> 'd' THEN INSERT (${columns.join(', ')}) VALUES (${values})`
  );
}

/** The same for changes of which no key is in the state. */
export function appendStatement(dialect: Dialect, table: StoredTable, upTo: Sequence): string {
  const target = names(dialect, table, [META.seq, META.inexact]);
  return (
    `INSERT INTO ${dialect.state(table)} (${target}) SELECT ${stateColumns(dialect, table, 'f')}` +
    ` FROM (${foldedChanges(dialect, table, upTo)}) AS f WHERE f.${META.op} <> 'd'`
  );
}

/** Empties the state: rows of a generation that has ended are all gone. */
export const emptyState = (dialect: Dialect, table: StoredTable): string =>
  `DELETE FROM ${dialect.state(table)} AS s WHERE s.${META.seq} IS NOT NULL`;

/**
 * Statements that bring the state to what {@link foldedChanges} gave, which is by then in the
 * relation `folded`. They belong into one transaction with the new watermark and the views.
 */
export function foldStatements(
  dialect: Dialect,
  table: StoredTable,
  upTo: Sequence,
  folded: string,
): readonly string[] {
  const state = dialect.state(table);
  const same = sameFoldedKey(dialect, table, upTo, 'f', 's');
  const target = names(dialect, table, [META.seq, META.inexact]);
  return [
    replacesState(table, upTo)
      ? emptyState(dialect, table)
      : `DELETE FROM ${state} AS s WHERE EXISTS (SELECT 1 FROM ${folded} AS f WHERE ${same})`,
    `INSERT INTO ${state} (${target}) SELECT ${stateColumns(dialect, table, 'f')} FROM ${folded} AS f WHERE f.${META.op} <> 'd'`,
  ];
}

export interface MassDelete {
  /** Sequence of the truncate or sweep, which every delete gets. */
  readonly seq: Sequence;
  /** Keys whose newest change is not older than this stay. */
  readonly olderThan: Sequence | undefined;
  /** SQL expressions. */
  readonly committedAt: string;
  readonly ingestedAt: string;
}

/**
 * One delete in the changelog for each key that lived just before `seq`, with its last row as the
 * image. A delete at the sequence where a generation ends belongs to that one.
 */
export function massDelete(dialect: Dialect, table: StoredTable, what: MassDelete): string {
  const before: Bound = (seq) => `${seq} < ${dialect.sequence(what.seq)}`;
  const generation = generationBefore(table, what.seq);
  const columns = (alias: string): string =>
    `${movedList(dialect, table, alias)}, ${alias}.${META.seq}, ${alias}.${META.inexact}`;
  const isInState = isStateOf(table, generation);
  const live = liveRowsOf(dialect, table, generation, isInState, before, columns);
  const target = names(dialect, table, [
    META.inexact,
    META.seq,
    META.op,
    META.committedAt,
    META.ingestedAt,
    META.schemaId,
  ]);
  const values = [
    physicalList(dialect, table, 'l'),
    `l.${META.inexact}`,
    dialect.sequence(what.seq),
    `'d'`,
    what.committedAt,
    what.ingestedAt,
    dialect.text(table.schemaId),
  ].join(', ');
  const condition =
    what.olderThan === undefined
      ? ''
      : ` WHERE l.${META.seq} < ${dialect.sequence(what.olderThan)}`;
  return `INSERT INTO ${dialect.changes(table)} (${target}) SELECT ${values} FROM (${live}) AS l${condition}`;
}

const isStateOf = (table: StoredTable, { after }: GenerationRange): boolean =>
  after === stateGeneration(table).after;
