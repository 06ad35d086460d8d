import type { DuckDBConnection } from '@duckdb/node-api';

const INTERRUPT_INTERVAL_MS = 20;

/**
 * Work of a connection that DuckDB ends soon, with an error, once a signal aborts. An interrupt that
 * falls between two statements is lost, so it comes again until the work has ended.
 */
export async function interruptible<Result>(
  connection: Pick<DuckDBConnection, 'interrupt'>,
  end: AbortSignal,
  work: () => Promise<Result>,
): Promise<Result> {
  const insist = setInterval(() => {
    if (end.aborted) connection.interrupt();
  }, INTERRUPT_INTERVAL_MS);
  try {
    return await work();
  } finally {
    clearInterval(insist);
  }
}
