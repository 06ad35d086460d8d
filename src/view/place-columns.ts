import type { Column } from '../change/table.ts';
import { freeName } from './free-name.ts';
import {
  type AwaitedDefault,
  type InitialValue,
  PHYSICAL_NAMES_TAKEN,
  type StoredColumn,
} from './stored-table.ts';
import { partsOf, storedName } from './table-form.ts';

/** What a warehouse says about the columns of a table. */
export interface PlacingRules {
  /** The name under which a column of the source is shown. */
  readonly columnName: (source: string) => string;
  /** The column as a new table stores it. */
  readonly column: (column: Column) => StoredColumn;
  /** SQL for a value that the image of a row could have in the column; `undefined` where it has none. */
  readonly constant: (column: Column, json: string) => string | undefined;
  /**
   * A column that holds every value of both exactly, for one that is stored and whose source type is
   * now stored as `wanted`; `undefined` when there is none.
   *
   * @param taken  lower-case names that the physical tables have
   */
  readonly widen: (
    stored: StoredColumn,
    wanted: StoredColumn,
    taken: ReadonlySet<string>,
  ) => StoredColumn | undefined;
}

export interface Placed {
  /** One for each column of the schema, in its order. */
  readonly columns: readonly StoredColumn[];
  /** Columns that the schema does not have, or not with a type that holds their values. */
  readonly left: readonly StoredColumn[];
}

/**
 * Finds a place for each column of a schema: the column of its name, as it is or widened, or else a
 * new one. A type that does not hold the values there were makes a new column too: the source has
 * converted them, and a copy brings what came of it.
 *
 * @param from  `columns` to choose from; `taken` are those that the physical tables have
 */
export function placeColumns(
  rules: PlacingRules,
  from: { readonly columns: readonly StoredColumn[]; readonly taken: readonly StoredColumn[] },
  columns: readonly Column[],
  awaited: readonly AwaitedDefault[],
): Placed {
  const taken = takenNames(from.taken);
  const left = new Set(from.columns);
  const defaults = new Map(awaited.map((each) => [lower(each.name), each]));
  const placed = columns.map((column) => {
    const wanted = rules.column(column);
    const stored = findColumn([...left], wanted.name);
    if (stored) left.delete(stored);
    const kept = stored && !stored.presumed ? rules.widen(stored, wanted, taken) : undefined;
    if (stored && !stored.presumed && !kept) left.add(stored);
    const next = kept
      ? called(kept, wanted.name)
      : fresh(rules, column, wanted, defaults.get(lower(column.name)), taken);
    taken.add(lower(storedName(next)));
    return next;
  });
  return {
    columns: distinctNames(placed),
    left: [...left].filter(({ presumed }) => presumed === undefined),
  };
}

function fresh(
  rules: PlacingRules,
  column: Column,
  wanted: StoredColumn,
  given: AwaitedDefault | undefined,
  taken: ReadonlySet<string>,
): StoredColumn {
  const stored = freePhysicalName(wanted.name, taken);
  const value = given && rules.constant(column, given.value);
  const initial: InitialValue | undefined =
    given && value !== undefined ? { before: given.before, value } : undefined;
  return {
    ...wanted,
    ...(stored === wanted.name ? {} : { stored }),
    ...(initial ? { initial } : {}),
  };
}

/** The column by the name that the warehouse gives it; letter case counts where it has to. */
export function findColumn(
  columns: readonly StoredColumn[],
  name: string,
): StoredColumn | undefined {
  const nameOf = ({ wanted, name: shown }: StoredColumn): string => wanted ?? shown;
  return (
    columns.find((column) => nameOf(column) === name) ??
    columns.find((column) => lower(nameOf(column)) === lower(name))
  );
}

/** The column under another name, wherever its values are. */
export function called(column: StoredColumn, name: string): StoredColumn {
  const { name: _, wanted: __, stored: ___, ...rest } = column;
  const stored = storedName(column);
  return { name, ...(stored === name ? {} : { stored }), ...rest };
}

/** Two columns of the source may be one where letter case does not count: the second gives way. */
export function distinctNames(columns: readonly StoredColumn[]): readonly StoredColumn[] {
  const taken = new Set<string>();
  return columns.map((column) => {
    const { wanted = column.name } = column;
    const name = freeName(wanted, taken);
    taken.add(lower(name));
    if (name === column.name) return column;
    return { ...called(column, name), ...(name === wanted ? {} : { wanted }) };
  });
}

/** Lower-case names that a new physical column cannot have. */
export const takenNames = (columns: readonly StoredColumn[]): Set<string> =>
  new Set([...PHYSICAL_NAMES_TAKEN, ...columns.flatMap(partsOf).map(({ name }) => lower(name))]);

/** @param taken  as {@link takenNames} gives them */
export const freePhysicalName = (name: string, taken: ReadonlySet<string>): string =>
  freeName(name, taken, '__v');

export const lower = (name: string): string => name.toLowerCase();
