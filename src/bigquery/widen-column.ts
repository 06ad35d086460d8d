import { freeName } from '../view/free-name.ts';
import type { StoredColumn } from '../view/stored-table.ts';
import { partsOf } from '../view/table-form.ts';

/** What ALTER COLUMN SET DATA TYPE does without touching a row; each holds all of those before it exactly. */
const ALTERABLE = ['INT64', 'NUMERIC', 'BIGNUMERIC'];

/** Pairs of which the second holds every value of the first, by CAST and not by ALTER. */
const CASTABLE: ReadonlyMap<string, readonly string[]> = new Map([
  ['BOOL', ['INT64', 'NUMERIC', 'BIGNUMERIC']],
  ['DATE', ['DATETIME']],
  ...['INT64', 'NUMERIC', 'BIGNUMERIC', 'FLOAT64', 'DATE', 'TIME', 'DATETIME', 'JSON'].map(
    (type): [string, string[]] => [type, type === 'DATE' ? ['DATETIME', 'STRING'] : ['STRING']],
  ),
]);

/**
 * The column that holds the values of both exactly, for one whose source type has changed;
 * `undefined` when there is none. A type that the column cannot be altered to gets a column of its
 * own beside it, and the views show the two as one.
 */
export function widenColumn(
  stored: StoredColumn,
  wanted: StoredColumn,
  taken: ReadonlySet<string>,
): StoredColumn | undefined {
  const mayBeInexact = stored.mayBeInexact || wanted.mayBeInexact;
  const { type } = wanted;
  if (holds(stored.type, type)) return { ...stored, mayBeInexact };
  if (isAlterable(stored.type, type) && !stored.earlier) return { ...stored, type, mayBeInexact };
  if (!holds(type, stored.type)) return undefined;
  const { name } = stored;
  return {
    name,
    type,
    mayBeInexact,
    stored: freeName(name, taken, '__v'),
    earlier: partsOf(stored),
  };
}

/** Whether `wide` holds every value of `narrow`. */
function holds(wide: string, narrow: string): boolean {
  return (
    wide === narrow || isAlterable(narrow, wide) || (CASTABLE.get(narrow)?.includes(wide) ?? false)
  );
}

/** Whether columns of other types can be altered to a type. */
export const isAlteredTo = (type: string): boolean => ALTERABLE.indexOf(type) > 0;

function isAlterable(from: string, to: string): boolean {
  const [before, after] = [ALTERABLE.indexOf(from), ALTERABLE.indexOf(to)];
  return before >= 0 && after > before;
}
