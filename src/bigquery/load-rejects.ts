import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { InvariantBroken } from '../errors/error.ts';
import { timestampText } from './bigquery-dialect.ts';
import type { RefusedRow } from './commit-script.ts';
import type { BigQueryContext } from './context.ts';
import { jobId, type LoadPlan } from './load-plan.ts';
import { OWN } from './metadata.ts';
import { runJob } from './run-job.ts';

const compress = promisify(gzip);

/** About 500 bytes each, of the megabyte that a statement may have. */
const MAX_LITERAL_ROWS = 400;

/**
 * Puts refused rows on record that are too many for the statement of the commit, by a load job of
 * the plan: once, however often this is called. They may show a moment before the commit that
 * leaves them out.
 *
 * @returns the rows that the commit has to put on record itself
 */
export async function loadRejects(
  context: BigQueryContext,
  plan: LoadPlan,
  refused: readonly RefusedRow[],
): Promise<readonly RefusedRow[]> {
  if (refused.length <= MAX_LITERAL_ROWS) return refused;
  const { service, layout, signal } = context;
  const lines = refused.map((row) => rejectLine(row, plan.ingestedAtUs));
  const file = await compress(Buffer.from(lines.join('')));
  const id = jobId(context, plan, 'rejects');
  const job = { kind: 'load', dataset: layout.internal, table: OWN.rejects, file } as const;
  const done = await runJob(service, id, job, 'loading refused rows', signal);
  if (done.rows < refused.length)
    throw new InvariantBroken(`job ${id} put ${done.rows} rows on record of ${refused.length}`);
  return [];
}

function rejectLine(row: RefusedRow, atUs: number): string {
  const { table, topic, partition, offset, seq, op, position, schemaId, reason } = row;
  const record = {
    table_name: table,
    topic,
    topic_partition: partition,
    topic_offset: offset,
    seq,
    op,
    position,
    schema_id: schemaId,
    reason,
    rejected_at: timestampText(atUs),
  };
  return `${JSON.stringify(record)}\n`;
}
