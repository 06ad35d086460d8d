import type { LiveDelete } from '../sink/control-effects.ts';
import type { Cut } from '../sink/destination.ts';
import type { Dialect } from './dialect.ts';
import { massDelete } from './fold-plan.ts';
import { META, type StoredTable } from './stored-table.ts';

/**
 * The statement that carries out the delete of a truncate or sweep.
 *
 * @param cut  the cut that is published with it
 */
export function liveDeleteStatement(
  dialect: Dialect,
  table: StoredTable,
  what: LiveDelete,
  cut: Cut,
  ingestedAtUs: number,
): string {
  return massDelete(dialect, table, {
    seq: what.seq,
    olderThan: what.olderThan,
    committedAt: committedAtOf(dialect, table, what, cut),
    ingestedAt: dialect.timestamp(ingestedAtUs),
  });
}

/**
 * A record without a commit time takes that of the table's first change after it, or of the cut when
 * there is none: times stay in the order of sequences.
 */
function committedAtOf(
  dialect: Dialect,
  table: StoredTable,
  { committedAtUs, seq }: LiveDelete,
  cut: Cut,
): string {
  if (committedAtUs !== undefined) return dialect.timestamp(committedAtUs);
  const since = dialect.committedSince('c', table.watermarkAtUs);
  const next =
    `SELECT MIN(c.${META.committedAt}) FROM ${dialect.changes(table)} AS c` +
    ` WHERE c.${META.seq} > ${dialect.sequence(seq)}${since}`;
  return `COALESCE((${next}), ${dialect.timestamp(cut.committedAtUs)})`;
}
