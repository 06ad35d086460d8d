import type { Sequence } from '../change/sequence.ts';
import type { DescribedColumns, Dialect } from '../view/dialect.ts';
import { namesOf } from '../view/naming-rules.ts';
import { INTERNAL_SCHEMA } from '../view/stored-table.ts';
import { DUCKDB_NAMING, identifier, relation, SUFFIXES, storage } from './names.ts';

const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;

/**
 * A sequence is stored as its 128 bits in a HUGEINT: four times smaller than its text, and the
 * minimum and maximum that DuckDB keeps per row group hold all of it (of a text: eight bytes), so
 * that a scan for new changes skips old ones. Epochs are below 2^31, so the number is positive.
 */
export const duckdbDialect: Dialect = {
  changes: (table) => storage(namesOf(DUCKDB_NAMING, table), 'changes'),
  state: (table) => storage(namesOf(DUCKDB_NAMING, table), 'state'),
  view: (table, suffix) => relation(namesOf(DUCKDB_NAMING, table), suffix),
  relation,
  suffixes: SUFFIXES,
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
  fail: (message) => `error(${text(message)})`,
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
