import type { Client } from '@temporalio/client';
import { queryWarehouse } from '../src/duckdb/query-client.ts';
import { connectClient } from '../src/temporal/connection.ts';
import { PipelineClient } from '../src/temporal/pipeline-client.ts';
import type { Bout } from './compare.ts';
import type { Contender, Job } from './contender.ts';
import { invalid } from './delivery-run.ts';
import { eventually } from './eventually.ts';
import type { Run } from './results.ts';
import { SINK } from './sluice.ts';
import type { RunTopics } from './topics.ts';
import { warehouseFile, warehouseNumber } from './warehouse.ts';

const PAUSED_WITHIN_MS = 120_000;
const FULL_WITHIN_MS = 300_000;
const LOADED_WITHIN_MS = 600_000;
const EQUAL_WITHIN_MS = 30_000;

/**
 * Fills the topics while the sink is paused, then lets it go: from the first rows in the warehouse
 * to the last ones. Counted through the worker, as a user would ask.
 */
export async function sinkRun(
  bout: Bout,
  contender: Contender,
  job: Job,
  topics: RunTopics,
): Promise<Run> {
  const { place, workload, source } = bout;
  const file = warehouseFile(place, job);
  const client = await connectClient(place.temporal);
  const until = (what: string, withinMs: number, ask: () => Promise<boolean>) =>
    eventually(what, withinMs, ask, place.signal);
  await using program = await contender.start(job);
  try {
    await until('the sink to pause', PAUSED_WITHIN_MS, () => sinkPauses(client, job));
    await source.run(workload.load, place.signal);
    const isFull = async (): Promise<boolean> =>
      (await topics.delivery())?.records === workload.records;
    await until('the topics to fill', FULL_WITHIN_MS, isFull);
    const resumedAtMs = Date.now();
    await client.workflow.getHandle(sinkId(job)).signal('resume', { by: 'bench' });
    const counts: { readonly atMs: number; readonly rows: number }[] = [];
    await until('the warehouse to hold every row', LOADED_WITHIN_MS, async () => {
      const rows = await loadedRows(bout, file);
      if (rows > 0) counts.push({ atMs: Date.now(), rows });
      return rows >= workload.rows;
    });
    const flaw = await flawInView(bout, file);
    if (flaw !== undefined) return invalid(flaw);
    const [first] = counts;
    const last = counts.at(-1);
    if (!first || !last) return invalid('no row was ever seen');
    // Little data comes in one commit: it is then the time since the sink was let go.
    const from = last.rows > first.rows ? first : { atMs: resumedAtMs, rows: 0 };
    const { usage } = program;
    return {
      kind: 'measured',
      figures: {
        rowsPerSecond: ((last.rows - from.rows) * 1_000) / (last.atMs - from.atMs),
        p50Ms: undefined,
        p99Ms: undefined,
        peakMemoryMb: usage.peakMb,
        cpuSecondsPerMillionRows:
          (usage.cpuSecondsBetween(resumedAtMs, last.atMs) * 1_000_000) / last.rows,
      },
    };
  } finally {
    await client.connection.close();
  }
}

const sinkId = ({ prefix }: Job): string => `cdc/${prefix}/sink/${SINK}`;

/** Asks a running sink to pause; true once it has. It begins a moment after its pipeline. */
async function sinkPauses(client: Client, job: Job): Promise<boolean> {
  const status = await new PipelineClient(client).status(job.prefix).catch(() => undefined);
  const state = status?.sinks.find(({ name }) => name === SINK)?.state;
  if (status?.progress?.checkpoint === undefined || state === undefined) return false;
  if (state === 'PAUSED') return true;
  await client.workflow.getHandle(sinkId(job)).signal('pause', { by: 'bench' });
  return false;
}

const loadedRows = ({ database }: Bout, file: string): Promise<number> =>
  warehouseNumber(file, `SELECT count(*) FROM "${database}"."orders__changes"`);

/**
 * The view of current rows against the source, by count and sums. Rows are counted as they come; the
 * view shows them with their cut, a moment later.
 */
async function flawInView(
  { source, database, place }: Bout,
  file: string,
): Promise<string | undefined> {
  const sums = 'count(*), sum(id), sum(customer_id), sum(amount)';
  const [row] = await source.rows(`SELECT ${sums} FROM \`${database}\`.orders`);
  const expected = Object.values(row ?? {})
    .map(Number)
    .join(', ');
  let found = '';
  const isEqual = async (): Promise<boolean> => {
    const sql = `SELECT ${sums} FROM "${database}"."orders"`;
    const answer = await queryWarehouse(file, { sql, limit: 1 });
    found = (answer.rows[0] ?? []).map(Number).join(', ');
    return found === expected;
  };
  return eventually('the view to be right', EQUAL_WITHIN_MS, isEqual, place.signal).then(
    () => undefined,
    () => `the view shows ${found} where the source has ${expected}`,
  );
}
