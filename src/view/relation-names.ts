import type { Sequence } from '../change/sequence.ts';
import type { TableId } from '../change/table.ts';
import type { KnownTables } from './known-tables.ts';
import { type NamingRules, namesOf } from './naming-rules.ts';
import type { EarlierNames, RelationNames, StoredTable } from './stored-table.ts';

/**
 * A table that appears, for the first time or again, under the names that its relations have from
 * then on, behind the tables that make room for it.
 *
 * All its views are called alike: by its plain name where no living table has one of these, and else
 * by the first number that is free. What shows the changes of a table that is gone gives way to a
 * living one, because its name is that of a table somebody uses; it stays under a number. The
 * physical tables of neither are ever renamed.
 *
 * @param table  as it is known from `since` on
 */
export function namedTables(
  rules: NamingRules,
  known: KnownTables,
  table: StoredTable,
  since: Sequence,
): readonly StoredTable[] {
  const before = known.get(table.name);
  const current = before && namesOf(rules, before);
  const plain = plainNames(rules, known, table.id, current);
  const holders = known.holdersOf(rules.views(plain)).filter(({ name }) => name !== table.name);
  const isOpen = !known.isOwn(rules.views(plain)) && holders.every(({ dropped }) => dropped);
  const yielding = isOpen ? holders : [];
  const names = isOpen ? plain : (current ?? numbered(rules, known, table.id, plain));
  // The one that gives them up may have been recorded without this one, by an attempt that died.
  const isTakenOver =
    yielding.length > 0 || known.isLeft(rules.views(names)) || (current && !isSame(current, names));
  const named = isTakenOver ? renamed(table, { until: since, ...past(current) }, names) : table;
  return [
    ...yielding.map((gone) => {
      const old = namesOf(rules, gone);
      return renamed(gone, { until: since, names: old }, numbered(rules, known, gone.id, old));
    }),
    { ...named, names },
  ];
}

const past = (names: RelationNames | undefined): Pick<EarlierNames, 'names'> =>
  names ? { names } : {};

/** A table that is made again goes on in the tables and in the schema that it had. */
function plainNames(
  rules: NamingRules,
  known: KnownTables,
  id: TableId,
  current: RelationNames | undefined,
): RelationNames {
  const plain = rules.plain(id);
  if (current) return { ...plain, schema: current.schema, storage: current.storage };
  if (known.isFree(rules.storage(plain))) return plain;
  return firstFree((number) => {
    const names = { ...plain, storage: rules.numbered(plain.storage, number) };
    return known.isFree(rules.storage(names)) ? names : undefined;
  });
}

function numbered(
  rules: NamingRules,
  known: KnownTables,
  id: TableId,
  names: RelationNames,
): RelationNames {
  const { view } = rules.plain(id);
  return firstFree((number) => {
    const others = { ...names, view: rules.numbered(view, number) };
    return known.isFree(rules.views(others)) ? others : undefined;
  });
}

function firstFree(named: (number: number) => RelationNames | undefined): RelationNames {
  for (let number = 2; ; number += 1) {
    const names = named(number);
    if (names) return names;
  }
}

const isSame = (a: RelationNames, b: RelationNames): boolean =>
  a.schema === b.schema && a.view === b.view;

const renamed = (table: StoredTable, before: EarlierNames, names: RelationNames): StoredTable => ({
  ...table,
  names,
  earlierNames: [...(table.earlierNames ?? []), before],
});

/**
 * The table under the names that its views have at a cut; `undefined` before the one that it gets
 * its name with. Names change for all tables at once, also for one that stands still at an older cut.
 *
 * @param cut  of the warehouse
 */
export function shownAs(table: StoredTable, cut: Sequence | undefined): StoredTable | undefined {
  const earlier = table.earlierNames?.find(({ until }) => !isPassed(until, cut));
  if (!earlier) return table;
  return earlier.names && { ...table, names: earlier.names };
}

/** Names that the table's views have left at a cut, as far as they are on record. */
export function namesLeft(
  { earlierNames = [] }: StoredTable,
  cut: Sequence | undefined,
): readonly RelationNames[] {
  return earlierNames
    .filter(({ until }) => isPassed(until, cut))
    .flatMap(({ names = [] }) => names);
}

/** Whether the views of a table have other names, or begin to be, with a cut that follows another. */
export const isRenamed = (
  { earlierNames = [] }: StoredTable,
  before: Sequence | undefined,
  after: Sequence | undefined,
): boolean => earlierNames.some(({ until }) => !isPassed(until, before) && isPassed(until, after));

/** Without the names that no view has any more. */
export function withoutPassedNames(table: StoredTable, cut: Sequence | undefined): StoredTable {
  const { earlierNames, ...rest } = table;
  const left = earlierNames?.filter(({ until }) => !isPassed(until, cut)) ?? [];
  if (left.length === (earlierNames?.length ?? 0)) return table;
  return left.length === 0 ? rest : { ...rest, earlierNames: left };
}

const isPassed = (until: Sequence, cut: Sequence | undefined): boolean =>
  cut !== undefined && until <= cut;
