import type { TableName } from '../change/table.ts';

/**
 * XA transactions that are prepared and not ended: their rows are in the log already, and become
 * true with a statement that names the transaction alone. Which captured tables each has touched is
 * on record until then.
 */
export class OpenXa {
  readonly #prepared: Map<string, readonly TableName[]>;
  #current: { readonly xid: string; readonly tables: Set<TableName> } | undefined;
  #changed = false;

  constructor(prepared: ReadonlyMap<string, readonly TableName[]>) {
    this.#prepared = new Map(prepared);
  }

  /** Rows that come now belong to an XA transaction. */
  get isInside(): boolean {
    return this.#current !== undefined;
  }

  begin(xid: string): void {
    this.#current = { xid, tables: new Set() };
  }

  touch(table: TableName): void {
    this.#current?.tables.add(table);
  }

  /** The group that is open ends here; its rows wait for the end of the transaction. */
  prepare(): void {
    if (!this.#current) return;
    const { xid, tables } = this.#current;
    this.#prepared.set(xid, [...tables]);
    this.#current = undefined;
    this.#changed = true;
  }

  /**
   * Ends the transaction whose group is open, which was committed without having been prepared.
   * @returns as {@link end}
   */
  endOpen(): readonly TableName[] {
    const tables = [...(this.#current?.tables ?? [])];
    this.#current = undefined;
    return tables;
  }

  /**
   * Ends a transaction by its name.
   * @returns the captured tables it had touched; `undefined` when it was prepared before this
   *   pipeline began to read
   */
  end(xid: string): readonly TableName[] | undefined {
    if (this.#current?.xid === xid) return this.endOpen();
    const tables = this.#prepared.get(xid);
    if (this.#prepared.delete(xid)) this.#changed = true;
    return tables;
  }

  /** All that are prepared, when they have changed since this was last asked. */
  takeChanged(): ReadonlyMap<string, readonly TableName[]> | undefined {
    const changed = this.#changed;
    this.#changed = false;
    return changed ? this.#prepared : undefined;
  }
}

/** What an XA statement of the log does; servers write the identifier in one form always. */
export interface XaStatement {
  readonly verb: 'start' | 'end' | 'prepare' | 'commit' | 'rollback';
  readonly xid: string;
}

const XA = /^\s*XA\s+(START|BEGIN|END|PREPARE|COMMIT|ROLLBACK)\s+(.+?)(?:\s+ONE\s+PHASE)?\s*$/is;

/** `undefined` for what changes nothing, such as XA RECOVER. */
export function readXa(sql: string): XaStatement | undefined {
  if (sql.length > 1_000) return undefined;
  const [, verb = '', xid = ''] = XA.exec(sql) ?? [];
  switch (verb.toUpperCase()) {
    case 'START':
    case 'BEGIN':
      return { verb: 'start', xid };
    case 'END':
      return { verb: 'end', xid };
    case 'PREPARE':
      return { verb: 'prepare', xid };
    case 'COMMIT':
      return { verb: 'commit', xid };
    case 'ROLLBACK':
      return { verb: 'rollback', xid };
    default:
      return undefined;
  }
}
