import type { Brand } from '../change/brand.ts';
import type { TableId } from '../change/table.ts';

export type Topic = Brand<string, 'Topic'>;

/** What a topic's records were written to; a topic that was deleted and made again has another id. */
export interface TopicIdentity {
  readonly partitions: number;
  /** The cluster's own id of the topic. */
  readonly id: string;
}

/** The internal topics of a prefix. A database may be called `sluice`, so their names start with `__`. */
export interface InternalTopics {
  /** Compacted, one partition: checkpoint, snapshot plan, topic → {@link TopicIdentity}. */
  readonly positions: Topic;
  /** Compacted, one partition, never expires: schema id → canonical schema. */
  readonly schemas: Topic;
  /** One partition, never expires: truncate, sweep, schema, gap, snapshot begin and end. */
  readonly control: Topic;
  /** Compacted, one partition: sink name → what the sink has written down about its warehouse. */
  readonly sinks: Topic;
}

export function internalTopics(prefix: string): InternalTopics {
  return {
    positions: `${prefix}.__sluice.positions` as Topic,
    schemas: `${prefix}.__sluice.schemas` as Topic,
    control: `${prefix}.__sluice.control` as Topic,
    sinks: `${prefix}.__sluice.sinks` as Topic,
  };
}

/** Debezium's rule: characters a topic may not have become `_`. Two tables may collide; the first one keeps the topic. */
export function tableTopic(prefix: string, table: TableId): Topic {
  return `${prefix}.${table.database}.${table.table}`.replace(/[^a-zA-Z0-9._-]/g, '_') as Topic;
}
