import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import type { SinkBatch } from '../sink/destination.ts';
import { moveStops } from '../sink/move-stops.ts';
import type { PhysicalColumn, StoredTable } from './stored-table.ts';
import { physicalColumns } from './table-form.ts';

/** What the physical tables surely have. */
export const columnsMade = (table: StoredTable): readonly PhysicalColumn[] =>
  table.unmade?.columns ?? physicalColumns(table).map(({ name, type }) => ({ name, type }));

/** A form as it goes on record when all of it is made. */
export function wholeForm({ unmade: _, ...table }: StoredTable): StoredTable {
  return table;
}

/**
 * A form as it goes on record when the warehouse has refused some of it: what was said of columns,
 * names and the end of the table is not said again.
 *
 * @param since  sequence of the record that needs it
 * @param columns  that the physical tables surely have
 */
export const owedForm = (
  table: StoredTable,
  since: Sequence,
  columns: readonly PhysicalColumn[],
): StoredTable => ({ ...table, unmade: { since, columns } });

/**
 * The tables for which a batch needs what was refused before: those with rows in it, and those that
 * go on with its cut. One that has not stopped is of an attempt that died before it said so.
 */
export function owedIn(
  state: Parameters<typeof moveStops>[0],
  tables: Iterable<StoredTable>,
  batch: SinkBatch,
): ReadonlyMap<TableName, Sequence> {
  const { released } = moveStops(state, batch, [], () => false);
  const stored = new Set(batch.tables.map(({ table }) => table));
  const isDue = (name: TableName): boolean =>
    !state.stopped.has(name) || released.has(name) || stored.has(name);
  return new Map(
    Array.from(tables).flatMap(({ name, unmade }) =>
      unmade && isDue(name) ? [[name, unmade.since]] : [],
    ),
  );
}
