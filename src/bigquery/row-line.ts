import type { TableSchema } from '../change/table.ts';
import type { ChangeRow } from '../sink/destination.ts';
import { META, type StoredTable } from '../view/stored-table.ts';
import { timestampText } from './bigquery-dialect.ts';
import { hasHalfCharacter, type ReadRow, rowReader } from './row-values.ts';

/** The row as a line of a load file, or why BigQuery would not take it. The reason quotes no value. */
export type RowLine =
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'refused'; readonly reason: string };

export type WriteRow = (row: ChangeRow) => RowLine;

/** What BigQuery takes of a row in JSON. */
const MAX_LINE_BYTES = 100_000_000;

/**
 * Writes rows of a schema for the table as it is stored. A function of its arguments alone: a batch
 * that is sent a second time has the same bytes.
 */
export function rowWriter(schema: TableSchema, table: StoredTable, ingestedAtUs: number): WriteRow {
  const read = rowReader(schema, table);
  const ending =
    `"${META.ingestedAt}":"${timestampText(ingestedAtUs)}"` +
    `,"${META.schemaId}":${JSON.stringify(table.schemaId)}}\n`;
  return (change) => {
    if (hasHalfCharacter(change.row))
      return { kind: 'refused', reason: 'a text holds half of a UTF-16 surrogate pair' };
    const line = `{${rowMembers(read, change)}${metaMembers(change)}${ending}`;
    if (line.length * 3 > MAX_LINE_BYTES && Buffer.byteLength(line) > MAX_LINE_BYTES)
      return { kind: 'refused', reason: `the row takes more than ${MAX_LINE_BYTES} bytes as JSON` };
    return { kind: 'line', line };
  };
}

function rowMembers(read: ReadRow, row: ChangeRow): string {
  let members = '';
  const inexact = read(row, (name, written) => {
    members += `"${name}":${written},`;
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
