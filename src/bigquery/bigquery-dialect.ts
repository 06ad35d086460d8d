import type { DescribedColumns, Dialect } from '../view/dialect.ts';
import { namesOf } from '../view/naming-rules.ts';
import { META, type StoredTable, VIEW_SUFFIXES } from '../view/stored-table.ts';
import { type BigQueryLayout, bigQueryNaming, storageName, viewName } from './names.ts';

/** Row of what the views read when they are asked. */
export const CHECKPOINT_TABLE = '_cdc_checkpoints';

/** Without the characters that would end it or mean something in it. */
export function identifier(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}

/** A literal for any text; control characters are written as escapes, since a quoted literal ends at a line's end. */
export function text(value: string): string {
  const escaped = value
    .replaceAll('\\', '\\\\')
    .replaceAll("'", "\\'")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what has to go
    .replaceAll(
      /[\u0000-\u001f\u007f]/g,
      (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
    );
  return `'${escaped}'`;
}

/** `2026-11-23 05:00:00.123456+00`, of microseconds since 1970. */
export function timestampText(us: number): string {
  const ms = Math.floor(us / 1000);
  const micros = String(us - ms * 1000).padStart(3, '0');
  return `${new Date(ms).toISOString().slice(0, 23).replace('T', ' ')}${micros}+00`;
}

export const timestamp = (us: number): string => `TIMESTAMP ${text(timestampText(us))}`;

export const DAY_US = 86_400_000_000;

/**
 * GoogleSQL. A sequence is stored as its text: of fixed width, it sorts as it should. The changelog
 * is partitioned by the day of the commit and refuses queries that do not say which days they need,
 * so every statement has a bound, with a literal, because a sub-query would not prune.
 */
export function bigQueryDialect(layout: BigQueryLayout): Dialect {
  const qualified = (dataset: string, name: string): string =>
    [layout.project, dataset, name].map(identifier).join('.');
  const internal = (name: string): string => qualified(layout.internal, name);
  const naming = bigQueryNaming(layout);
  const relation: Dialect['relation'] = (names, suffix) =>
    qualified(names.schema, viewName(names, suffix));
  return {
    changes: (table) => internal(storageName(namesOf(naming, table), 'changes')),
    state: (table) => internal(storageName(namesOf(naming, table), 'state')),
    view: (table, suffix) => relation(namesOf(naming, table), suffix),
    relation,
    suffixes: VIEW_SUFFIXES,
    cut: `(SELECT p.cut_seq FROM ${internal(CHECKPOINT_TABLE)} AS p)`,
    convert,
    typed: (constant, type) => `CAST(${constant} AS ${type})`,
    // Columns of a primary key are never NULL, and a join by equality alone can be hashed.
    isSame: (a, b) => `${a} = ${b}`,
    // A window takes no floating-point number; its shortest text is one for each.
    groupable: ({ type }, value) => (type === 'FLOAT64' ? `CAST(${value} AS STRING)` : value),
    antiJoin: 'leftJoin',
    committedSince: (alias, us) =>
      ` AND ${alias}.${META.committedAt} >= ${timestamp(us === undefined ? 0 : us - (us % DAY_US))}`,
    identifier,
    text,
    sequence: text,
    sequenceText: (expression) => expression,
    jsonMember: (object, member) => `JSON_VALUE(${object}, ${text(`$.${member}`)})`,
    timestamp,
    asText: (expression) => `CAST(${expression} AS STRING)`,
    asTimestamp: (expression) => expression,
    fail: (message) => `ERROR(${text(message)})`,
    struct: (fields) =>
      `STRUCT(${fields.map(([name, expression]) => `${expression} AS ${name}`).join(', ')})`,
    createView: (name, body, described) => [
      `CREATE OR REPLACE VIEW ${name}${descriptions(described)} AS ${body}`,
    ],
    createTableFunction: (name, parameter, body) =>
      `CREATE OR REPLACE TABLE FUNCTION ${name}(${identifier(parameter)} TIMESTAMP) AS (${body})`,
    dropView: (name) => `DROP VIEW IF EXISTS ${name}`,
    dropTableFunction: (name) => `DROP TABLE FUNCTION IF EXISTS ${name}`,
  };
}

/** BigQuery forgets those of a view that is replaced. */
function descriptions({ columns, comments }: DescribedColumns): string {
  if (!comments) return '';
  const texts = new Map(Object.entries(comments.columns));
  const list = columns.map((name) => {
    const comment = texts.get(name);
    return identifier(name) + (comment === undefined ? '' : descriptionOption(comment));
  });
  const names = texts.size === 0 ? '' : ` (${list.join(', ')})`;
  return names + (comments.table === undefined ? '' : descriptionOption(comments.table));
}

const descriptionOption = (comment: string): string => ` OPTIONS (description = ${text(comment)})`;

/** The table that takes every change, or that of the present rows, in the internal dataset. */
export const physicalName = (
  layout: BigQueryLayout,
  table: StoredTable,
  what: 'changes' | 'state',
): string => storageName(namesOf(bigQueryNaming(layout), table), what);

/** From a type to one that holds its values. */
function convert(expression: string, from: string, to: string): string {
  if (to === from) return expression;
  return from === 'JSON' ? `TO_JSON_STRING(${expression})` : `CAST(${expression} AS ${to})`;
}
