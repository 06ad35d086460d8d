import type { Sequence } from '../change/sequence.ts';
import type { Dialect } from './dialect.ts';
import { type NamingRules, namesOf } from './naming-rules.ts';
import { namesLeft, shownAs } from './relation-names.ts';
import {
  BEFORE_ALL,
  type RelationNames,
  type StoredTable,
  type ViewSuffix,
} from './stored-table.ts';
import { formAt } from './table-form.ts';
import { shownSuffixes } from './table-views.ts';

/**
 * A view or table function that a sink makes, replaces or drops. Its name does not make it the
 * sink's own: somebody may have made a view or a table of that name, and so may another pipeline.
 *
 * Own is what a table on record is shown by, all of whose form was made; that is not looked at again.
 * What has one of the other names is looked at before it is touched, and is own when it reads the
 * warehouse's physical tables, which nothing else does: an attempt made it that died before it was on
 * record. Everything else is left as it is, and the table that would be shown by it stops.
 */
export interface Relation {
  readonly names: RelationNames;
  readonly suffix: ViewSuffix;
}

type Shows = Pick<Dialect, 'suffixes' | 'relation'>;

/** At what cuts a table is shown, before a batch or with it. */
export interface ShownAt {
  /** Of the warehouse, which says what the table is called. */
  readonly warehouse: Sequence | undefined;
  /** Of the table, which says what form it has. */
  readonly table: Sequence | undefined;
}

/**
 * The relations that a table is going to be shown by.
 *
 * @param table  as it is to be
 */
export function shownBy(
  dialect: Shows,
  naming: NamingRules,
  table: StoredTable,
  at: ShownAt,
): readonly Relation[] {
  const named = shownAs(table, at.warehouse);
  if (!named) return [];
  const names = namesOf(naming, named);
  const form = formAt(named, at.table ?? BEFORE_ALL);
  return shownSuffixes(dialect, form).map((suffix) => ({ names, suffix }));
}

/**
 * The relations that are touched when a table gets its form, as far as they are not known to be the
 * sink's own: those that it is to be shown by, and those that are dropped.
 *
 * @param made  what {@link shownBy} gave of the form on record, all of it made; else nothing
 */
export function uncertain(
  dialect: Shows,
  naming: NamingRules,
  table: StoredTable,
  cut: Sequence | undefined,
  made: readonly Relation[],
): readonly Relation[] {
  const named = shownAs(table, cut);
  const touched = [...(named ? [namesOf(naming, named)] : []), ...namesLeft(table, cut)];
  const known = new Set(made.map(({ names, suffix }) => dialect.relation(names, suffix)));
  return touched
    .flatMap((names) => dialect.suffixes.map((suffix) => ({ names, suffix })))
    .filter(({ names, suffix }) => !known.has(dialect.relation(names, suffix)));
}

/** For a person: why a table stops. */
export const takenReason = (relation: string): string =>
  `${relation} is there, and this pipeline has not made it; it is left as it is. Rename or drop it, or have this table shown under another name.`;
