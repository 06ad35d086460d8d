import type { Sequence } from '../change/sequence.ts';
import type { DescribedColumns, Dialect } from '../view/dialect.ts';
import { INTERNAL_SCHEMA } from '../view/stored-table.ts';

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;

/** Schemas and catalogs that every DuckDB file has already. */
const TAKEN_SCHEMAS = new Set([
  INTERNAL_SCHEMA,
  'information_schema',
  'memory',
  'pg_catalog',
  'system',
  'temp',
]);

/** The schema of a source database: its name, with an underscore behind it where DuckDB or Sluice has that. */
export const schemaName = (database: string): string =>
  TAKEN_SCHEMAS.has(database.toLowerCase()) ? `${database}_` : database;

/**
 * A sequence is stored as its 128 bits in a HUGEINT: four times smaller than its text, and the
 * minimum and maximum that DuckDB keeps per row group hold all of it (of a text: eight bytes), so
 * that a scan for new changes skips old ones. Epochs are below 2^31, so the number is positive.
 */
export const duckdbDialect: Dialect = {
  changes: ({ name }) => `${INTERNAL_SCHEMA}.${identifier(`${name}__changes`)}`,
  state: ({ name }) => `${INTERNAL_SCHEMA}.${identifier(`${name}__state`)}`,
  view: ({ id }, suffix) =>
    `${identifier(schemaName(id.database))}.${identifier(id.table + suffix)}`,
  cut: `(SELECT p.cut_seq FROM ${INTERNAL_SCHEMA}.checkpoint AS p)`,
  convert: (expression, from, to) => (from === to ? expression : `CAST(${expression} AS ${to})`),
  typed: (constant, type) => `CAST(${constant} AS ${type})`,
  groupable: (_, value) => value,
  isSame: (a, b) => `${a} IS NOT DISTINCT FROM ${b}`,
  antiJoin: 'notExists',
  committedSince: () => '',
  identifier,
  text,
  sequence: (seq: Sequence) => `${BigInt(`0x${seq.replaceAll('/', '')}`)}::HUGEINT`,
  sequenceText: (expression) => {
    const digits = `lpad(hex(${expression}), 32, '0')`;
    return `${digits}[1:8] || '/' || ${digits}[9:24] || '/' || ${digits}[25:32]`;
  },
  jsonMember: (object, member) => `json_extract_string(${object}, ${text(jsonPointer(member))})`,
  timestamp: (us) => `make_timestamptz(${us})`,
  asText: (expression) => `CAST(${expression} AS VARCHAR)`,
  asTimestamp: (expression) => `CAST(${expression} AS TIMESTAMPTZ)`,
  struct: (fields) =>
    `{${fields.map(([name, expression]) => `${text(name)}: ${expression}`).join(', ')}}`,
  createView: (name, body, described) => [
    `CREATE OR REPLACE VIEW ${name} AS ${body}`,
    ...commentStatements(name, described),
  ],
  createTableFunction: (name, parameter, body) =>
    `CREATE OR REPLACE MACRO ${name}(${identifier(parameter)}) AS TABLE ${body}`,
  dropView: (name) => `DROP VIEW IF EXISTS ${name}`,
  dropTableFunction: (name) => `DROP MACRO TABLE IF EXISTS ${name}`,
};

/** A view that is replaced has lost its comments. */
function commentStatements(
  view: string,
  { columns, comments }: DescribedColumns,
): readonly string[] {
  if (!comments) return [];
  const texts = new Map(Object.entries(comments.columns));
  const commented = columns.flatMap((name) => {
    const comment = texts.get(name);
    if (comment === undefined) return [];
    return [`COMMENT ON COLUMN ${view}.${identifier(name)} IS ${text(comment)}`];
  });
  if (comments.table === undefined) return commented;
  return [`COMMENT ON VIEW ${view} IS ${text(comments.table)}`, ...commented];
}

/** RFC 6901; unlike a JSON path it can name any member. */
function jsonPointer(member: string): string {
  return `/${member.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
