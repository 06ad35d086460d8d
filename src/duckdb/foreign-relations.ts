import type { DuckDBConnection } from '@duckdb/node-api';
import type { Relation } from '../view/own-relations.ts';
import { INTERNAL_SCHEMA } from '../view/stored-table.ts';
import { duckdbDialect } from './duckdb-dialect.ts';
import { relation } from './names.ts';

const { text } = duckdbDialect;

/** A physical table of the warehouse, as DuckDB writes it when it tells a view's statement. */
const READS_OWN = `${INTERNAL_SCHEMA}\\."([^"]|"")*__(changes|state)"`;

/** What has a name in the file, with whether it reads physical tables; names of macros are apart. */
const PRESENT = `SELECT schema_name AS s, view_name AS n, false AS is_macro, sql AS definition FROM duckdb_views() WHERE database_name = current_database()
  UNION ALL SELECT schema_name, table_name, false, NULL FROM duckdb_tables() WHERE database_name = current_database()
  UNION ALL SELECT schema_name, function_name, true, macro_definition FROM duckdb_functions()
    WHERE database_name = current_database() AND function_type = 'table_macro'`;

/**
 * Those of some relations whose names are taken by what this warehouse has not made, as the dialect
 * writes them. What the transaction has made so far is seen.
 */
export async function foreignRelations(
  connection: DuckDBConnection,
  relations: readonly Relation[],
): Promise<ReadonlySet<string>> {
  if (relations.length === 0) return new Set();
  const wanted = relations.map(({ names, suffix }) => {
    const fields = [names.schema, names.view + suffix, relation(names, suffix)];
    return `(${[...fields.map(text), String(suffix === '__as_of')].join(', ')})`;
  });
  const reader = await connection.runAndReadAll(
    `SELECT w.relation FROM (VALUES ${wanted.join(', ')}) AS w(s, n, relation, is_macro)
     JOIN (${PRESENT}) AS p ON lower(p.s) = lower(w.s) AND lower(p.n) = lower(w.n) AND p.is_macro = w.is_macro
     WHERE NOT coalesce(regexp_matches(p.definition, ${text(READS_OWN)}), false)`,
  );
  return new Set(
    reader.getRowsJson().flatMap(([found]) => (typeof found === 'string' ? [found] : [])),
  );
}
