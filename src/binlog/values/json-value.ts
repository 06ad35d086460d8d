import type { ColumnValue } from '../../change/column-value.ts';
import { InvariantBroken } from '../../errors/error.ts';
import type { JsonBytes } from '../json-bytes.ts';

/** Any value of a column as JSON: what a kind without a writer of its own does. Makes room itself. */
export function writeValue(out: JsonBytes, value: ColumnValue): void {
  if (typeof value === 'string') out.string(value);
  else if (typeof value === 'number') out.number(value);
  else if (value === undefined) throw new InvariantBroken('a decoded column has no value');
  else if (value === null || typeof value !== 'object') out.ascii(String(value));
  else if ('wkb' in value) writeGeometry(out, value);
  else writeNumbers(out, value);
}

function writeGeometry(
  out: JsonBytes,
  { srid, wkb }: { readonly srid: number; readonly wkb: string },
): void {
  out.ascii('{"srid":');
  out.number(srid);
  out.ascii(',"wkb":');
  out.string(wkb);
  out.ascii('}');
}

const LONGEST_NUMBER = 26;

function writeNumbers(out: JsonBytes, values: readonly number[]): void {
  out.ensure(values.length * LONGEST_NUMBER + 2 + out.reserved);
  out.ascii('[');
  values.forEach((value, index) => {
    if (index > 0) out.ascii(',');
    out.number(value);
  });
  out.ascii(']');
}
