import type { Brand } from './brand.ts';

/**
 * A table's identity as one text, the key of every per-table map and record: `database.table` as the
 * source spells both. A database whose name holds a dot or a backtick is written in backticks, as in
 * SQL, so that two tables never have one name: `` `example.com`.users `` is not `example.com.users`.
 */
export type TableName = Brand<string, 'TableName'>;

/** Hash of a canonical table schema; the value of the `__sluice.schema` header. 16 hex digits. */
export type SchemaId = Brand<string, 'SchemaId'>;

export interface TableId {
  readonly database: string;
  readonly table: string;
}

export function tableName({ database, table }: TableId): TableName {
  const quoted = /[.`]/.test(database) ? `\`${database.replaceAll('`', '``')}\`` : database;
  return `${quoted}.${table}` as TableName;
}

const TABLE_NAME = /^(?:`((?:[^`]|``)*)`|([^.`]*))\.(.*)$/s;

/**
 * The exact inverse of {@link tableName}. Names stored before databases were quoted are read as
 * `database.table`, cut at the first dot.
 * @throws {Error} when the text has no dot behind a database
 */
export function tableIdOf(name: TableName): TableId {
  const [, quoted, plain, table] = TABLE_NAME.exec(name) ?? [];
  const database = quoted?.replaceAll('``', '`') ?? plain;
  if (database === undefined || table === undefined) throw new Error(`not a table name: ${name}`);
  return { database, table };
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
