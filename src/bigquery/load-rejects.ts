import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { InvariantBroken } from '../errors/error.ts';
import { timestampText } from './bigquery-dialect.ts';
import { type RefusedRow, rejectOf } from './commit-script.ts';
import type { BigQueryContext } from './context.ts';
import { jobId, type LoadPlan } from './load-plan.ts';
import { OWN } from './metadata.ts';
import { runJob } from './run-job.ts';

const compress = promisify(gzip);

/** About 500 bytes each, of the four megabytes that are kept for the data of a statement. */
const MAX_DATA_ROWS = 400;

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
  if (refused.length <= MAX_DATA_ROWS) return refused;
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

const rejectLine = (row: RefusedRow, atUs: number): string =>
  `${JSON.stringify({ ...rejectOf(row), rejected_at: timestampText(atUs) })}\n`;
