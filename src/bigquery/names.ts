import type { TableId } from '../change/table.ts';

/** Where a pipeline's relations are in BigQuery. Every part is a legal name. */
export interface BigQueryLayout {
  readonly project: string;
  /** Dataset of the physical tables and of the bookkeeping; nothing in it is for analysts. */
  readonly internal: string;
  /** Dataset of the views of a source table. */
  readonly dataset: (id: TableId) => string;
  /** Name of the view that shows a source table. */
  readonly table: (id: TableId) => string;
}

export interface NameTemplates {
  /** With `{database}` and `{table}` in it: `{database}`, or `crm` for one dataset that holds all. */
  readonly dataset: string;
  readonly table: string;
}

/** @param internal  a legal dataset name */
export function bigQueryLayout(
  project: string,
  internal: string,
  templates: NameTemplates,
): BigQueryLayout {
  return {
    project,
    internal,
    dataset: (id) => datasetName(fill(templates.dataset, id)),
    table: (id) => relationName(fill(templates.table, id)),
  };
}

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

/** Prefixes that BigQuery refuses in column names, in any letter case. */
const REFUSED =
  /^(_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER|_CHANGE_SEQUENCE_NUMBER|_CHANGE_TYPE|_CHANGE_TIMESTAMP|_FIELD_)/i;

export function columnName(text: string): string {
  const legal = escaped(text, /[A-Za-z0-9_]/);
  if (REFUSED.test(legal) || /^\d/.test(legal)) return escapedFirst(legal);
  return legal;
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

function escapeOf(character: string): string {
  return `_x${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}_`;
}

/** The source's name behind one that {@link datasetName}, {@link relationName} or {@link columnName} gave. */
export function sourceName(name: string): string {
  return name.replaceAll(/_x([0-9A-F]+)_/g, (_, hex: string) =>
    String.fromCodePoint(Number.parseInt(hex, 16)),
  );
}
