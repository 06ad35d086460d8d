import type { TableSchema } from '../change/table.ts';
import { InvariantBroken } from '../errors/error.ts';
import type { ChangeRow } from '../sink/destination.ts';
import { scanObject } from '../sink/json-scan.ts';
import { META, type StoredColumn, type StoredTable } from '../view/stored-table.ts';
import { timestampText } from './bigquery-dialect.ts';
import { type ColumnForm, columnForm, type StoredType } from './column-type.ts';
import { columnName } from './names.ts';

/** The row as a line of a load file, or why BigQuery would not take it. The reason quotes no value. */
export type RowLine =
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'refused'; readonly reason: string };

export type WriteRow = (row: ChangeRow) => RowLine;

/** What BigQuery takes of a row in JSON. */
const MAX_LINE_BYTES = 100_000_000;

interface ColumnWriter {
  /** As it is stored, and as views show it. */
  readonly name: string;
  readonly view: string;
  readonly write: (json: string) => string | undefined;
  readonly original: (json: string) => string;
}

/**
 * Writes rows of a schema for the table as it is stored. A function of its arguments alone: a batch
 * that is sent a second time has the same bytes.
 */
export function rowWriter(schema: TableSchema, table: StoredTable, ingestedAtUs: number): WriteRow {
  const writers = columnWriters(schema, table);
  const ending =
    `"${META.ingestedAt}":"${timestampText(ingestedAtUs)}"` +
    `,"${META.schemaId}":${JSON.stringify(table.schemaId)}}\n`;
  return (change) => {
    if (hasHalfCharacter(change.row))
      return { kind: 'refused', reason: 'a text holds half of a UTF-16 surrogate pair' };
    const line = `{${rowMembers(writers, change)}${metaMembers(change)}${ending}`;
    if (line.length * 3 > MAX_LINE_BYTES && Buffer.byteLength(line) > MAX_LINE_BYTES)
      return { kind: 'refused', reason: `the row takes more than ${MAX_LINE_BYTES} bytes as JSON` };
    return { kind: 'line', line };
  };
}

function columnWriters(schema: TableSchema, table: StoredTable): ReadonlyMap<string, ColumnWriter> {
  const stored = new Map(table.columns.map((column) => [column.name.toLowerCase(), column]));
  return new Map(
    schema.columns.map(({ name, type }) => {
      const column = stored.get(columnName(name).toLowerCase());
      if (!column) throw new InvariantBroken(`column ${name} of ${table.name} is not stored`);
      const form = columnForm(type);
      return [name, columnWriter(column, form)];
    }),
  );
}

function columnWriter(
  { name, stored = name, type }: StoredColumn,
  { type: from, write, original = unquoted }: ColumnForm,
): ColumnWriter {
  if (from === type) return { name: stored, view: name, write, original };
  const convert = conversion(from, type);
  return {
    name: stored,
    view: name,
    original,
    write: (json) => {
      const written = write(json);
      return written === undefined ? undefined : convert(written);
    },
  };
}

const unquoted = (json: string): string =>
  json.startsWith('"') ? (JSON.parse(json) as string) : json;

/** From what a load file has for one type to what it has for a wider one. */
function conversion(from: StoredType, to: string): (written: string) => string {
  if (from === 'BOOL') return (written) => (written === 'true' ? '"1"' : '"0"');
  if (from === 'DATE' && to === 'DATETIME')
    return (written) => `${written.slice(0, -1)} 00:00:00.000000"`;
  if (from === 'JSON') return (written) => JSON.stringify(written);
  return (written) => (written.startsWith('"') ? written : `"${written}"`);
}

function rowMembers(writers: ReadonlyMap<string, ColumnWriter>, { row }: ChangeRow): string {
  let members = '';
  let inexact = '';
  scanObject(row, (name, start, end) => {
    const json = row.slice(start, end);
    if (json === 'null') return;
    const column = writers.get(name);
    if (!column) throw new InvariantBroken(`a row has column ${name}, its schema does not`);
    const written = column.write(json);
    if (written !== undefined) members += `"${column.name}":${written},`;
    else
      inexact += `${inexact === '' ? '' : ','}"${column.view}":${JSON.stringify(column.original(json))}`;
  });
  return inexact === '' ? members : `${members}"${META.inexact}":{${inexact}},`;
}

function metaMembers({ seq, op, committedAtUs, position }: ChangeRow): string {
  return (
    `"${META.seq}":"${seq}","${META.op}":"${op}"` +
    `,"${META.committedAt}":"${timestampText(committedAtUs)}"` +
    `,"${META.position}":${JSON.stringify(position)},`
  );
}

/** JSON.stringify escapes a surrogate exactly when its other half is missing. */
function hasHalfCharacter(row: string): boolean {
  return row.includes('\\ud') && /(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(row);
}
