import type { Gtid, GtidSetText } from './gtid.ts';
import type { Sequence } from './sequence.ts';
import type { TableName } from './table.ts';

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

/**
 * What snapshots still have to do, table by table in the order they will be read; its own record
 * beside the checkpoint. Finished tables leave the plan; an empty plan means no snapshot runs.
 * JSON-plain.
 */
export interface SnapshotPlan {
  readonly v: 1;
  readonly tables: readonly SnapshotTable[];
  /** Tables and rows finished since the plan was last empty, for progress. */
  readonly finishedTables: number;
  readonly finishedRows: number;
  /** Every request that is under way, and the latest that are finished: those no table names any more. */
  readonly requests: readonly SnapshotTally[];
}

/** What has been read for one request so far. */
export interface SnapshotTally {
  readonly snapshotId: string;
  readonly tables: number;
  readonly rows: number;
}

export interface SnapshotTable {
  readonly table: TableName;
  /** The request this table is read for; several may be under way at once. */
  readonly snapshotId: string;
  /** Earlier requests that the same reading answers. */
  readonly alsoFor?: readonly string[];
  /** `sweep` also deletes live keys that neither the snapshot nor the stream has seen since it began. */
  readonly mode: 'initial' | 'requested' | 'sweep';
  /** Sequence at which this table's snapshot was asked for: a live key older than this is swept. */
  readonly beganAt: Sequence;
  readonly startedAtMs: number;
  /** Key of the last emitted row as SQL literals (see snapshot/chunk-reader.ts); absent before the first chunk. */
  readonly cursor?: readonly string[];
  readonly rows: number;
  /** From the server's statistics, for progress only. */
  readonly estimatedRows: number;
}
