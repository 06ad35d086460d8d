import { JsonBytes } from '../../src/binlog/json-bytes.ts';
import type { RowValues } from '../../src/change/column-value.ts';
import type { EncodedImage, EncodedRow } from '../../src/change/encoded-row.ts';
import type { TableSchema } from '../../src/change/table.ts';
import type { ChunkRows } from '../../src/snapshot/chunk-reader.ts';
import { encodedRows } from './encoded-rows.ts';

/** Rows that exist as values only, in the form a chunk reader gives them. */
export function chunkRows(schema: TableSchema, rows: readonly RowValues[]): ChunkRows {
  const out = new JsonBytes();
  return {
    length: rows.length,
    at: (index) => {
      const after = rows[index];
      if (!after) throw new Error(`a chunk of ${rows.length} rows has no row ${index}`);
      const cursor = encodedRows(schema, [{ before: undefined, after }], out);
      cursor.next();
      return cursor;
    },
  };
}

/** A row's key and its image, as texts. */
export interface RowText {
  readonly key: string;
  readonly row: string;
}

export function rowText({ bytes, after }: EncodedRow): RowText {
  const { start, end, keyStart, keyEnd }: EncodedImage = after!;
  return {
    key: keyStart < 0 ? '' : bytes.toString('utf8', keyStart, keyEnd),
    row: bytes.toString('utf8', start, end),
  };
}

/** Read at once: the reader's next chunk takes their place. */
export function rowTexts(rows: ChunkRows): readonly RowText[] {
  return Array.from({ length: rows.length }, (_, index) => rowText(rows.at(index)));
}
