import { tableName } from '../change/table.ts';
import { numberedName, unescapedName } from '../view/name-escape.ts';
import type { NamingRules } from '../view/naming-rules.ts';
import { INTERNAL_SCHEMA, type RelationNames, type ViewSuffix } from '../view/stored-table.ts';

/**
 * The name a file is attached under. DuckDB's own choice is the file's name, and then a file
 * `shop.duckdb` could not hold a schema `shop`: `shop.orders` would be ambiguous.
 */
export const CATALOG = '__sluice';

/** What stands beside each other for a table. */
export const SUFFIXES = ['', '__changes', '__history', '__as_of'] as const satisfies ViewSuffix[];

export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Schemas and catalogs that are there before any table. */
const TAKEN_SCHEMAS = [
  INTERNAL_SCHEMA,
  CATALOG,
  'information_schema',
  'memory',
  'pg_catalog',
  'system',
  'temp',
];
const TAKEN = new RegExp(`^(?:${TAKEN_SCHEMAS.join('|')})_*$`, 'i');

/** The name, with one underscore more where DuckDB or Sluice has it, or one that begins as theirs. */
const schemaName = (database: string): string => (TAKEN.test(database) ? `${database}_` : database);

/** What could be read as an escape, or as what Sluice adds to a name. */
const LOOKS_ADDED = /_x(?=0_|5F(?:_|$))/g;

/** A name may have any character here: escaped is only what would lead back to another one. */
export const viewName = (table: string): string => table.replaceAll(LOOKS_ADDED, '_x5F_x');

/** The source's name behind one that a view has. */
export const sourceName = (view: string): string | undefined => unescapedName(view, /_x(5F)_/);

export const relation = ({ schema, view }: RelationNames, suffix: ViewSuffix): string =>
  `${identifier(schema)}.${identifier(view + suffix)}`;

export const storage = (names: RelationNames, what: 'changes' | 'state'): string =>
  `${INTERNAL_SCHEMA}.${identifier(`${names.storage}__${what}`)}`;

export const DUCKDB_NAMING: NamingRules = {
  plain: (id) => ({
    schema: schemaName(id.database),
    view: viewName(id.table),
    storage: tableName(id),
  }),
  unrecorded: ({ id, name }) => ({
    schema: TAKEN_SCHEMAS.includes(id.database.toLowerCase()) ? `${id.database}_` : id.database,
    view: id.table,
    storage: name,
  }),
  views: (names) => SUFFIXES.map((suffix) => relation(names, suffix)),
  storage: (names) => [storage(names, 'changes'), storage(names, 'state')],
  own: ['_cdc_status', '_cdc_gaps'].map((name) => `${identifier('main')}.${identifier(name)}`),
  numbered: numberedName,
};
