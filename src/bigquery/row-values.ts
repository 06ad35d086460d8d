import type { HexText } from '../change/encoded-row.ts';
import type { TableSchema } from '../change/table.ts';
import { InvariantBroken } from '../errors/error.ts';
import type { ChangeRow } from '../sink/destination.ts';
import { scanObject } from '../sink/json-scan.ts';
import { findColumn } from '../view/place-columns.ts';
import type { StoredColumn, StoredTable } from '../view/stored-table.ts';
import { storedName } from '../view/table-form.ts';
import { type ColumnForm, columnForm, type StoredType } from './column-type.ts';
import { columnName } from './names.ts';

/**
 * Calls `visit` with every value of a row that its column holds: the column's stored name, and the
 * value as a load file has it. NULLs are left out. Returns, as the members of a JSON object, the
 * values that no column holds, and the bytes of those that are no texts.
 */
export type ReadRow = (
  row: Pick<ChangeRow, 'row' | 'invalid'>,
  visit: (name: string, written: string) => void,
) => string;

interface ColumnWriter {
  /** As it is stored. */
  readonly name: string;
  readonly write: (json: string) => string | undefined;
  readonly original: (json: string) => string;
}

/** Reads rows of a schema as the table stores them, which is in the form that the rows have. Both ways of writing them begin here. */
export function rowReader(schema: TableSchema, table: StoredTable): ReadRow {
  const writers = columnWriters(schema, table);
  const writerOf = (name: string): ColumnWriter => {
    const writer = writers.get(name);
    if (writer) return writer;
    throw new InvariantBroken(`a row has column ${name}, its schema does not`);
  };
  return ({ row, invalid }, visit) => {
    let inexact = '';
    const add = (column: ColumnWriter, text: string): void => {
      inexact += `${inexact === '' ? '' : ','}"${column.name}":${JSON.stringify(text)}`;
    };
    scanObject(row, (name, start, end) => {
      const json = row.slice(start, end);
      if (json === 'null') return;
      const column = writerOf(name);
      const written = column.write(json);
      if (written !== undefined) visit(column.name, written);
      else add(column, column.original(json));
    });
    for (const [name, bytes] of invalid ?? NONE) add(writerOf(name), bytes);
    return inexact;
  };
}

const NONE: ReadonlyMap<string, HexText> = new Map();

function columnWriters(schema: TableSchema, table: StoredTable): ReadonlyMap<string, ColumnWriter> {
  const byName = new Map(table.columns.map((column) => [column.wanted ?? column.name, column]));
  return new Map(
    schema.columns.map(({ name, type }) => {
      const wanted = columnName(name);
      const column = byName.get(wanted) ?? findColumn(table.columns, wanted);
      if (!column) throw new InvariantBroken(`column ${name} of ${table.name} is not stored`);
      return [name, columnWriter(column, columnForm(type))];
    }),
  );
}

function columnWriter(
  column: StoredColumn,
  { type: from, write, original = unquoted }: ColumnForm,
): ColumnWriter {
  const name = storedName(column);
  if (from === column.type) return { name, write, original };
  const convert = conversion(from, column.type);
  return {
    name,
    original,
    write: (json) => {
      const written = write(json);
      return written === undefined ? undefined : convert(written);
    },
  };
}

/** The text of a JSON string, or the JSON of anything else. */
export const unquoted = (json: string): string =>
  json.startsWith('"') ? (JSON.parse(json) as string) : json;

/** From what a load file has for one type to what it has for a wider one. */
function conversion(from: StoredType, to: string): (written: string) => string {
  if (from === 'BOOL') return (written) => (written === 'true' ? '"1"' : '"0"');
  if (from === 'DATE' && to === 'DATETIME')
    return (written) => `${written.slice(0, -1)} 00:00:00.000000"`;
  if (from === 'JSON') return (written) => JSON.stringify(written);
  return (written) => (written.startsWith('"') ? written : `"${written}"`);
}

const BACKSLASH = 92;
const SURROGATE_ESCAPE = '\\ud';

/** A text that is not Unicode: JSON.stringify escapes a surrogate exactly when its other half is missing. */
export function hasHalfCharacter(row: string): boolean {
  for (
    let at = row.indexOf(SURROGATE_ESCAPE);
    at >= 0;
    at = row.indexOf(SURROGATE_ESCAPE, at + 1)
  ) {
    let before = at - 1;
    while (row.charCodeAt(before) === BACKSLASH) before -= 1;
    const isEscape = (at - before) % 2 === 1;
    if (isEscape && '89abcdef'.includes(row.charAt(at + SURROGATE_ESCAPE.length))) return true;
  }
  return false;
}
