import type { GtidSetText } from '../change/gtid.ts';
import type { TableComments, TableId, TableSchema } from '../change/table.ts';
import type { ErrorCode } from '../errors/catalogue.ts';
import type { CascadingKey } from './cascades.ts';

/** A place in the log files of one server. */
export interface BinlogEnd {
  readonly file: string;
  readonly pos: number;
}

/** What the server says of its own history, read in one go. */
export interface ServerHistory {
  readonly serverUuid: string;
  readonly version: string;
  readonly gtidExecuted: GtidSetText;
  readonly gtidPurged: GtidSetText;
  readonly binlogEnd: BinlogEnd;
  readonly oldestFile: string;
  /** Names of databases and tables are compared without letter case: `lower_case_table_names` is 1 or 2. */
  readonly ignoresNameCase: boolean;
}

/** A captured table as information_schema describes it now. */
export interface SourceTable {
  readonly schema: TableSchema;
  readonly comments: TableComments;
  /** Column name → COLUMN_TYPE with its charset, as `varchar(20) charset utf8mb4`. */
  readonly columnTypes?: ReadonlyMap<string, string>;
  /** Column name → EXTRA of information_schema: `auto_increment`, `VIRTUAL GENERATED`, … */
  readonly columnExtras?: ReadonlyMap<string, string>;
  /** Of columns that name no charset. */
  readonly defaultCharset?: string;
  /** From the server's statistics; may be far off. */
  readonly estimatedRows: number;
}

/** What the account sees of one table. */
export type Sight =
  | { readonly kind: 'readable'; readonly table: SourceTable }
  /** It is there, and cannot be captured. */
  | { readonly kind: 'unreadable'; readonly code: ErrorCode; readonly reason: string }
  /** It may be there; the account may not read it. */
  | { readonly kind: 'hidden' }
  /** It is not there: the account would see it. */
  | { readonly kind: 'gone' };

/** Port: the source server, as capture needs it. Implemented in src/mysql. */
export interface SourceServer {
  history(): Promise<ServerHistory>;
  /**
   * Waits until the server has executed the set, at most `timeoutMs`. The log shows a transaction
   * before `gtid_executed` does, so a position read from it may be ahead for a moment.
   */
  waitForExecuted(gtidSet: GtidSetText, timeoutMs: number): Promise<void>;
  /** Everything the server has executed by now. */
  executed(): Promise<GtidSetText>;
  /** Base tables that match the include and exclude patterns and that the account knows of, sorted by name. */
  capturedTables(): Promise<readonly { readonly id: TableId; readonly sight: Sight }[]>;
  /** Foreign keys that change rows without an event in the log; none on servers that log it. */
  cascadingKeys(): Promise<readonly CascadingKey[]>;
  /** One base table as it is now. */
  look(id: TableId): Promise<Sight>;
  /**
   * Dumps the log from behind a GTID set.
   * @throws {SluiceError} `binlog.purged`, `binlog.diverged` or a connection code
   */
  openStream(after: GtidSetText, signal: AbortSignal): Promise<EventStream>;
  close(): Promise<void>;
}

/** Where an event lies. The object serves for the next event too; the bytes stay as they are. */
export interface EventBytes {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/**
 * The events of one dump, in log order. A slow reader stops the socket at a bounded number of
 * bytes; a silent server is noticed by the missing heartbeat and rejects `read`.
 */
export interface EventStream extends AsyncDisposable {
  /**
   * Whole events (header, body, checksum; no packet framing), none when one has come in part only.
   * They are cut from what has arrived as they are asked for: walk them once, to the end, before the
   * next call. Never called again before it has settled.
   */
  read(): Promise<Iterable<EventBytes>>;
}
