import type { RowsEvent } from '../binlog/event.ts';
import type { Gtid, GtidSetText } from '../change/gtid.ts';
import { type GtidSet, parseGtidSet } from '../change/gtid-set.ts';
import { type TableId, type TableName, type TableSchema, tableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';

/** A foreign key that changes rows of its table without an event in the log. */
export interface CascadingKey {
  readonly parent: TableId;
  readonly child: TableId;
  readonly onDelete: boolean;
  readonly onUpdate: boolean;
  /** Of the parent, which a change of theirs is passed on from. */
  readonly columns: readonly string[];
}

/** How many rows of an event have got another primary key. */
export interface KeyChanges {
  readonly schema: TableSchema;
  readonly count: number;
}

/**
 * The tables whose rows foreign keys change behind the log's back, by the table whose change sets
 * them off. A child that is changed sets off its own children in turn.
 */
export class Cascades {
  #keys: readonly CascadingKey[] = [];
  /** Those that statements may have made since the source was last asked. */
  #suspected: readonly CascadingKey[] = [];
  /** How many there have been. */
  #suspicions = 0;
  /** What the server had executed when it was asked. */
  #learnedAfter: GtidSet | undefined;
  readonly #reached = new Map<string, readonly TableId[]>();
  /** By parent: the columns whose change is passed on. */
  #updated = new Map<TableName, ReadonlySet<string>>();

  /** To be taken before the source is asked. */
  get suspicions(): number {
    return this.#suspicions;
  }

  /**
   * @param executed  by the server when it was asked
   * @param suspicions  as of before it was asked: the keys that were suspected then are among the others
   */
  learn(keys: readonly CascadingKey[], executed: GtidSetText, suspicions = 0): void {
    const left = Math.max(0, this.#suspicions - suspicions);
    this.#suspected = left === 0 ? [] : this.#suspected.slice(-left);
    this.#learnedAfter = parseGtidSet(executed);
    this.#use([...keys, ...this.#suspected]);
  }

  /** A statement may have made a key. */
  suspect(key: CascadingKey): void {
    this.#suspicions += 1;
    this.#suspected = [...this.#suspected, key];
    this.#use([...this.#keys, key]);
  }

  /**
   * Whether the keys were learned after a transaction: one that it drops is not among them, and what
   * it has changed before was not seen.
   */
  isPast(gtid: Gtid): boolean {
    return this.#learnedAfter?.contains(gtid) ?? false;
  }

  #use(keys: readonly CascadingKey[]): void {
    this.#keys = keys;
    this.#reached.clear();
    const updating = keys.filter(({ onUpdate }) => onUpdate);
    this.#updated = new Map(
      [...Map.groupBy(updating, ({ parent }) => tableName(parent))].map(([parent, of]) => [
        parent,
        new Set(of.flatMap(({ columns }) => columns)),
      ]),
    );
  }

  get isEmpty(): boolean {
    return this.#keys.length === 0;
  }

  /** Every table with such a key. */
  get children(): ReadonlySet<TableName> {
    return new Set(this.#keys.map(({ child }) => tableName(child)));
  }

  /**
   * Tables whose rows an event of a table may have changed.
   * @param keys  what is known of the keys of its rows, where those were looked at
   */
  reachedBy(parent: TableName, event: RowsEvent, keys?: KeyChanges): readonly TableId[] {
    switch (event.op) {
      case 'insert':
        return NONE;
      case 'delete':
        return this.reachedFrom(parent, 'delete');
      case 'update': {
        const columns = this.#updated.get(parent);
        const passesOn = columns !== undefined && mayChange(event, columns, keys);
        return passesOn ? this.reachedFrom(parent, 'update') : NONE;
      }
    }
  }

  /** Tables whose rows may change when rows of a table are deleted, or columns of a key of theirs change. */
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

/**
 * Whether an update may have changed one of the columns of a table; so it is taken where its rows
 * cannot be read. Nearly always the columns are those of the primary key, whose changes are counted
 * anyway.
 */
function mayChange(event: RowsEvent, columns: ReadonlySet<string>, keys?: KeyChanges): boolean {
  const names = keys?.schema.key.map((index) => keys.schema.columns[index]?.name);
  if (keys && columns.size > 0 && [...columns].every((name) => names?.includes(name)))
    return keys.count > 0;
  const { schema } = event.table;
  const places = schema?.columns.flatMap(({ name }, at) => (columns.has(name) ? [at] : [])) ?? [];
  const isUnknown = columns.size === 0 || places.length < columns.size;
  if (event.partial || isUnknown) return true;
  try {
    return event.read().some(({ before, after }) =>
      // Values that are no primitives are of no type that a key may have.
      places.some((at) => before?.[at] !== after?.[at]),
    );
  } catch (error) {
    if (error instanceof SluiceError) return true;
    throw error;
  }
}
