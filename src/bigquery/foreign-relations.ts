import { inLanes } from '../async/lanes.ts';
import type { TableName } from '../change/table.ts';
import { cutOfTable } from '../sink/table-stop.ts';
import { type Relation, shownBy } from '../view/own-relations.ts';
import { bigQueryDialect, identifier } from './bigquery-dialect.ts';
import { type BigQueryContext, CONCURRENT_JOBS } from './context.ts';
import type { StoredState } from './metadata.ts';
import { type BigQueryLayout, bigQueryNaming, viewName } from './names.ts';

/** What surely shows a table, and is this warehouse's own: nothing that a stop may have left undone. */
export function madeRelations(
  layout: BigQueryLayout,
  state: Pick<StoredState, 'tables' | 'stopped' | 'cut'>,
  name: TableName,
): readonly Relation[] {
  const table = state.tables.get(name)?.table;
  if (!table || table.unmade || state.stopped.has(name)) return [];
  return shownBy(bigQueryDialect(layout), bigQueryNaming(layout), table, {
    warehouse: state.cut?.lastSequence,
    table: cutOfTable(state, name)?.lastSequence,
  });
}

/**
 * Those of some relations whose names are taken by what this warehouse has not made, as the dialect
 * writes them. Names are listed once a dataset; what is looked at is only what has one of them.
 */
export async function foreignRelations(
  { service, layout }: Pick<BigQueryContext, 'service' | 'layout'>,
  relations: readonly Relation[],
): Promise<ReadonlySet<string>> {
  const { relation } = bigQueryDialect(layout);
  const foreign = new Set<string>();
  for (const [dataset, own] of Map.groupBy(relations, ({ names }) => names.schema)) {
    const [tables, routines] = [
      new PresentNames(await service.tables(dataset)),
      new PresentNames(await service.routines(dataset)),
    ];
    await inLanes(CONCURRENT_JOBS, own, async ({ names, suffix }) => {
      const isFunction = suffix === '__as_of';
      const found = (isFunction ? routines : tables).find(viewName(names, suffix));
      if (found === undefined) return;
      const definition = isFunction
        ? await service.routineBody(dataset, found)
        : await service.viewQuery(dataset, found);
      if (!readsOwnTables(layout, definition)) foreign.add(relation(names, suffix));
    });
  }
  return foreign;
}

/**
 * Whether a view or function reads physical tables of this warehouse. Tables of an earlier one, which
 * were put aside, have other names.
 *
 * @param definition  `undefined` of what has none, as a table
 */
export function readsOwnTables(
  { project, internal }: Pick<BigQueryLayout, 'project' | 'internal'>,
  definition: string | undefined,
): boolean {
  const [, ...reads] = (definition ?? '').split(
    `${[project, internal].map(identifier).join('.')}.`,
  );
  return reads.some((rest) => /^`[^`]*__(?:changes|state)`/.test(rest));
}

/** What a dataset has. Letter case counts only where two names differ by it alone. */
class PresentNames {
  readonly #exact: ReadonlySet<string>;
  readonly #byLower: ReadonlyMap<string, string>;

  constructor(names: readonly string[]) {
    this.#exact = new Set(names);
    this.#byLower = new Map(names.map((name) => [name.toLowerCase(), name]));
  }

  /** The name as it is there; `undefined` when it is not. */
  find(name: string): string | undefined {
    return this.#exact.has(name) ? name : this.#byLower.get(name.toLowerCase());
  }
}
