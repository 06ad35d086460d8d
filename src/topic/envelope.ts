import type { BeforeImageRule } from '../change/row-settings.ts';
import type { SchemaId, TableName, TableSchema } from '../change/table.ts';
import type { SourceBlock } from './source-block.ts';
import type { Topic } from './topic-name.ts';

export type { SourceBlock };

/** Where rows of one schema go. */
export interface TableRoute {
  readonly table: TableName;
  readonly topic: Topic;
  readonly partitions: number;
  readonly schema: TableSchema;
  readonly schemaId: SchemaId;
  /** Of updates that keep their key; `full` when absent. */
  readonly beforeImage?: BeforeImageRule;
}

/** The other key, on both records of a change of the key. */
export const NEW_KEY_HEADER = '__debezium.newkey';
export const OLD_KEY_HEADER = '__debezium.oldkey';
