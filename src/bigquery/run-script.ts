import { randomUUID } from 'node:crypto';
import { SluiceError } from '../errors/error.ts';
import type { BigQueryContext } from './context.ts';
import type { JobId } from './job.ts';
import { runJob } from './run-job.ts';
import { inParts, type Statement } from './statement.ts';

/** BigQuery takes a megabyte; a name or a literal may have several bytes a character. */
const MAX_SCRIPT_CHARACTERS = 250_000;

/** Over which BigQuery counts changes of a table: five of its metadata, 25 of its rows. */
const RATE_WINDOW_MS = 10_000;
/** Then whoever uses the table beside the sink is named by the error. */
const MAX_RATE_WAITS = 6;

/** Statements that may be run twice, so that the ids of their jobs say nothing; in order. */
export async function runScript(
  context: BigQueryContext,
  statements: readonly string[],
  doing: string,
): Promise<void> {
  // A statement that is too long by itself is for BigQuery to judge.
  for (const part of inParts(statements, ({ length }) => length, MAX_SCRIPT_CHARACTERS)) {
    const sql = part.length === 1 ? part.join('') : part.map((s) => `${s};`).join('\n');
    await runRepeatable(context, { sql }, doing);
  }
}

/** A statement that may be run twice. */
export const runRepeatable = (
  context: BigQueryContext,
  statement: Statement,
  doing: string,
): Promise<void> => runStatement(context, `sluice-${randomUUID()}`, statement, doing);

/** A script whose id makes it take effect once, and that reads no row of the source. */
export async function runStatement(
  context: BigQueryContext,
  id: JobId,
  statement: Statement,
  doing: string,
): Promise<void> {
  const { service, signal } = context;
  const job = { kind: 'query', ...statement, priority: 'INTERACTIVE', quotable: true } as const;
  await paced(context, () => runJob(service, id, job, doing, signal));
}

/**
 * Work on a table again, as long as BigQuery fails a job because the table was changed too often a
 * moment ago. Too many requests are another matter: they are for a new attempt, later.
 */
export async function paced<Done>(
  { clock, signal }: Pick<BigQueryContext, 'clock' | 'signal'>,
  work: () => Promise<Done>,
): Promise<Done> {
  for (let waits = 0; ; waits += 1)
    try {
      return await work();
    } catch (error) {
      const isRate =
        error instanceof SluiceError &&
        error.code === 'bigquery.rate-limited' &&
        error.facts['job'] !== undefined;
      if (!isRate || waits === MAX_RATE_WAITS) throw error;
      await clock.sleep(RATE_WINDOW_MS, signal);
      signal.throwIfAborted();
    }
}
