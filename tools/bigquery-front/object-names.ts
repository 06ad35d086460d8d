import type { Refusal } from './answer.ts';
import { type Ddl, listed, partsOf } from './statements.ts';

/**
 * Names that BigQuery takes:
 * datasets https://cloud.google.com/bigquery/docs/datasets#dataset-naming,
 * tables https://cloud.google.com/bigquery/docs/tables#table_naming,
 * columns https://cloud.google.com/bigquery/docs/schemas#column_names,
 * routines https://cloud.google.com/bigquery/docs/reference/rest/v2/RoutineReference.
 */
const MAX_DATASET = 1_024;
const MAX_TABLE_BYTES = 1_024;
const MAX_COLUMN = 300;
const MAX_ROUTINE = 256;

const TABLE = /^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}\p{Zs}]+$/u;
/** Those of flexible names aside, a column's name has none of these. */
const NOT_IN_COLUMN = /[!"$()*,./;?@[\\\]^`{}~]/;
const COLUMN_PREFIXES =
  /^(?:_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER|_CHANGE_SEQUENCE_NUMBER|_CHANGE_TYPE|_CHANGE_TIMESTAMP)/i;

export function refusedDataset(name: string): Refusal | undefined {
  if (/^\w+$/.test(name) && name.length <= MAX_DATASET) return undefined;
  return {
    reason: 'invalid',
    message: `Invalid dataset ID "${name}". Dataset IDs must be alphanumeric (plus underscores) and must be at most ${MAX_DATASET} characters long.`,
  };
}

/** What is wrong about a name that a statement gives. */
export function refusedNames(ddl: Ddl): Refusal | undefined {
  const name = ddl.name.at(-1) ?? '';
  if (ddl.verb === 'DROP') return undefined;
  if (ddl.object === 'TABLE FUNCTION') return refusedRoutine(name);
  const renamed = /^RENAME TO (\S+)$/i.exec(ddl.rest)?.[1];
  const given = ddl.verb === 'CREATE' ? [name] : renamed === undefined ? [] : partsOf(renamed);
  return given.map(refusedTable).find(Boolean) ?? refusedColumns(ddl);
}

function refusedTable(name: string): Refusal | undefined {
  if (TABLE.test(name) && Buffer.byteLength(name) <= MAX_TABLE_BYTES) return undefined;
  return invalidQuery(`Invalid table ID "${name}".`);
}

function refusedRoutine(name: string): Refusal | undefined {
  if (/^\w+$/.test(name) && name.length <= MAX_ROUTINE) return undefined;
  return invalidQuery(
    `Invalid routine ID "${name}". Routine IDs must be alphanumeric (plus underscores) and must be at most ${MAX_ROUTINE} characters long.`,
  );
}

function refusedColumns(ddl: Ddl): Refusal | undefined {
  const names = columnsOf(ddl);
  const bad = names.find(
    (name) => name.length > MAX_COLUMN || NOT_IN_COLUMN.test(name) || COLUMN_PREFIXES.test(name),
  );
  if (bad !== undefined) return invalidQuery(`Invalid field name "${bad}".`);
  const lower = names.map((name) => name.toLowerCase());
  const twice = names.find((_, index) => lower.indexOf(lower[index] ?? '') < index);
  return twice === undefined ? undefined : invalidQuery(`Duplicate column name ${twice}.`);
}

/** The columns that a statement makes. */
function columnsOf({ verb, object, rest }: Ddl): readonly string[] {
  if (verb === 'ALTER')
    return [...rest.matchAll(/ADD COLUMN (?:IF NOT EXISTS )?(`(?:[^`\\]|\\.)+`|\w+)/gi)].flatMap(
      ([, name = '']) => partsOf(name),
    );
  if (object !== 'TABLE' || !rest.startsWith('(')) return [];
  return listed(rest.slice(1))
    .filter((column) => !/^PRIMARY KEY\b/i.test(column))
    .map((column) => partsOf(column)[0] ?? '');
}

const invalidQuery = (message: string): Refusal => ({ reason: 'invalidQuery', message });
