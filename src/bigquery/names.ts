import type { TableId } from '../change/table.ts';
import { escapeOf, unescapedName } from '../view/name-escape.ts';
import type { NamingRules } from '../view/naming-rules.ts';
import { type RelationNames, VIEW_SUFFIXES, type ViewSuffix } from '../view/stored-table.ts';
import { shortName, shortNumberedName } from './short-name.ts';

/** Where a pipeline's relations are in BigQuery. Every part is a legal name. */
export interface BigQueryLayout {
  readonly project: string;
  /** Dataset of the physical tables and of the bookkeeping; nothing in it is for analysts. */
  readonly internal: string;
  /** Dataset of the views of a source table. */
  readonly dataset: (id: TableId) => string;
  /** Name of the view that shows a source table, where nothing else has it. */
  readonly table: (id: TableId) => string;
  /** What both were before names were recorded: also in the internal dataset, and of any length. */
  readonly unrecorded: (id: TableId) => Pick<RelationNames, 'schema' | 'view'>;
}

export interface NameTemplates {
  /** With `{database}` and `{table}` in it: `{database}`, or `crm` for one dataset that holds all. */
  readonly dataset: string;
  readonly table: string;
}

/** Of a dataset in characters, of a table in bytes of UTF-8, of a function and of a column in characters. */
const MAX_DATASET = 1_024;
const MAX_TABLE = 1_024;
const MAX_FUNCTION = 256;
const MAX_COLUMN = 300;

const LONGEST_SUFFIX = Math.max(...VIEW_SUFFIXES.map(({ length }) => length));

/** Of what the names of a table's relations begin with. */
const MAX_BEGINNING = MAX_TABLE - LONGEST_SUFFIX;

/** @param internal  a legal dataset name */
export function bigQueryLayout(
  project: string,
  internal: string,
  templates: NameTemplates,
): BigQueryLayout {
  return {
    project,
    internal,
    dataset: (id) => {
      const name = shortName(datasetName(fill(templates.dataset, id)), MAX_DATASET);
      // Views among the physical tables would be taken for some.
      return [internal, INFORMATION_SCHEMA].some((taken) => isSameWord(taken, name))
        ? shortNumberedName(name, 2, MAX_DATASET)
        : name;
    },
    table: (id) => {
      const name = shortName(relationName(fill(templates.table, id)), MAX_BEGINNING);
      return RESERVED_TABLES.some((taken) => isSameWord(taken, name))
        ? shortNumberedName(name, 2, MAX_BEGINNING)
        : name;
    },
    unrecorded: (id) => ({
      schema: datasetName(fill(templates.dataset, id)),
      view: relationName(fill(templates.table, id)),
    }),
  };
}

/** What BigQuery shows of a dataset itself, as if it were tables there. */
const INFORMATION_SCHEMA = 'INFORMATION_SCHEMA';
const RESERVED_TABLES = [INFORMATION_SCHEMA, '__TABLES__', '__TABLES_SUMMARY__'];

const isSameWord = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

function fill(template: string, { database, table }: TableId): string {
  return template.replaceAll(/\{(database|table)\}/g, (_, part: string) =>
    part === 'database' ? database : table,
  );
}

/** Letters, digits and underscores are all that a dataset's name may have. */
function datasetName(text: string): string {
  return escaped(text, /[A-Za-z0-9_]/);
}

/** BigQuery takes more in the name of a table, but not every client of analysts can quote it. */
export function relationName(text: string): string {
  return escaped(text, /[\p{L}\p{N}_-]/u);
}

/** A function's name takes less than that of a view: the rest of it is escaped. */
export function functionName(view: string): string {
  const legal = view.replaceAll(/[^A-Za-z0-9_]/gu, escapeOf);
  return shortName(legal, MAX_FUNCTION - LONGEST_SUFFIX);
}

/** Prefixes that BigQuery refuses in column names, in any letter case. */
const REFUSED =
  /^(_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER|_CHANGE_SEQUENCE_NUMBER|_CHANGE_TYPE|_CHANGE_TIMESTAMP|_FIELD_)/i;

export function columnName(text: string): string {
  const legal = escaped(text, /[A-Za-z0-9_]/);
  const name = REFUSED.test(legal) || /^\d/.test(legal) ? escapedFirst(legal) : legal;
  return shortName(name, MAX_COLUMN);
}

/** What looks like the start of an escape is escaped itself, whatever becomes of the characters behind it. */
const ESCAPE = /_x(?=[0-9A-F])/g;

/** Every other character as `_x` and its code point in hex and `_`, so that two names never become one. */
function escaped(text: string, legal: RegExp): string {
  let name = '';
  for (const character of text.replaceAll(ESCAPE, '_x5F_x'))
    name += legal.test(character) ? character : escapeOf(character);
  return name;
}

function escapedFirst(name: string): string {
  return escapeOf(name.slice(0, 1)) + name.slice(1);
}

/**
 * The source's name behind one of a dataset, a relation or a column; `undefined` where it was too
 * long for BigQuery.
 */
export const sourceName = (name: string): string | undefined => unescapedName(name);

/** In the internal dataset. */
export const storageName = (names: RelationNames, what: 'changes' | 'state'): string =>
  `${names.storage}__${what}`;

export function bigQueryNaming(layout: BigQueryLayout): NamingRules {
  const plain = (id: TableId): RelationNames => ({
    schema: layout.dataset(id),
    view: layout.table(id),
    storage: `${relationName(id.database)}__${relationName(id.table)}`,
  });
  return {
    plain,
    unrecorded: ({ id }) => ({ ...plain(id), ...layout.unrecorded(id) }),
    views: (names) => VIEW_SUFFIXES.map((suffix) => `${names.schema}.${viewName(names, suffix)}`),
    storage: (names) =>
      (['changes', 'state'] as const).map(
        (what) => `${layout.internal}.${storageName(names, what)}`,
      ),
    own: [],
    numbered: (name, number) => shortNumberedName(name, number, MAX_BEGINNING),
  };
}

/** In its dataset. */
export const viewName = ({ view }: RelationNames, suffix: ViewSuffix): string =>
  (suffix === '__as_of' ? functionName(view) : view) + suffix;
