import type { EncodedRowCursor, RowChange } from '../../src/binlog/event.ts';
import type { JsonBytes } from '../../src/binlog/json-bytes.ts';
import type { RowValues } from '../../src/change/column-value.ts';
import type { EncodedImage } from '../../src/change/encoded-row.ts';
import type { TableSchema } from '../../src/change/table.ts';
import { encodeKey, encodeRow } from './row-json.ts';

/** Rows that exist as values only, in the form a log's decoder gives them for the topics. */
export function encodedRows(
  schema: TableSchema,
  changes: readonly RowChange[],
  out: JsonBytes,
): EncodedRowCursor {
  let next = 0;
  const cursor = {
    before: undefined as EncodedImage | undefined,
    after: undefined as EncodedImage | undefined,
    get bytes() {
      return out.bytes;
    },
    next: () => {
      const change = changes[next];
      if (!change) return false;
      next += 1;
      out.clear();
      cursor.before = change.before && image(schema, change.before, out);
      cursor.after = change.after && image(schema, change.after, out);
      return true;
    },
  };
  return cursor;
}

function image(schema: TableSchema, values: RowValues, out: JsonBytes): EncodedImage {
  const start = out.at;
  append(out, encodeRow(schema, values));
  const end = out.at;
  const key = encodeKey(schema, values);
  if (key === null) return { start, end, keyStart: -1, keyEnd: -1 };
  append(out, key);
  return { start, end, keyStart: end, keyEnd: out.at };
}

function append(out: JsonBytes, json: string): void {
  const bytes = Buffer.from(json);
  out.ensure(bytes.length);
  out.raw(bytes);
}
