import type { Checkpoint } from '../change/checkpoint.ts';
import type { Cut, StoppedTable } from './destination.ts';

/** What the sink's loop tells its surroundings after every commit and every idle wait. Counters count since the start of this attempt. JSON-plain. */
export interface SinkSessionProgress {
  readonly rows: number;
  /** `database.table` → rows committed to the warehouse. */
  readonly rowsByTable: Readonly<Record<string, number>>;
  readonly commits: number;
  /** Up to here the warehouse shows everything. */
  readonly cut: Cut | undefined;
  /** The newest position seen in the topics; the sink's lag is the way from `cut` to here. */
  readonly checkpoint: Checkpoint | undefined;
  readonly lastCommit: { readonly rows: number; readonly durationMs: number } | undefined;
  readonly caughtUp: boolean;
  /** While a round is read: records, markers included, between what is committed and its end. */
  readonly recordsLeft: number;
  /** Tables that stand still while the others go on. */
  readonly stopped: readonly Pick<StoppedTable, 'table' | 'code' | 'reason' | 'position'>[];
}
