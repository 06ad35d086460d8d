import type { Sequence } from '../change/sequence.ts';
import { type SchemaId, type TableName, type TableSchema, tableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import {
  BEFORE_ALL,
  INTERNAL_SCHEMA,
  META,
  RESERVED_COLUMNS,
  type StoredColumn,
  type StoredTable,
  viewNames,
} from '../view/stored-table.ts';
import { columnCodec } from './column-type.ts';
import { duckdbDialect } from './duckdb-dialect.ts';
import { widenType } from './widen-type.ts';

const { identifier } = duckdbDialect;

/** Schemas and catalogs that every DuckDB file has already. */
const RESERVED_DATABASES = new Set([
  INTERNAL_SCHEMA,
  'information_schema',
  'memory',
  'pg_catalog',
  'system',
  'temp',
]);

const CHANGES_META = [
  `${META.seq} HUGEINT`,
  `${META.op} VARCHAR`,
  `${META.committedAt} TIMESTAMPTZ`,
  `${META.ingestedAt} TIMESTAMPTZ`,
  `${META.position} VARCHAR`,
  `${META.schemaId} VARCHAR`,
  `${META.inexact} JSON`,
];
const STATE_META = [`${META.seq} HUGEINT`, `${META.inexact} JSON`];

export interface SchemaUse {
  readonly schemaId: SchemaId;
  readonly schema: TableSchema;
  /** Sequence of a record that has it. */
  readonly since: Sequence;
}

/**
 * The table as it has to be for rows of a schema: new columns are added, changed ones widened,
 * dropped ones kept. The same object when nothing has to be done.
 *
 * @throws {SluiceError} `table.no-key` | `sink.schema-conflict` | `sink.name-collision`
 */
export function tableFor(
  known: ReadonlyMap<TableName, StoredTable>,
  { schemaId, schema, since }: SchemaUse,
): StoredTable {
  const name = tableName(schema.id);
  const table = known.get(name);
  if (table?.schemaId === schemaId) return table;
  refuseKeyless(name, schema);
  refuseReserved(name, schema);
  const wanted = schema.columns.map(storedColumn);
  const key = schema.key.map((index) => wanted[index]?.name ?? '');
  const newest = { schemaId, schemaSince: since, key };
  if (!table) {
    refuseCollision(known, name, schema);
    return {
      name,
      id: schema.id,
      ...newest,
      columns: wanted,
      watermark: BEFORE_ALL,
      status: 'consistent',
    };
  }
  if (since > table.schemaSince)
    return { ...table, ...newest, columns: merge(name, wanted, table.columns) };
  const columns = merge(name, table.columns, wanted);
  return sameColumns(columns, table.columns) ? table : { ...table, columns };
}

/** Columns of `first` in its order, then what only `second` has; where both have one, its type holds both. */
function merge(
  table: TableName,
  first: readonly StoredColumn[],
  second: readonly StoredColumn[],
): readonly StoredColumn[] {
  const others = new Map(second.map((column) => [column.name.toLowerCase(), column]));
  const merged = first.map((column) => {
    const other = others.get(column.name.toLowerCase());
    others.delete(column.name.toLowerCase());
    if (!other) return column;
    const type = widenType(other.type, column.type);
    if (type === undefined)
      throw new SluiceError(
        'sink.schema-conflict',
        `Column ${column.name} of ${table} was ${other.type} in the warehouse and is ${column.type} now; no type holds both exactly.`,
        { facts: { table, column: column.name, types: [other.type, column.type] } },
      );
    return { ...column, type, mayBeInexact: column.mayBeInexact || other.mayBeInexact };
  });
  return [...merged, ...others.values()];
}

function storedColumn({ name, type }: TableSchema['columns'][number]): StoredColumn {
  const { storedType, mayBeInexact } = columnCodec(type);
  return { name, type: storedType, mayBeInexact };
}

function sameColumns(a: readonly StoredColumn[], b: readonly StoredColumn[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Statements that turn one form of a table into the next, without its views. Both physical tables have the same columns. */
export function tableStatements(from: StoredTable | undefined, to: StoredTable): readonly string[] {
  if (!from) return createStatements(to);
  const before = new Map(from.columns.map((column) => [column.name.toLowerCase(), column]));
  return to.columns.flatMap(({ name, type }) => {
    const old = before.get(name.toLowerCase());
    if (old?.type === type) return [];
    const change = old
      ? `ALTER COLUMN ${identifier(name)} TYPE ${type}`
      : `ADD COLUMN ${identifier(name)} ${type}`;
    return [duckdbDialect.changes(to), duckdbDialect.state(to)].map(
      (table) => `ALTER TABLE ${table} ${change}`,
    );
  });
}

function createStatements(table: StoredTable): readonly string[] {
  const columns = table.columns.map(({ name, type }) => `${identifier(name)} ${type}`);
  const create = (name: string, meta: readonly string[]): string =>
    `CREATE TABLE ${name} (${[...columns, ...meta].join(', ')})`;
  return [
    `CREATE SCHEMA IF NOT EXISTS ${identifier(table.id.database)}`,
    create(duckdbDialect.changes(table), CHANGES_META),
    create(duckdbDialect.state(table), STATE_META),
  ];
}

/** Whether rows that were one by the old key may be two by the new one. */
export function keyChanged(from: StoredTable, to: StoredTable): boolean {
  const lower = (names: readonly string[]): string =>
    JSON.stringify(names.map((n) => n.toLowerCase()));
  return lower(from.key) !== lower(to.key);
}

function refuseKeyless(name: TableName, { key }: TableSchema): void {
  if (key.length > 0) return;
  throw new SluiceError(
    'table.no-key',
    `${name} has no primary key, so its present rows cannot be told from its changes. Add a key, or exclude the table.`,
    { facts: { table: name } },
  );
}

function refuseReserved(name: TableName, { id, columns }: TableSchema): void {
  if (RESERVED_DATABASES.has(id.database.toLowerCase()))
    throw collision(`Database ${id.database} has a name that DuckDB or Sluice uses itself.`, name);
  const reserved = columns.find((column) => RESERVED_COLUMNS.has(column.name.toLowerCase()));
  if (reserved)
    throw collision(`Column ${reserved.name} of ${name} has a name that Sluice uses itself.`, name);
}

function refuseCollision(
  known: ReadonlyMap<TableName, StoredTable>,
  name: TableName,
  { id }: TableSchema,
): void {
  const names = relationNames(id);
  for (const other of known.values()) {
    const shared = [...relationNames(other.id)].find((relation) => names.has(relation));
    if (shared !== undefined)
      throw collision(`${name} and ${other.name} would both be called ${shared}.`, name);
  }
}

/** In lower case, as DuckDB compares them. */
function relationNames({ database, table }: TableSchema['id']): ReadonlySet<string> {
  const names = Object.values(viewNames(table));
  return new Set(names.map((name) => `${database}.${name}`.toLowerCase()));
}

function collision(message: string, table: TableName): SluiceError {
  return new SluiceError('sink.name-collision', message, { facts: { table } });
}
