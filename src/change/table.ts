import type { Brand } from './brand.ts';

/** `database.table`, as the source spells it; the key of every per-table map. */
export type TableName = Brand<string, 'TableName'>;

/** Hash of a canonical table schema; the value of the `__sluice.schema` header. 16 hex digits. */
export type SchemaId = Brand<string, 'SchemaId'>;

export interface TableId {
  readonly database: string;
  readonly table: string;
}

export function tableName(id: TableId): TableName {
  return `${id.database}.${id.table}` as TableName;
}

/**
 * The column types a MySQL server can put in a row, by what the value means, not by how the log
 * packs it. TABLE_MAP and information_schema both arrive at exactly this union, so that a schema
 * id does not depend on which of them was read.
 */
export type ColumnType =
  | { readonly kind: 'integer'; readonly bytes: 1 | 2 | 3 | 4 | 8; readonly unsigned: boolean }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'float' }
  | { readonly kind: 'double' }
  | { readonly kind: 'bit'; readonly bits: number }
  | { readonly kind: 'year' }
  | { readonly kind: 'date' }
  /** `fractionDigits` 0 to 6, for the three below. */
  | { readonly kind: 'time'; readonly fractionDigits: number }
  | { readonly kind: 'datetime'; readonly fractionDigits: number }
  | { readonly kind: 'timestamp'; readonly fractionDigits: number }
  /** CHAR, VARCHAR and the TEXT family. `charset` is MySQL's name: `utf8mb4`, `latin1`, … */
  | { readonly kind: 'text'; readonly charset: string }
  /** BINARY(n): `fixedBytes` n, values are padded to it. VARBINARY and the BLOB family: 0. */
  | { readonly kind: 'binary'; readonly fixedBytes: number }
  | { readonly kind: 'enum'; readonly members: readonly string[] }
  | { readonly kind: 'set'; readonly members: readonly string[] }
  | { readonly kind: 'json' }
  | { readonly kind: 'geometry' }
  | { readonly kind: 'vector' };

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
}

/**
 * A table as its rows are encoded: columns in source order, and the indexes of the key columns in
 * key order. `key` is empty for a table without a primary key.
 */
export interface TableSchema {
  readonly id: TableId;
  readonly columns: readonly Column[];
  readonly key: readonly number[];
}

/**
 * What people have written about a table and its columns at the source; a column without a comment
 * is left out. No part of the schema: rows are decoded without it. JSON-plain. It may be private:
 * nothing of it belongs into a log.
 */
export interface TableComments {
  readonly table?: string;
  readonly columns: Readonly<Record<string, string>>;
}
