import type { Sequence } from '../change/sequence.ts';
import type { Dialect } from './dialect.ts';
import {
  type Bound,
  isDelta,
  liveRows,
  newestChanges,
  physicalList,
  physicalNames,
  sameKey,
} from './row-plan.ts';
import { META, type StoredTable } from './stored-table.ts';

/** Columns of the state table, as a select or insert list. */
function stateColumns(dialect: Dialect, table: StoredTable, alias: string): string {
  return `${physicalList(dialect, table, alias)}, ${alias}.${META.seq}, ${alias}.${META.inexact}`;
}

function names(dialect: Dialect, table: StoredTable, meta: readonly string[]): string {
  return [...physicalNames(table).map(dialect.identifier), ...meta].join(', ');
}

/** Query for the newest change of each key between the table's watermark and `upTo`. */
export function foldedChanges(dialect: Dialect, table: StoredTable, upTo: Sequence): string {
  const bound: Bound = (seq) => `${seq} <= ${dialect.sequence(upTo)}`;
  const columns = `${stateColumns(dialect, table, 'c')}, c.${META.op}`;
  return newestChanges(dialect, table, isDelta(dialect, table, 'c', bound), columns);
}

/**
 * One statement that brings the state to what {@link foldedChanges} gives.
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
  const on = [sameKey(dialect, table, 's', 'f'), ...bounds].join(' AND ');
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

/**
 * Statements that bring the state to what {@link foldedChanges} gave, which is by then in the
 * relation `folded`. They belong into one transaction with the new watermark and the views.
 */
export function foldStatements(
  dialect: Dialect,
  table: StoredTable,
  folded: string,
): readonly string[] {
  const state = dialect.state(table);
  const replaced = `SELECT 1 FROM ${folded} AS f WHERE ${sameKey(dialect, table, 'f', 's')}`;
  const target = names(dialect, table, [META.seq, META.inexact]);
  return [
    `DELETE FROM ${state} AS s WHERE EXISTS (${replaced})`,
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

/** One delete in the changelog for each key that lived just before `seq`, with its last row as the image. */
export function massDelete(dialect: Dialect, table: StoredTable, what: MassDelete): string {
  const before: Bound = (seq) => `${seq} < ${dialect.sequence(what.seq)}`;
  const live = liveRows(dialect, table, before, (alias) => stateColumns(dialect, table, alias));
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
