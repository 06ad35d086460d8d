import type { Clock } from '../sink/clock.ts';
import type { SinkKillPoint } from '../sink/kill-points.ts';
import type { FoldingPolicy } from './compaction.ts';
import type { BigQueryService, QueryJob } from './job.ts';
import type { OnRefusedRow } from './load-file.ts';
import type { JobNames, LoadPlans } from './load-plan.ts';
import type { BigQueryLayout } from './names.ts';
import type { TableSettings } from './table-plan.ts';
import type { WriteStreams } from './write-streams.ts';

/** How rows get into changelogs: load jobs, which are free, or streams, which take seconds. */
export type WritePath = 'load-jobs' | 'storage-write';

/** What every step on a warehouse needs, and how its owner wants it. */
export interface BigQueryContext extends JobNames {
  readonly service: BigQueryService;
  readonly layout: BigQueryLayout;
  readonly prefix: string;
  readonly tables: TableSettings;
  readonly plans: LoadPlans;
  readonly writePath: WritePath;
  /** Also of a sink that loads: a plan it finds may have its rows in streams. */
  readonly streams: WriteStreams;
  readonly folding?: FoldingPolicy;
  readonly compactionPriority: QueryJob['priority'];
  readonly onRefusedRow: OnRefusedRow;
  /** Called with every commit that puts rows on record instead. */
  readonly onRefused: (rows: number) => void;
  /** While only the position moves, it is committed this often: a quiet pipeline costs next to nothing. */
  readonly quietCommitMs: number;
  readonly reach: (point: SinkKillPoint) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Jobs or streams under way at once; each holds the rows of a table in memory. */
export const CONCURRENT_JOBS = 4;
