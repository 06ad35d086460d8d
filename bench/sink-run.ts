import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { queryWarehouse } from '../src/duckdb/query-client.ts';
import { connectClient } from '../src/temporal/connection.ts';
import type { Bout } from './compare.ts';
import type { Contender, Job } from './contender.ts';
import { invalid } from './delivery-run.ts';
import type { Run } from './results.ts';
import { SINK } from './sluice.ts';
import type { RunTopics } from './topics.ts';

const POLL_MS = 250;
const WITHIN_MS = 600_000;

/**
 * Fills the topics with the sink paused, then lets it go: from the first row in the warehouse to
 * the last one. Asked through the worker, as a user would ask.
 */
export async function sinkRun(
  bout: Bout,
  contender: Contender,
  job: Job,
  topics: RunTopics,
): Promise<Run> {
  const { place, workload, database } = bout;
  const file = join(place.programs, job.prefix, job.warehouse ?? '');
  const count = async (): Promise<number> => {
    const sql = `SELECT count(*) FROM "${database}"."orders__changes"`;
    const answer = await queryWarehouse(file, { sql, limit: 1 }).catch(() => undefined);
    return Number(answer?.rows[0]?.[0] ?? 0);
  };
  await using program = await contender.start(job);
  await signalSink(bout, job, 'pause');
  const deadlineMs = Date.now() + WITHIN_MS;
  while ((await topics.committedOffsets().catch(() => 0)) < workload.records) {
    if (Date.now() > deadlineMs) return invalid('the topics did not fill');
    await sleep(POLL_MS, undefined, { signal: place.signal });
  }
  await sleep(2_000, undefined, { signal: place.signal });
  const before = await count();
  const cpuFromMs = Date.now();
  await signalSink(bout, job, 'resume');
  let first: { readonly atMs: number; readonly rows: number } | undefined;
  for (;;) {
    const rows = await count();
    const atMs = Date.now();
    if (!first && rows > before) first = { atMs, rows };
    if (first && rows >= workload.rows) {
      const wrong = await flawInView(bout, file);
      if (wrong !== undefined) return invalid(wrong);
      const moved = rows - first.rows;
      return {
        kind: 'measured',
        figures: {
          rowsPerSecond: (moved * 1_000) / Math.max(1, atMs - first.atMs),
          p50Ms: undefined,
          p99Ms: undefined,
          peakMemoryMb: program.usage.peakMb,
          cpuSecondsPerMillionRows:
            (program.usage.cpuSecondsBetween(cpuFromMs, atMs) * 1_000_000) / (rows - before),
        },
      };
    }
    if (atMs > deadlineMs) return invalid(`${rows} of ${workload.rows} rows reached the warehouse`);
    await sleep(POLL_MS, undefined, { signal: place.signal });
  }
}

async function signalSink(
  { place }: Bout,
  { prefix }: Job,
  command: 'pause' | 'resume',
): Promise<void> {
  const client = await connectClient(place.temporal);
  try {
    for (let attempt = 0; ; attempt++)
      try {
        await client.workflow
          .getHandle(`cdc/${prefix}/sink/${SINK}`)
          .signal(command, { by: 'bench' });
        return;
      } catch (error) {
        // The sink's workflow is started by the pipeline's, a moment after the apply.
        if (attempt >= 100) throw error;
        await sleep(POLL_MS, undefined, { signal: place.signal });
      }
  } finally {
    await client.connection.close();
  }
}

/** The view of current rows against the source, by count and sums. */
async function flawInView({ source, database }: Bout, file: string): Promise<string | undefined> {
  const sums = 'count(*), sum(id), sum(customer_id), sum(amount)';
  const [row] = await source.rows(`SELECT ${sums} FROM \`${database}\`.orders`);
  const expected = Object.values(row ?? {}).map(Number);
  const deadlineMs = Date.now() + 30_000;
  let found: readonly number[] = [];
  // Rows are counted as they come; the view shows whole cuts only.
  while (Date.now() < deadlineMs) {
    const answer = await queryWarehouse(file, {
      sql: `SELECT ${sums} FROM "${database}"."orders"`,
      limit: 1,
    });
    found = (answer.rows[0] ?? []).map(Number);
    if (found.join() === expected.join()) return undefined;
    await sleep(POLL_MS);
  }
  return `the view shows ${found.join(', ')} where the source has ${expected.join(', ')}`;
}
