/** `projects/…/datasets/…/tables/…/streams/…`, as BigQuery gave it. */
export type StreamName = string;

/** A table of the project. */
export interface StreamTable {
  readonly dataset: string;
  readonly table: string;
}

/** Rows on their way into a stream, and the offset of the first of them. */
export interface Append {
  readonly offset: number;
  readonly rows: readonly Uint8Array[];
}

/**
 * What became of a request to commit streams. `unknown` says that BigQuery has no such finalized
 * stream, or no such table: the rows were committed long ago, or have expired without.
 */
export type StreamCommit = 'committed' | 'unknown';

/**
 * Port: the part of the Storage Write API that the destination uses. Streams are of type PENDING:
 * their rows are stored and show nowhere until the streams are committed, and expire a day later
 * otherwise. Nothing is retried behind it.
 *
 * Every method throws a `SluiceError` of the catalogue's `bigquery.*` codes.
 */
export interface WriteStreams {
  create(table: StreamTable): Promise<StreamName>;
  /**
   * Sends requests one after another, each when the one before is stored.
   * @param descriptor  `DescriptorProto` of the rows
   */
  append(stream: StreamName, descriptor: Uint8Array, requests: Iterable<Append>): Promise<void>;
  /** Takes no more rows; returns how many there are. */
  finalize(stream: StreamName): Promise<number>;
  /** All of them or none. A commit that was made before is one. */
  commit(table: StreamTable, streams: readonly StreamName[]): Promise<StreamCommit>;
  close(): Promise<void>;
}
