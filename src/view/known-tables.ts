import type { TableName } from '../change/table.ts';
import { type NamingRules, namesOf } from './naming-rules.ts';
import type { StoredTable } from './stored-table.ts';

/** The tables of a warehouse, and which of them has the name of a relation, in whatever letter case. */
export class KnownTables {
  readonly #tables: Map<TableName, StoredTable>;
  readonly #rules: NamingRules;
  readonly #own: ReadonlySet<string>;
  /** Made when it is first needed, since few batches bring a new table. */
  #holders: Map<string, TableName> | undefined;
  /** Relations that views left, or will leave with a cut; together with the other one. */
  #left = new Set<string>();

  constructor(tables: Iterable<StoredTable>, { naming }: { readonly naming: NamingRules }) {
    this.#tables = new Map(Array.from(tables, (table) => [table.name, table]));
    this.#rules = naming;
    this.#own = new Set(naming.own.map(lower));
  }

  get(name: TableName): StoredTable | undefined {
    return this.#tables.get(name);
  }

  set(table: StoredTable): void {
    const before = this.#tables.get(table.name);
    this.#tables.set(table.name, table);
    const holders = this.#holders;
    if (!holders || (before && before.names === table.names)) return;
    const old = before ? this.#relationsOf(before) : [];
    for (const relation of old) if (holders.get(relation) === table.name) holders.delete(relation);
    this.#hold(holders, table);
  }

  /** The tables that have one of the relations. */
  holdersOf(relations: readonly string[]): readonly StoredTable[] {
    const holders = (this.#holders ??= this.#index());
    const names = new Set(relations.flatMap((relation) => holders.get(lower(relation)) ?? []));
    return [...names].flatMap((name) => this.#tables.get(name) ?? []);
  }

  /** Whether one of the relations is Sluice's own. */
  isOwn(relations: readonly string[]): boolean {
    return relations.some((relation) => this.#own.has(lower(relation)));
  }

  /** Whether nothing has one of the relations, nor had it at a cut that may still be shown. */
  isFree(relations: readonly string[]): boolean {
    if (this.isOwn(relations) || this.holdersOf(relations).length > 0) return false;
    return !this.isLeft(relations);
  }

  /** Whether a view leaves one of the relations, or has left it at a cut that may still be shown. */
  isLeft(relations: readonly string[]): boolean {
    this.#holders ??= this.#index();
    return relations.some((relation) => this.#left.has(lower(relation)));
  }

  #index(): Map<string, TableName> {
    const holders = new Map<string, TableName>();
    for (const table of this.#tables.values()) this.#hold(holders, table);
    return holders;
  }

  #hold(holders: Map<string, TableName>, table: StoredTable): void {
    for (const relation of this.#relationsOf(table)) holders.set(relation, table.name);
    for (const { names } of table.earlierNames ?? [])
      for (const view of names ? this.#rules.views(names) : []) this.#left.add(lower(view));
  }

  #relationsOf(table: StoredTable): readonly string[] {
    const names = namesOf(this.#rules, table);
    return [...this.#rules.views(names), ...this.#rules.storage(names)].map(lower);
  }
}

const lower = (relation: string): string => relation.toLowerCase();
