import { type TableId, type TableName, tableName } from '../change/table.ts';

/** A foreign key that changes rows of its table without an event in the log. */
export interface CascadingKey {
  readonly parent: TableId;
  readonly child: TableId;
  readonly onDelete: boolean;
  readonly onUpdate: boolean;
}

/**
 * The tables whose rows foreign keys change behind the log's back, by the table whose change sets
 * them off. A child that is changed sets off its own children in turn.
 */
export class Cascades {
  #keys: readonly CascadingKey[] = [];
  readonly #reached = new Map<string, readonly TableId[]>();

  learn(keys: readonly CascadingKey[]): void {
    this.#keys = keys;
    this.#reached.clear();
  }

  /** Every table with such a key. */
  get children(): ReadonlySet<TableName> {
    return new Set(this.#keys.map(({ child }) => tableName(child)));
  }

  /** Tables whose rows may change when rows of a table are deleted, or get another key. */
  reachedFrom(parent: TableName, change: 'delete' | 'update'): readonly TableId[] {
    if (this.#keys.length === 0) return NONE;
    const known = this.#reached.get(`${change} ${parent}`);
    if (known) return known;
    const reached = this.#walk(parent, change);
    this.#reached.set(`${change} ${parent}`, reached);
    return reached;
  }

  #walk(parent: TableName, change: 'delete' | 'update'): readonly TableId[] {
    const reached = new Map<TableName, TableId>();
    const from = [parent];
    for (let name = from.pop(); name !== undefined; name = from.pop())
      for (const { parent: table, child, onDelete, onUpdate } of this.#keys) {
        // What a key does to a child is a delete, or an update that may go on to its own children.
        const acts = name === parent ? { delete: onDelete, update: onUpdate }[change] : true;
        const childName = tableName(child);
        if (tableName(table) !== name || !acts || reached.has(childName)) continue;
        reached.set(childName, child);
        from.push(childName);
      }
    return [...reached.values()];
  }
}

const NONE: readonly TableId[] = [];
