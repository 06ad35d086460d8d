import { randomUUID } from 'node:crypto';
import type { BigQueryContext } from './context.ts';
import type { JobId } from './job.ts';
import { runJob } from './run-job.ts';

/** Statements that may be run twice, so that the id of their job says nothing. */
export async function runScript(
  context: BigQueryContext,
  statements: readonly string[],
  doing: string,
): Promise<void> {
  const sql =
    statements.length === 1 ? (statements[0] ?? '') : statements.map((s) => `${s};`).join('\n');
  await runStatement(context, `sluice-${randomUUID()}`, sql, doing);
}

/** A script whose id makes it take effect once. */
export async function runStatement(
  { service, signal }: BigQueryContext,
  id: JobId,
  sql: string,
  doing: string,
): Promise<void> {
  await runJob(service, id, { kind: 'query', sql, priority: 'INTERACTIVE' }, doing, signal);
}
