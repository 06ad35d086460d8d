import type { Checkpoint } from '../change/checkpoint.ts';

/** Set algebra the verdict needs, over canonical GTID set texts. */
export interface GtidAlgebra {
  isSubset(inner: string, outer: string): boolean;
  subtract(from: string, what: string): string;
}

export interface ServerSpan {
  readonly serverUuid: string;
  readonly gtidExecuted: string;
  readonly gtidPurged: string;
}

export type HistoryVerdict =
  | { readonly kind: 'resume' }
  /** Transactions needed next are no longer in any binlog of the server. */
  | { readonly kind: 'purged'; readonly missing: string }
  /** Transactions already captured are unknown to the server. */
  | { readonly kind: 'diverged'; readonly unknown: string };

/**
 * May the stream go on behind this checkpoint on this server? Only if
 * `gtid_purged ⊆ position ⊆ gtid_executed`. The dump protocol itself refuses the second case for
 * the server's own uuid only, so it is asked here for all.
 *
 * Another server uuid alone is no verdict: after a failover the GTID sets decide.
 */
export function judgeHistory(
  checkpoint: Pick<Checkpoint, 'gtidSet'>,
  server: ServerSpan,
  algebra: GtidAlgebra,
): HistoryVerdict {
  if (!algebra.isSubset(checkpoint.gtidSet, server.gtidExecuted))
    return {
      kind: 'diverged',
      unknown: algebra.subtract(checkpoint.gtidSet, server.gtidExecuted),
    };
  if (!algebra.isSubset(server.gtidPurged, checkpoint.gtidSet))
    return { kind: 'purged', missing: algebra.subtract(server.gtidPurged, checkpoint.gtidSet) };
  return { kind: 'resume' };
}
