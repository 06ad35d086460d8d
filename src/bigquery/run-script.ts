import { randomUUID } from 'node:crypto';
import type { BigQueryContext } from './context.ts';
import type { JobId } from './job.ts';
import { runJob } from './run-job.ts';

/** BigQuery takes a megabyte; a name or a literal may have several bytes a character. */
const MAX_SCRIPT_CHARACTERS = 250_000;

/** Statements that may be run twice, so that the ids of their jobs say nothing; in order. */
export async function runScript(
  context: BigQueryContext,
  statements: readonly string[],
  doing: string,
): Promise<void> {
  for (const part of parts(statements)) {
    const sql = part.length === 1 ? part.join('') : part.map((s) => `${s};`).join('\n');
    await runStatement(context, `sluice-${randomUUID()}`, sql, doing);
  }
}

/** As few scripts as can be sent; a statement that is too long by itself is one, for BigQuery to judge. */
function parts(statements: readonly string[]): readonly (readonly string[])[] {
  const scripts: string[][] = [];
  let room = 0;
  for (const statement of statements) {
    if (statement.length > room) {
      scripts.push([]);
      room = MAX_SCRIPT_CHARACTERS;
    }
    scripts.at(-1)?.push(statement);
    room -= statement.length;
  }
  return scripts;
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
