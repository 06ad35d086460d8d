import type { EncodedRow } from '../change/encoded-row.ts';
import type { GtidSetText } from '../change/gtid.ts';
import type { TableId, TableName, TableSchema } from '../change/table.ts';

export interface ChunkRequest {
  readonly table: TableId;
  /** Key of the last row of the chunk before, as `Chunk.lastKey` gave it; absent for the first chunk. */
  readonly after?: readonly string[];
  readonly maxRows: number;
  readonly maxBytes: number;
  /** Everything already taken off the stream: the SELECT must see it (design 8). */
  readonly barrier: GtidSetText;
}

/** Rows that lie in a buffer of their reader as JSON bytes. */
export interface ChunkRows {
  readonly length: number;
  /** Row `index` as its `after`; one object serves all calls and holds until the next. */
  at(index: number): EncodedRow;
}

/** The rows belong to the reader: they hold until its next `readChunk`. All else is the caller's. */
export interface Chunk {
  /** The schema the rows were read with, from information_schema, canonical as TABLE_MAP gives it. */
  readonly schema: TableSchema;
  /** In key order, encoded as the log's rows are. */
  readonly rows: ChunkRows;
  /** Key of the last row as SQL literals, in key order: safe to store and to paste into a WHERE. Absent when `rows` is empty. */
  readonly lastKey?: readonly string[];
  /** No row is left behind this chunk. */
  readonly complete: boolean;
  /** What the server had executed after the SELECT: whatever the rows show is in it. */
  readonly high: GtidSetText;
  /** What of it was in no file of the log any more, so that a stream that has not read it never will. */
  readonly purged: GtidSetText;
}

/** Port: reads tables in key order on the server that is streamed. Implemented in src/mysql. */
export interface ChunkReader {
  /**
   * Begins when the chunk before is done with: one at a time.
   * @throws {SluiceError} `snapshot.table-gone` when the table no longer exists; `snapshot.barrier-timeout`
   */
  readChunk(request: ChunkRequest, signal: AbortSignal): Promise<Chunk>;
  /** The table's definition may have changed: look it up again before the next chunk. */
  forget(table: TableName): void;
  close(): Promise<void>;
}
