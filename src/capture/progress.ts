import type { Checkpoint, SnapshotTally } from '../change/checkpoint.ts';

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
      /** The latest snapshots that are finished; a crash may have kept their own notices. */
      readonly finished: readonly SnapshotTally[];
    }
  | ({ readonly kind: 'snapshotFinished' } & SnapshotTally);
