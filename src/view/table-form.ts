import type { Sequence } from '../change/sequence.ts';
import type { ChangeRow } from '../sink/destination.ts';
import {
  type EarlierForm,
  type PhysicalColumn,
  type StoredColumn,
  type StoredTable,
  type TableForm,
} from './stored-table.ts';

/** The name that a column's values are under in the physical tables, the newest ones. */
export const storedName = ({ name, stored = name }: StoredColumn): string => stored;

/** Whether one physical column has every value of a column, as it is: rows are then told apart by it alone. */
export const hasOwnValues = ({ mayBeInexact, earlier, initial }: StoredColumn): boolean =>
  !mayBeInexact && !earlier && !initial;

/** What a column is, whatever it is called and however its type changes: the name of its first physical column. */
export const columnIdentity = (column: StoredColumn): string =>
  column.earlier?.at(-1)?.name ?? storedName(column);

/** The physical columns of a column of the source, that of its newest values first. */
export function partsOf(column: StoredColumn): readonly PhysicalColumn[] {
  const { type, initial, earlier = [] } = column;
  return [{ name: storedName(column), type, ...(initial ? { initial } : {}) }, ...earlier];
}

/** Every column the table has ever had. */
export const everyColumn = ({
  columns,
  closed = [],
}: Pick<TableForm, 'columns' | 'closed'>): readonly StoredColumn[] => [...columns, ...closed];

/** The source's columns as the physical tables have them, each once. */
export function physicalColumns(
  table: Pick<StoredTable, 'columns' | 'closed' | 'earlierForms'>,
): readonly PhysicalColumn[] {
  const columns = new Map<string, PhysicalColumn>();
  for (const form of [table, ...(table.earlierForms ?? [])])
    for (const part of everyColumn(form).flatMap(partsOf))
      if (!columns.has(part.name.toLowerCase())) columns.set(part.name.toLowerCase(), part);
  return [...columns.values()];
}

/** The table in the form that rows of a sequence have, and views at a cut that ends with it. */
export function formAt(table: StoredTable, seq: Sequence): StoredTable {
  const earlier = table.earlierForms?.find(({ until }) => seq < until);
  return earlier ? withForm(table, earlier) : table;
}

export function formOf(table: TableForm): TableForm {
  const { schemaId, schemaSince, columns, closed, key, generations, comments, dropped } = table;
  return {
    ...{ schemaId, schemaSince, columns, key },
    ...(closed ? { closed } : {}),
    ...(generations ? { generations } : {}),
    ...(comments ? { comments } : {}),
    ...(dropped ? { dropped } : {}),
  };
}

/** The table with another form in the place of its newest one. */
export function withForm(table: StoredTable, form: TableForm): StoredTable {
  const { closed: _, generations: __, comments: ___, dropped: ____, ...rest } = table;
  return { ...rest, ...formOf(form) };
}

/** The table with a new form, which rows from `since` on have. */
export function nextForm(table: StoredTable, form: TableForm, since: Sequence): StoredTable {
  const { earlierForms = [] } = table;
  const last: EarlierForm = { ...formOf(table), until: since };
  const earlier = earlierForms.at(-1)?.until === since ? earlierForms : [...earlierForms, last];
  return { ...withForm(table, form), earlierForms: earlier };
}

/** Without the forms that no row comes for any more, because all up to the cut are there. */
export function withoutPassedForms(table: StoredTable, cut: Sequence): StoredTable {
  const { earlierForms, ...rest } = table;
  if (earlierForms?.every(({ until }) => until > cut) !== false) return table;
  const left = earlierForms.filter(({ until }) => until > cut);
  return left.length === 0 ? rest : { ...rest, earlierForms: left };
}

/** The rows by the form that they have, and the table in that form. */
export function rowsByForm(
  table: StoredTable,
  rows: readonly ChangeRow[],
): readonly { readonly form: StoredTable; readonly rows: readonly ChangeRow[] }[] {
  const { earlierForms = [] } = table;
  if (earlierForms.length === 0) return [{ form: table, rows }];
  const indexOf = ({ seq }: ChangeRow): number => {
    const found = earlierForms.findIndex(({ until }) => seq < until);
    return found < 0 ? earlierForms.length : found;
  };
  const byIndex = Map.groupBy(rows, indexOf);
  return [...byIndex].map(([index, part]) => {
    const earlier = earlierForms[index];
    return { form: earlier ? withForm(table, earlier) : table, rows: part };
  });
}
