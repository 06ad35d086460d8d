import type { SchemaId, TableId, TableName, TableSchema } from '../change/table.ts';
import { tableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { TableRoute } from '../topic/envelope.ts';
import { schemaIdOf } from '../topic/schema-record.ts';
import { type Topic, type TopicIdentity, tableTopic } from '../topic/topic-name.ts';

/** Where rows of a table go, and what must be on record before the first of them. */
export type Routing =
  | { readonly kind: 'skip' }
  | { readonly kind: 'route'; readonly route: TableRoute }
  /** The topic is not known to exist yet: create it, then ask again. */
  | { readonly kind: 'createTopic'; readonly topic: Topic };

/**
 * Decides per table map, and remembers the answer per schema object: the decoder hands out the same
 * object as long as the server repeats the same map.
 */
export class TableRouter {
  readonly #prefix: string;
  readonly #captures: (table: TableId) => boolean;
  readonly #partitions: Map<Topic, number>;
  readonly #routes = new WeakMap<TableSchema, Routing>();

  constructor(prefix: string, captures: (table: TableId) => boolean) {
    this.#prefix = prefix;
    this.#captures = captures;
    this.#partitions = new Map();
  }

  captures(table: TableId): boolean {
    return this.#captures(table);
  }

  learnTopics(topics: ReadonlyMap<Topic, TopicIdentity>): void {
    for (const [topic, { partitions }] of topics) this.#partitions.set(topic, partitions);
  }

  /** @throws {SluiceError} `table.no-key` for a captured table without a primary key */
  routing(schema: TableSchema): Routing {
    const known = this.#routes.get(schema);
    if (known) return known;
    const routing = this.#decide(schema);
    if (routing.kind !== 'createTopic') this.#routes.set(schema, routing);
    return routing;
  }

  #decide(schema: TableSchema): Routing {
    if (!this.#captures(schema.id)) return { kind: 'skip' };
    if (schema.key.length === 0) throw noKey(tableName(schema.id));
    const topic = tableTopic(this.#prefix, schema.id);
    const partitions = this.#partitions.get(topic);
    if (partitions === undefined) return { kind: 'createTopic', topic };
    const schemaId: SchemaId = schemaIdOf(schema);
    const table = tableName(schema.id);
    return { kind: 'route', route: { table, topic, partitions, schema, schemaId } };
  }
}

function noKey(table: TableName): SluiceError {
  return new SluiceError(
    'table.no-key',
    `Table ${table} has no primary key, so its changes have no key to be merged by. ` +
      `Add one, or exclude the table.`,
    { facts: { table } },
  );
}
