import { isStatementRefused } from './bigquery-error.ts';
import type { BigQueryContext } from './context.ts';
import { runScript } from './run-script.ts';

/**
 * Drops what is the sink's own. One that BigQuery does not drop is something else of that name, a
 * table where a view is meant, and stays.
 */
export async function takeAway(
  context: BigQueryContext,
  drops: readonly string[],
  doing: string,
): Promise<void> {
  try {
    await runScript(context, drops, doing);
  } catch (error) {
    if (!isStatementRefused(error)) throw error;
    if (drops.length > 1) for (const drop of drops) await takeAway(context, [drop], doing);
  }
}
