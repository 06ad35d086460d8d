import { inLanes } from '../async/lanes.ts';
import type { LiveDelete } from '../sink/control-effects.ts';
import { liveDeleteStatement } from '../view/live-delete.ts';
import { bigQueryDialect } from './bigquery-dialect.ts';
import { type BigQueryContext, CONCURRENT_JOBS } from './context.ts';
import { jobId, type LoadPlan } from './load-plan.ts';
import type { StoredState } from './metadata.ts';
import { runJob } from './run-job.ts';
import { paced } from './run-script.ts';

/**
 * The most that the deletes in the commit of an earlier version's plan may be: a transaction changes
 * 100 tables, a statement has a megabyte
 * (https://cloud.google.com/bigquery/quotas#query_jobs).
 */
const MAX_TABLES_IN_COMMIT = 100;
const MAX_BYTES_IN_COMMIT = 1_048_576;

/** The deletes that a commit begins with, as statements, and those that are written before it. */
export interface MassDeletes {
  readonly inCommit: readonly string[];
  readonly before: readonly MassDeleteJob[];
}

interface MassDeleteJob {
  readonly what: LiveDelete;
  readonly sql: string;
}

/**
 * How the deletes of a cut are made: each by a job of its own, before the commit, so that a commit
 * is as large as any other however many tables are emptied at once.
 *
 * A plan of an earlier version has them in its commit. That one may be under way, and with it their
 * only way in; unless it is so large that BigQuery cannot have taken it.
 *
 * @param deletes  of tables that are there, in sequence order
 */
export function massDeletes(
  { layout }: Pick<BigQueryContext, 'layout'>,
  { tables }: Pick<StoredState, 'tables'>,
  { cut, ingestedAtUs, deletesFirst }: LoadPlan,
  deletes: readonly LiveDelete[],
): MassDeletes {
  const dialect = bigQueryDialect(layout);
  const jobs = deletes.flatMap((what): readonly MassDeleteJob[] => {
    const table = tables.get(what.table)?.table;
    if (!table || !cut) return [];
    return [{ what, sql: liveDeleteStatement(dialect, table, what, cut, ingestedAtUs) }];
  });
  const names = new Set(jobs.map(({ what }) => what.table));
  const bytes = jobs.reduce((sum, { sql }) => sum + Buffer.byteLength(sql), 0);
  const isSmall = names.size <= MAX_TABLES_IN_COMMIT && bytes <= MAX_BYTES_IN_COMMIT;
  return deletesFirst !== true && isSmall
    ? { inCommit: jobs.map(({ sql }) => sql), before: [] }
    : { inCommit: [], before: jobs };
}

/**
 * Writes the deletes of a planned commit into the changelogs, under ids made from the plan: each
 * once, however often this is called. No view shows them before the cut that they belong to. Those
 * of one table are made one after another, since each ends the rows that the one before has left.
 */
export async function writeDeletes(
  context: BigQueryContext,
  plan: LoadPlan,
  jobs: MassDeletes['before'],
): Promise<void> {
  const ofTables = Map.groupBy(jobs, ({ what }) => what.table);
  await inLanes(CONCURRENT_JOBS, [...ofTables.values()], async (ofTable) => {
    for (const job of ofTable) await writeDelete(context, plan, job);
  });
}

async function writeDelete(
  context: BigQueryContext,
  plan: LoadPlan,
  { what: { table, seq, olderThan }, sql }: MassDeleteJob,
): Promise<void> {
  const id = jobId(context, plan, `delete-${table}-${seq}-${olderThan ?? ''}`);
  const job = { kind: 'query', sql, priority: 'INTERACTIVE' } as const;
  const { service, signal, reach } = context;
  await paced(context, () => runJob(service, id, job, `deleting rows of ${table}`, signal));
  reach('sinkDeletesWritten');
}
