import type { RowValues } from '../change/column-value.ts';
import type { EncodedRow } from '../change/encoded-row.ts';
import type { Gtid, GtidSetText } from '../change/gtid.ts';
import type { TableId, TableSchema } from '../change/table.ts';
import type { JsonBytes } from './json-bytes.ts';

/** The 19 bytes before every event. */
export interface EventHeader {
  /** Seconds since 1970, when the statement began on the server that first ran it. */
  readonly timestampS: number;
  readonly type: number;
  readonly serverId: number;
  /** Header, body and checksum together. */
  readonly size: number;
  /** Low 32 bits of the offset behind this event in its file; 0 when the server does not say. */
  readonly logPos: number;
  readonly flags: number;
}

/**
 * One entry of the log, decoded as far as its own bytes allow.
 *
 * The events inside a TRANSACTION_PAYLOAD come out one by one like all others; their headers carry
 * logPos 0, but for the last one's: that is behind the payload.
 */
export type BinlogEvent = { readonly header: EventHeader } & BinlogEventBody;

/**
 * A compressed transaction. It is inflated and decoded step by step, as that is asked for: walk every
 * step to its end before the next.
 */
export interface CompressedTransaction {
  readonly kind: 'compressed';
  readonly steps: Iterable<PayloadStep> | AsyncIterable<PayloadStep>;
}

/** Some of the events of a compressed transaction, perhaps none. */
export interface PayloadStep {
  /** Inflated, of these events or of a part of one. */
  readonly bytes: number;
  /** Each may hold views of bytes that the next one overwrites. */
  readonly events: Iterable<BinlogEvent>;
}

export type BinlogEventBody =
  | {
      readonly kind: 'formatDescription';
      readonly serverVersion: string;
      readonly checksum: 'crc32' | 'none';
    }
  /** `artificial`: sent by the server at connect and before each file, not stored in it. */
  | {
      readonly kind: 'rotate';
      readonly file: string;
      readonly pos: number;
      readonly artificial: boolean;
    }
  | { readonly kind: 'previousGtids'; readonly gtidSet: GtidSetText }
  | {
      readonly kind: 'gtid';
      readonly gtid: Gtid;
      /** Commit time on the server that first ran it, microseconds since 1970; 0 when the event has none. */
      readonly committedAtUs: number;
    }
  /** gtid_mode is not ON. */
  | { readonly kind: 'anonymousGtid' }
  /** The statement BEGIN, half of all statements in a log: one before the rows of each transaction. */
  | { readonly kind: 'begin' }
  | {
      readonly kind: 'query';
      readonly database: string;
      readonly sql: string;
      readonly sqlMode: bigint;
      /** Of the session; there only when the statement names the type TIMESTAMP. */
      readonly explicitDefaultsForTimestamp: boolean | undefined;
      readonly threadId: number;
    }
  | { readonly kind: 'xid' }
  | { readonly kind: 'tableMap'; readonly table: TableMap }
  | RowsEvent
  | { readonly kind: 'rowsQuery'; readonly sql: string }
  /** Of `pos` the low 32 bits only, unless it `isWhole`. */
  | {
      readonly kind: 'heartbeat';
      readonly file: string;
      readonly pos: number;
      readonly isWhole: boolean;
    }
  | { readonly kind: 'incident'; readonly message: string }
  /** An XA transaction is prepared, or, in one phase, committed. */
  | { readonly kind: 'xaPrepare'; readonly onePhase: boolean }
  /** Rows of one table in a form that is not read. */
  | { readonly kind: 'unsupportedRows'; readonly feature: string; readonly table: TableMap }
  /** Understood, and deliberately a stop for the pipeline: row events of MySQL 5.1, MariaDB, … */
  | { readonly kind: 'unsupported'; readonly feature: string }
  /**
   * Carries no change and no position of its own: STOP, TRANSACTION_CONTEXT, ignorable types, and
   * what only prepares a statement that follows (variables, random seeds, the data of LOAD DATA).
   */
  | { readonly kind: 'ignored' };

/** Binds the rows that follow to columns, until the end of the statement. */
export interface TableMap {
  readonly tableId: number;
  readonly id: TableId;
  /**
   * The same object for byte-identical maps, so it can key a cache. `undefined` when the server
   * wrote the map without FULL metadata: such rows can be counted but not named.
   */
  readonly schema: TableSchema | undefined;
}

export interface RowsEvent {
  readonly kind: 'rows';
  readonly op: 'insert' | 'update' | 'delete';
  readonly table: TableMap;
  readonly endOfStatement: boolean;
  /** How many rows the event holds; does not need metadata. */
  count(): number;
  /**
   * The rows in log order, fully decoded and owned by the caller.
   * @throws {SluiceError} `binlog.metadata-missing` | `binlog.truncated` | `binlog.unsupported`
   */
  read(): readonly RowChange[];
  /** Some image lacks columns: binlog_row_image was not FULL. */
  readonly partial: boolean;
  /**
   * The rows in log order as JSON, one at a time: what {@link read} answers, encoded. Uses the
   * bytes of the event, and overwrites `out` with every row.
   * @throws {SluiceError} as `read`, at once or from `next`
   */
  encode(out: JsonBytes): EncodedRowCursor;
}

/** `next` writes the next row over the last one; false behind the last row. */
export interface EncodedRowCursor extends EncodedRow {
  next(): boolean;
}

/** `before` for update and delete, `after` for insert and update. */
export interface RowChange {
  readonly before: RowValues | undefined;
  readonly after: RowValues | undefined;
}
