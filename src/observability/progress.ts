import type { FailureStreak } from '../control/failing.ts';
import type { DurablePosition } from '../control/messages.ts';
import type { StoppedTables } from '../control/stopped-tables.ts';

/**
 * What a running activity tells the main thread, several times a second. Cumulative since the
 * activity started, JSON-plain. A {@link Heartbeat} carries the same, cut down by {@link forHeartbeat}.
 */
export interface PipelineProgress {
  readonly kind: 'pipeline';
  readonly pipeline: string;
  /** `database.table` → rows captured by operation. */
  readonly tables: Readonly<Record<string, OperationCounts>>;
  readonly transactions: number;
  /** Before compression. */
  readonly bytesPublished: number;
  readonly batches: number;
  /** Source commit time of the newest transaction published. Microseconds since 1970; absent before the first. */
  readonly lastCommitUs?: number;
  readonly checkpoint?: DurablePosition;
  /** How far the newest published commit is behind the end of the server's log, by poll. */
  readonly lagMs: number;
  /** Until the oldest binlog still needed is purged by age; absent when the server keeps all. */
  readonly purgeInMs?: number;
  readonly rowsPerSecond: number;
  /** The newest batch, a sample of all: reports come less often than batches. */
  readonly lastBatch?: {
    readonly rows: number;
    readonly bytes: number;
    readonly publishMs: number;
  };
  readonly snapshot?: SnapshotProgress;
  /** Tables that have stopped while the others go on. Absent while there are none. */
  readonly stopped?: StoppedTables;
}

/** Keys as in Debezium's `op`: create, update, delete, read by a snapshot. */
export interface OperationCounts {
  readonly c: number;
  readonly u: number;
  readonly d: number;
  readonly r: number;
}

export interface SnapshotProgress {
  /** Table being read now. */
  readonly table: string;
  /** Of this table. */
  readonly rows: number;
  readonly estimatedRows: number;
  readonly rowsPerSecond: number;
  /** Absent while the rate is unknown. */
  readonly etaSeconds?: number;
  readonly tablesDone: number;
  readonly tablesTotal: number;
}

export interface SinkProgress {
  readonly kind: 'sink';
  readonly pipeline: string;
  readonly sink: string;
  readonly rows: number;
  /** Commit ordinal up to which the warehouse shows everything. */
  readonly cutOrdinal: number;
  /** Source commit time of the cut. Microseconds since 1970; absent before the first cut. */
  readonly cutCommittedAtUs?: number;
  /** The newest commit, a sample of all. */
  readonly lastCommit?: { readonly rows: number; readonly durationMs: number };
  /** Age of the cut against the pipeline's newest commit. */
  readonly lagMs: number;
  /** On the way to its next cut: records between what is committed and the end of the round. */
  readonly recordsLeft?: number;
  /** Rows the warehouse cannot hold, put on record there; since the start of the activity. Absent while there are none. */
  readonly refusedRows?: number;
  /** Tables that have stopped while the others go on. Absent while there are none. */
  readonly stopped?: StoppedTables;
  /** `database.table` → rows applied. */
  readonly tables: Readonly<Record<string, number>>;
}

export type Progress = PipelineProgress | SinkProgress;

/** What a long activity leaves with the server. */
export interface Heartbeat {
  /** The newest; absent before the first. */
  readonly progress?: Progress;
  /** Why the work is being tried again; absent while it goes on. */
  readonly retrying?: string;
  /** The failures that the next attempt goes on counting. */
  readonly streak?: FailureStreak | undefined;
  /** The newest attempt of the activity whose failure is in the streak, or that came before this one. */
  readonly counted?: number;
}

/** Tables a heartbeat names; the others share one entry. */
export const MAX_NAMED_TABLES = 12;
export const OTHER_TABLES = '(other)';

/** Stopped tables a heartbeat names. */
const MAX_NAMED_STOPS = 3;
const MAX_REASON_TEXT = 250;

/** Longest GTID set text a heartbeat carries. */
const MAX_GTID_TEXT = 400;

/** The same progress in about 2 KB: the busiest tables by name, the rest in one sum, the GTID set cut for display. */
export function forHeartbeat<Kind extends Progress>(progress: Kind): Kind;
export function forHeartbeat(progress: Progress): Progress {
  const stopped = progress.stopped && { stopped: newestStops(progress.stopped) };
  if (progress.kind === 'sink')
    return {
      ...progress,
      ...stopped,
      tables: busiest(
        progress.tables,
        (rows) => rows,
        (a, b) => a + b,
      ),
    };
  const { checkpoint } = progress;
  return {
    ...progress,
    ...stopped,
    tables: busiest(progress.tables, rowsIn, addCounts),
    ...(checkpoint && { checkpoint: { ...checkpoint, gtidSet: shortGtidSet(checkpoint.gtidSet) } }),
  };
}

const rowsIn = ({ c, u, d, r }: OperationCounts): number => c + u + d + r;

const addCounts = (a: OperationCounts, b: OperationCounts): OperationCounts => ({
  c: a.c + b.c,
  u: a.u + b.u,
  d: a.d + b.d,
  r: a.r + b.r,
});

function busiest<Counts>(
  tables: Readonly<Record<string, Counts>>,
  weight: (counts: Counts) => number,
  add: (a: Counts, b: Counts) => Counts,
): Readonly<Record<string, Counts>> {
  const ranked = Object.entries(tables).sort(([, a], [, b]) => weight(b) - weight(a));
  const named = Object.fromEntries(ranked.slice(0, MAX_NAMED_TABLES));
  const [first, ...others] = ranked.slice(MAX_NAMED_TABLES).map(([, counts]) => counts);
  return first === undefined ? named : { ...named, [OTHER_TABLES]: others.reduce(add, first) };
}

function newestStops({ count, tables }: StoppedTables): StoppedTables {
  const newest = tables.slice(-MAX_NAMED_STOPS);
  return {
    count,
    tables: newest.map((stop) => ({ ...stop, reason: shortened(stop.reason, MAX_REASON_TEXT) })),
  };
}

const shortGtidSet = (gtidSet: string): string => shortened(gtidSet, MAX_GTID_TEXT);

const shortened = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`;
