import type { RowSettings } from '../change/row-settings.ts';
import { type TableId, type TableSchema, tableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { TableRoute } from '../topic/envelope.ts';
import { schemaIdOf } from '../topic/schema-record.ts';
import type { Ledger } from './ledger.ts';

/** What becomes of the rows of a table. */
export type Routing =
  | { readonly kind: 'skip' }
  | { readonly kind: 'route'; readonly route: TableRoute }
  /** Nobody has looked at the table yet, or it has no topic: ask the source, then here again. */
  | { readonly kind: 'admit' }
  | { readonly kind: 'stop'; readonly error: SluiceError };

const SKIP: Routing = { kind: 'skip' };
const ADMIT: Routing = { kind: 'admit' };

/**
 * Decides per table map, and remembers the decision per schema object until the ledger changes: the
 * decoder hands out the same object as long as the server repeats the same map.
 */
export class TableRouter {
  readonly #ledger: Ledger;
  readonly #captures: (table: TableId) => boolean;
  readonly #rowSettings: (table: TableId) => RowSettings;
  #routings = new WeakMap<TableSchema, Routing>();
  #version: number;

  constructor(
    ledger: Ledger,
    captures: (table: TableId) => boolean,
    rowSettings: (table: TableId) => RowSettings,
  ) {
    this.#rowSettings = rowSettings;
    this.#ledger = ledger;
    this.#captures = captures;
    this.#version = ledger.version;
  }

  captures(table: TableId): boolean {
    return this.#captures(table);
  }

  routing(schema: TableSchema): Routing {
    if (this.#version !== this.#ledger.version) {
      this.#routings = new WeakMap();
      this.#version = this.#ledger.version;
    }
    const known = this.#routings.get(schema);
    if (known) return known;
    const routing = this.#decide(schema);
    this.#routings.set(schema, routing);
    return routing;
  }

  #decide(schema: TableSchema): Routing {
    const name = tableName(schema.id);
    const entry = this.#ledger.get(name);
    switch (entry?.state.kind) {
      case undefined:
      case 'gone':
        return this.#captures(schema.id) ? ADMIT : SKIP;
      case 'excluded':
      case 'invisible':
      case 'stopped':
        return SKIP;
      case 'followed':
        break;
    }
    if (schema.key.length === 0) return { kind: 'stop', error: keyless(schema.id) };
    if (!entry.topic) return ADMIT;
    const { name: topic, partitions } = entry.topic;
    const schemaId = schemaIdOf(schema);
    const { beforeImage } = this.#rowSettings(schema.id);
    const route = { table: name, topic, partitions, schema, schemaId, beforeImage };
    return { kind: 'route', route };
  }
}

export function keyless(id: TableId): SluiceError {
  const table = tableName(id);
  return new SluiceError(
    'table.no-key',
    `Table ${table} has no primary key, so its changes have no key to be merged by. ` +
      'Add one, or exclude the table.',
    { facts: { table } },
  );
}
