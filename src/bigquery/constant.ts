import type { Column } from '../change/table.ts';
import { text } from './bigquery-dialect.ts';
import { columnForm } from './column-type.ts';
import { unquoted } from './row-values.ts';

/** A value in the JSON of a row as an expression; `undefined` where its type has no constants, or not this one. */
export function constantExpression({ type }: Column, json: string): string | undefined {
  const form = columnForm(type);
  const written = json === 'null' ? undefined : form.write(json);
  if (written === undefined) return undefined;
  if (form.type.includes('<')) return undefined;
  if (form.type === 'JSON') return `PARSE_JSON(${text(written)}, wide_number_mode=>'round')`;
  const value = text(unquoted(written));
  return form.type === 'BYTES' ? `FROM_BASE64(${value})` : value;
}
