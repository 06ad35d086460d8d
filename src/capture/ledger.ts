import type { RowSettings } from '../change/row-settings.ts';
import type { Sequence } from '../change/sequence.ts';
import {
  type SchemaId,
  type TableId,
  type TableName,
  type TableSchema,
  tableName,
} from '../change/table.ts';
import type { ErrorCode } from '../errors/catalogue.ts';
import type { Topic, TopicIdentity } from '../topic/topic-name.ts';

/** Whether the changes of a table are in its topic, and since when. JSON-plain. */
export type TableState =
  /** Every change since then is, without interruption. */
  | { readonly kind: 'followed'; readonly since: Sequence }
  /** The configuration leaves it out. */
  | { readonly kind: 'excluded'; readonly since: Sequence }
  /** It cannot be captured, or the account may not read it. */
  | ({
      readonly kind: 'stopped' | 'invisible';
      readonly since: Sequence;
      /** The settings it stopped under; absent where it did so before there were any. */
      readonly rows?: RowSettings;
    } & StopReason)
  /** The source has no such table any more. */
  | { readonly kind: 'gone'; readonly since: Sequence };

/** Why a table stands still while the others go on. JSON-plain. */
export interface StopReason {
  readonly code: ErrorCode;
  /** For a person. Quotes no value. */
  readonly reason: string;
  /** `file:pos` of the source. */
  readonly position: string;
  readonly sinceMs: number;
}

/** What is on record of a table, under its own key of the positions topic. JSON-plain. */
export interface TableEntry {
  readonly v: 1;
  readonly id: TableId;
  readonly state: TableState;
  /** Absent until the first record or announcement needs it. */
  readonly topic?: { readonly name: Topic } & TopicIdentity;
  /** Downstream may hold rows of it: a copy has to sweep. */
  readonly held: boolean;
  /** It was made again, or its columns changed: a schema record has to follow, also one that is on record already. */
  readonly isUnannounced?: true;
  /** That records said last; absent before the first, and in entries of earlier versions. */
  readonly schemaId?: SchemaId;
  /** Counts the changes of its key. */
  readonly keyGeneration: number;
  /** Names of the key columns of its newest schema. */
  readonly key: readonly string[];
  /** Every column name that downstream has ever held. */
  readonly columns: readonly string[];
}

/**
 * The tables of a pipeline as far as the next checkpoint will say: what is followed without
 * interruption since when, and what is not and why. A table that has no entry has never been met.
 */
export class Ledger {
  readonly #entries: Map<TableName, TableEntry>;
  readonly #owners = new Map<Topic, TableName>();
  readonly #changed = new Set<TableName>();
  #version = 0;

  constructor(entries: ReadonlyMap<TableName, TableEntry>) {
    this.#entries = new Map(entries);
    for (const [name, { topic }] of entries) if (topic) this.#owners.set(topic.name, name);
  }

  /** Grows whenever the state or the topic of a table changes, so that what was decided from them is decided again. */
  get version(): number {
    return this.#version;
  }

  get entries(): ReadonlyMap<TableName, TableEntry> {
    return this.#entries;
  }

  get(name: TableName): TableEntry | undefined {
    return this.#entries.get(name);
  }

  isFollowed(name: TableName): boolean {
    return this.#entries.get(name)?.state.kind === 'followed';
  }

  /** The table whose records are in a topic, whatever has become of it; a topic belongs to one table for ever. */
  ownerOf(topic: Topic): TableName | undefined {
    return this.#owners.get(topic);
  }

  /** Reserves a topic for a table, before it has been made. */
  claim(topic: Topic, name: TableName): void {
    this.#owners.set(topic, name);
  }

  /** @param held  of a table that has no entry yet: whether its topic has been written to before */
  move(id: TableId, state: TableState, held = false): void {
    const name = tableName(id);
    const known = this.#entries.get(name);
    const isMadeAgain = known?.state.kind === 'gone' && state.kind === 'followed';
    this.#put(
      name,
      known
        ? { ...known, state, ...(isMadeAgain ? { isUnannounced: true } : {}) }
        : { ...NEW, id, state, held },
    );
    this.#version += 1;
  }

  useTopic(name: TableName, topic: Topic, { id, partitions }: TopicIdentity): void {
    const known = this.#entries.get(name);
    if (!known || (known.topic?.id === id && known.topic.name === topic)) return;
    this.#put(name, { ...known, topic: { name: topic, id, partitions } });
    this.#owners.set(topic, name);
    this.#version += 1;
  }

  /** A schema record has to say what the table is now. */
  unannounce(name: TableName): void {
    const known = this.#entries.get(name);
    if (known) this.#put(name, { ...known, isUnannounced: true });
  }

  /** Records of this schema go out, or it is announced: downstream it is what the table is. */
  hold({ id, columns, key }: TableSchema, schemaId: SchemaId): void {
    const name = tableName(id);
    const before = this.#entries.get(name);
    if (!before) return;
    const { isUnannounced: _, ...known } = before;
    const ever = new Set(known.columns);
    for (const column of columns) ever.add(column.name);
    const keyNames = key.map((index) => columns[index]?.name ?? '');
    const isOtherKey = known.key.length > 0 && known.key.join('\0') !== keyNames.join('\0');
    this.#put(name, {
      ...known,
      held: true,
      schemaId,
      columns: [...ever],
      key: keyNames,
      keyGeneration: known.keyGeneration + (isOtherKey ? 1 : 0),
    });
  }

  /** Entries that have changed since this was last asked. */
  takeChanged(): readonly TableName[] {
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  #put(name: TableName, entry: TableEntry): void {
    this.#entries.set(name, entry);
    this.#changed.add(name);
  }
}

const NEW = { v: 1, keyGeneration: 0, key: [], columns: [] } as const;
