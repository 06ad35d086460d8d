import type { GtidSetText } from '../change/gtid.ts';
import { type GtidSet, parseGtidSet } from '../change/gtid-set.ts';
import { type TableId, type TableName, tableIdOf, tableName } from '../change/table.ts';
import type { StreamPosition } from './position.ts';
import type { Sight, SourceTable } from './source-server.ts';

/** What a look at a table has found, on a place in the log where it is certain to hold. */
export interface ConfirmedSight {
  readonly id: TableId;
  readonly sight: Sight;
}

/** What one round of questions has found, and when it holds. */
interface Round {
  /** Executed by the server after the last look: no later statement is in any of them. */
  readonly validAfter: GtidSet;
  readonly sights: readonly ConfirmedSight[];
}

/**
 * What is known of the definitions of tables at the place where the stream is.
 *
 * A look at the source sees the present, and the stream is in the past. So a look counts only once
 * the stream has passed everything the server had executed by then, and only if no statement has
 * touched the table since the look was asked for; then what was seen is true at that place. A look
 * that the stream overtakes may have met the table before a statement, after it, or half of each.
 */
export class Definitions {
  readonly #known = new Map<TableName, SourceTable>();
  readonly #due = new Map<TableName, TableId>();
  /** Tables that the server is being asked about, and that no statement has touched since. */
  readonly #asked = new Set<TableName>();
  /** Oldest first. */
  #rounds: Round[] = [];
  /** Tables whose newest look still counts, by its sight. */
  readonly #pending = new Map<TableName, Sight>();

  /** The definition as of here; `undefined` while it is not certain. */
  known(name: TableName): SourceTable | undefined {
    return this.#known.get(name);
  }

  /** A statement may have changed the table: it has to be looked at again. */
  touched(id: TableId): void {
    const name = tableName(id);
    this.forget(name);
    this.#due.set(name, id);
  }

  /** Nothing that is known of the table, or is about to be, counts any more. */
  forget(name: TableName): void {
    this.#known.delete(name);
    this.#pending.delete(name);
    this.#asked.delete(name);
    this.#due.delete(name);
  }

  /** Tables that something is about to be known of. */
  get awaited(): readonly TableId[] {
    return [...this.#due.keys(), ...this.#asked, ...this.#pending.keys()].map(tableIdOf);
  }

  /** Tables that have to be looked at; each is named once. What was taken before has been {@link looked} at. */
  takeDue(): readonly TableId[] {
    const due = [...this.#due.values()];
    for (const name of this.#due.keys()) this.#asked.add(name);
    this.#due.clear();
    return due;
  }

  /**
   * Takes what a look at tables that were due has found.
   * @param executed  read from the server after the look
   */
  looked(sights: readonly ConfirmedSight[], executed: GtidSetText): void {
    const counted = sights.filter(({ id }) => this.#asked.delete(tableName(id)));
    this.listed(counted, executed);
  }

  /**
   * Takes what was found before the stream moved, so that no statement has come in between.
   * @param executed  read from the server after the look
   */
  listed(sights: readonly ConfirmedSight[], executed: GtidSetText): void {
    if (sights.length === 0) return;
    for (const { id, sight } of sights) this.#pending.set(tableName(id), sight);
    this.#rounds.push({ validAfter: parseGtidSet(executed), sights });
  }

  /** Whether {@link confirm} has something to give. */
  isReady(position: StreamPosition): boolean {
    const [oldest] = this.#rounds;
    return oldest !== undefined && position.hasPassed(oldest.validAfter);
  }

  /** The looks that hold from this place on. Only asked between transactions. */
  confirm(position: StreamPosition): readonly ConfirmedSight[] {
    const confirmed: ConfirmedSight[] = [];
    while (this.isReady(position)) {
      for (const found of this.#rounds.shift()?.sights ?? []) {
        const name = tableName(found.id);
        if (this.#pending.get(name) !== found.sight) continue;
        this.#pending.delete(name);
        if (found.sight.kind === 'readable') this.#known.set(name, found.sight.table);
        confirmed.push(found);
      }
    }
    return confirmed;
  }
}
