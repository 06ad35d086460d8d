import type { Gtid, GtidSetText } from './gtid.ts';

/**
 * The durable position of a pipeline, one record of the positions topic, written in the Kafka
 * transaction of the rows it covers. JSON-plain.
 */
export interface Checkpoint {
  readonly v: 1;
  /** Temporal namespace and workflow id of the pipeline that owns the prefix: `default/cdc/shop`. */
  readonly owner: string;
  readonly epoch: number;
  readonly serverUuid: string;
  /** Every complete transaction up to here. */
  readonly gtidSet: GtidSetText;
  /** Where the next event of the dump starts, informational beside the GTID set. */
  readonly file: string;
  readonly pos: number;
  /** Last complete transaction (or snapshot chunk, truncate, sweep). */
  readonly commitOrdinal: number;
  /** While rows of transaction `commitOrdinal + 1` are out: how many of its rows, captured or not. */
  readonly open?: { readonly gtid: Gtid; readonly rows: number };
  /** Source commit time of `commitOrdinal`, non-decreasing. Microseconds since 1970. */
  readonly committedAtUs: number;
  /** Wall clock of the writer at this record. Milliseconds since 1970. */
  readonly writtenAtMs: number;
  /** Ids of the commands already applied, newest last, at most 32. */
  readonly appliedCommands: readonly string[];
}
