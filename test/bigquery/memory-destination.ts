import { BigQueryDestination } from '../../src/bigquery/bigquery-destination.ts';
import type { BigQueryContext } from '../../src/bigquery/context.ts';
import { loggedPlans } from '../../src/bigquery/load-plan.ts';
import { bigQueryLayout } from '../../src/bigquery/names.ts';
import type { SinkLog } from '../../src/sink/sink-log.ts';
import type { MemoryBigQuery } from './memory-bigquery.ts';
import { MemoryStreams } from './memory-streams.ts';

/** A destination over services in memory, by load jobs, at time 0 and with sleeps that take none. */
export function memoryDestination(
  service: MemoryBigQuery,
  log: SinkLog,
  changed: Partial<BigQueryContext> = {},
): BigQueryDestination {
  return new BigQueryDestination({
    service,
    streams: new MemoryStreams(),
    writePath: 'load-jobs',
    pipeline: 'shop',
    sink: 'bq',
    prefix: 'shop',
    layout: bigQueryLayout('acme', 'sluice_shop', { dataset: '{database}', table: '{table}' }),
    tables: { labels: {} },
    plans: loggedPlans(log),
    compactionPriority: 'INTERACTIVE',
    onRefusedRow: 'stop',
    onRefused: () => {},
    quietCommitMs: 0,
    clock: { nowMs: () => 0, sleep: () => Promise.resolve() },
    reach: () => {},
    signal: new AbortController().signal,
    ...changed,
  });
}
