import type { Json, Refusal } from './answer.ts';
import { type Field, isRequired, nameOf } from './table-schemas.ts';

/** What BigQuery takes of a row in JSON. */
const MAX_ROW_BYTES = 100_000_000;
const NEWLINE = 0x0a;

/**
 * Why a load of these lines fails as a whole, beside values that their types do not hold, which the
 * emulator finds itself: a field that the table does not have, a required one that is missing, a row
 * that is too large. BigQuery takes a name in any letter case; the emulator drops such a field, so
 * here it is one that the table does not have.
 */
export function refusedLines(lines: Buffer, fields: readonly Field[]): Refusal | undefined {
  const columns = columnsOf(fields);
  for (let start = 0; start < lines.length; ) {
    const next = lines.indexOf(NEWLINE, start);
    const end = next < 0 ? lines.length : next;
    const fault = rowFault(lines.subarray(start, end), columns);
    if (fault !== undefined)
      return invalid(`JSON parsing error in row starting at position ${start}: ${fault}`);
    start = end + 1;
  }
  return undefined;
}

export function countLines(lines: Buffer): number {
  const text = lines.toString().trimEnd();
  return text === '' ? 0 : text.split('\n').length;
}

interface Columns {
  readonly byName: ReadonlyMap<string, { readonly within: Columns | undefined }>;
  readonly required: readonly string[];
}

function columnsOf(fields: readonly Field[]): Columns {
  return {
    byName: new Map(
      fields.map((field) => [
        nameOf(field),
        { within: field.fields && field.mode !== 'REPEATED' ? columnsOf(field.fields) : undefined },
      ]),
    ),
    required: fields.filter(isRequired).map(nameOf),
  };
}

function rowFault(line: Buffer, columns: Columns): string | undefined {
  if (line.length > MAX_ROW_BYTES) return 'Row size is larger than the maximum allowed size.';
  if (line.length === 0) return undefined;
  try {
    return objectFault(JSON.parse(line.toString()) as Json, columns, '');
  } catch {
    return 'Parser terminated before end of string.';
  }
}

function objectFault(
  object: Json,
  { byName, required }: Columns,
  path: string,
): string | undefined {
  const missing = new Set(required);
  for (const [name, value] of Object.entries(object)) {
    const column = byName.get(name);
    if (!column) return `No such field: ${path}${name}.`;
    if (value !== null) missing.delete(name);
    if (!column.within || typeof value !== 'object' || value === null) continue;
    const fault = objectFault(value as Json, column.within, `${path}${name}.`);
    if (fault !== undefined) return fault;
  }
  const [first] = missing;
  return first === undefined ? undefined : `Missing required field: ${path}${first}.`;
}

/** The message of the job does not say what is wrong; its further errors do. */
const invalid = (fault: string): Refusal => ({
  reason: 'invalid',
  message:
    'Error while reading data, error message: JSON table encountered too many errors, giving up. Rows: 1; errors: 1. Please look into the errors[] collection for more details.',
  details: [`Error while reading data, error message: ${fault}`],
});
