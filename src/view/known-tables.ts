import type { TableId, TableName } from '../change/table.ts';
import type { StoredTable } from './stored-table.ts';

/** The tables of a warehouse, and which of them has the name of a relation. */
export class KnownTables {
  readonly #tables: Map<TableName, StoredTable>;
  readonly #relationsOf: (id: TableId) => readonly string[];
  /** Made when it is first needed, since few batches bring a new table. */
  #holders: Map<string, TableName> | undefined;

  constructor(
    tables: Iterable<StoredTable>,
    { relations }: { readonly relations: (id: TableId) => readonly string[] },
  ) {
    this.#tables = new Map(Array.from(tables, (table) => [table.name, table]));
    this.#relationsOf = relations;
  }

  get(name: TableName): StoredTable | undefined {
    return this.#tables.get(name);
  }

  set(table: StoredTable): void {
    if (!this.#tables.has(table.name) && this.#holders) this.#hold(this.#holders, table);
    this.#tables.set(table.name, table);
  }

  /** The table that has one of the relations already, and which, in whatever letter case. */
  holderOf(id: TableId): { readonly holder: TableName; readonly relation: string } | undefined {
    const holders = (this.#holders ??= this.#index());
    for (const relation of this.#relationsOf(id)) {
      const holder = holders.get(relation.toLowerCase());
      if (holder !== undefined) return { holder, relation };
    }
    return undefined;
  }

  #index(): Map<string, TableName> {
    const holders = new Map<string, TableName>();
    for (const table of this.#tables.values()) this.#hold(holders, table);
    return holders;
  }

  #hold(holders: Map<string, TableName>, { id, name }: StoredTable): void {
    for (const relation of this.#relationsOf(id)) holders.set(relation.toLowerCase(), name);
  }
}
