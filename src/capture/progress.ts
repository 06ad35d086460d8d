import type { Checkpoint } from '../change/checkpoint.ts';
import type { TableName } from '../change/table.ts';
import type { TableStop } from '../control/stopped-tables.ts';
import type { SnapshotTally } from '../snapshot/plan.ts';

/** What capture tells its surroundings, a few times a second. Counters count since the start of this attempt. JSON-plain. */
export interface CaptureProgress {
  readonly rows: number;
  readonly transactions: number;
  readonly bytes: number;
  readonly batches: number;
  readonly rowsByTable: Readonly<Record<string, { c: number; u: number; d: number; r: number }>>;
  /** The newest checkpoint that Kafka has acknowledged. */
  readonly checkpoint: Checkpoint | undefined;
  /** Commit time of the newest event read, microseconds since 1970; 0 before the first. */
  readonly newestEventAtUs: number;
  /** The stream has nothing more to read for now. */
  readonly caughtUp: boolean;
  readonly lastBatch:
    | { readonly records: number; readonly bytes: number; readonly publishMs: number }
    | undefined;
  readonly snapshot: SnapshotProgress | undefined;
  /** Tables that have stopped while the others go on, the latest 50. */
  readonly stopped: readonly StoppedTable[];
  /** All of them, listed or not. */
  readonly stoppedCount: number;
}

/** A table of which capture passes nothing on until its cause is gone. JSON-plain, quotes no value. */
export interface StoppedTable extends TableStop {
  readonly sinceMs: number;
}

export interface SnapshotProgress {
  readonly table: string;
  readonly rows: number;
  readonly estimatedRows: number;
  readonly tablesDone: number;
  readonly tablesTotal: number;
  /** Rows of all tables, done and estimated. */
  readonly totalRows: number;
  readonly totalEstimatedRows: number;
}

/** Said once each, after Kafka has acknowledged what it speaks of. */
export type CaptureNotice =
  | {
      readonly kind: 'started';
      readonly epoch: number;
      readonly gtidSet: string;
      /** Of the commands that the attempt began with; all are applied. */
      readonly commandIds: readonly string[];
      /** The latest snapshots that are finished; a crash may have kept their own notices. */
      readonly finished: readonly SnapshotTally[];
      /** As in {@link CaptureProgress.stopped}; a crash may have kept the notices of some. */
      readonly stopped: readonly StoppedTable[];
    }
  /** Commands that came while the stream ran. */
  | {
      readonly kind: 'commandsApplied';
      readonly epoch: number;
      readonly commandIds: readonly string[];
    }
  | ({ readonly kind: 'tableStopped' } & StoppedTable)
  /** Its changes are in its topic again, and a copy brings what was missed; or it is gone, or excluded. */
  | { readonly kind: 'tableReturned'; readonly table: TableName }
  | ({ readonly kind: 'snapshotFinished' } & SnapshotTally);
