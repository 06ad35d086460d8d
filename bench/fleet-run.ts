import type { Client } from '@temporalio/client';
import { pipelineWorkflowId } from '../src/control/names.ts';
import { queryWarehouse } from '../src/duckdb/query-client.ts';
import { connectClient } from '../src/temporal/connection.ts';
import { PipelineClient } from '../src/temporal/pipeline-client.ts';
import type { Bout } from './compare.ts';
import type { Contender, Job } from './contender.ts';
import { invalid } from './delivery-run.ts';
import { eventually } from './eventually.ts';
import type { Run } from './results.ts';
import { type Delivery, rowsPerSecond } from './timeline.ts';
import type { RunTopics } from './topics.ts';
import { warehouseFile, warehouseNumber } from './warehouse.ts';

const STREAMING_WITHIN_MS = 600_000;
const COPIED_WITHIN_MS = 1_200_000;
const PAUSED_WITHIN_MS = 60_000;
const DELIVERED_WITHIN_MS = 600_000;
const LOADED_WITHIN_MS = 600_000;
/** Tables whose rows are compared one by one with the source, spread over all. */
const COMPARED = 50;

const CONSISTENT_TABLES = 'SELECT count(*) FROM _cdc_status WHERE consistent';

/**
 * Thousands of small tables in one pipeline with a warehouse: from nothing to streaming, to copied,
 * then changes written while it is paused, to the last of them readable in the topics, and loaded.
 */
export async function fleetRun(
  bout: Bout,
  contender: Contender,
  job: Job,
  topics: RunTopics,
): Promise<Run> {
  const { place, workload, source } = bout;
  const file = warehouseFile(place, job);
  const client = await connectClient(place.temporal);
  const startedAtMs = Date.now();
  const elapsedSeconds = (sinceMs: number): number => (Date.now() - sinceMs) / 1_000;
  const until = (what: string, withinMs: number, ask: () => Promise<boolean>) =>
    eventually(what, withinMs, ask, place.signal);
  await using program = await contender.start(job);
  try {
    await until('the pipeline to stream', STREAMING_WITHIN_MS, async () => {
      const status = await statusOf(client, job);
      return status?.progress?.checkpoint !== undefined && status.state === 'STREAMING';
    });
    const streamingSeconds = elapsedSeconds(startedAtMs);
    bout.say(`${bout.scenario.name}: streaming after ${streamingSeconds.toFixed(0)} s`);
    await until('all tables to be consistent', COPIED_WITHIN_MS, async () => {
      return (await warehouseNumber(file, CONSISTENT_TABLES)) >= job.tables.length;
    });
    const copiedSeconds = elapsedSeconds(startedAtMs);
    bout.say(`${bout.scenario.name}: copied after ${copiedSeconds.toFixed(0)} s`);

    const pipeline = client.workflow.getHandle(pipelineWorkflowId(job.prefix));
    await pipeline.signal('pause', { by: 'bench' });
    await until('the pipeline to pause', PAUSED_WITHIN_MS, async () => {
      return (await statusOf(client, job))?.state === 'PAUSED';
    });
    const before = await topics.ends();
    await source.run(workload.load, place.signal);
    const resumedAtMs = Date.now();
    await pipeline.signal('resume', { by: 'bench' });
    let delivery: Delivery | undefined;
    await until('the topics to hold every change', DELIVERED_WITHIN_MS, async () => {
      delivery = await topics.delivery(before);
      return delivery?.records === workload.records;
    });
    if (delivery === undefined) return invalid('no change was ever seen');
    let differences: readonly string[] = [];
    await until('the views to be right', LOADED_WITHIN_MS, async () => {
      differences = await differencesOf(bout, job, file);
      return differences.length === 0;
    }).catch((error: unknown) => {
      place.signal.throwIfAborted();
      if (differences.length === 0) throw error;
    });
    if (differences.length > 0) return invalid(differences.join('; '));
    const { usage } = program;
    const cpuSeconds = usage.cpuSecondsBetween(delivery.firstMs, delivery.lastMs);
    return {
      kind: 'measured',
      figures: {
        rowsPerSecond: rowsPerSecond(workload.rows, delivery),
        p50Ms: undefined,
        p99Ms: undefined,
        peakMemoryMb: usage.peakMb,
        cpuSecondsPerMillionRows: (cpuSeconds * 1_000_000) / workload.rows,
        stages: { streamingSeconds, copiedSeconds, loadedSeconds: elapsedSeconds(resumedAtMs) },
      },
    };
  } finally {
    await client.connection.close();
  }
}

const statusOf = (client: Client, job: Job) =>
  new PipelineClient(client).status(job.prefix).catch(() => undefined);

/** The views of some tables against the source, by count and sums. */
async function differencesOf(
  { source, database }: Bout,
  job: Job,
  file: string,
): Promise<readonly string[]> {
  const step = Math.max(1, Math.floor(job.tables.length / COMPARED));
  const compared = job.tables.filter((_, index) => index % step === 0);
  const sums = 'count(*) AS rows_, sum(id) AS ids, sum(amount) AS amounts';
  const of = (quote: string) =>
    compared
      .map((table) => `SELECT ${sums} FROM ${quote}${database}${quote}.${quote}${table}${quote}`)
      .join(' UNION ALL ');
  const expected = (await source.rows(of('`'))).map((row) => Object.values(row).map(Number));
  const answer = await queryWarehouse(file, { sql: of('"'), limit: compared.length });
  return compared.flatMap((table, index) => {
    const found = (answer.rows[index] ?? []).map(Number).join(', ');
    const wanted = (expected[index] ?? []).join(', ');
    return found === wanted ? [] : [`${table} shows ${found} where the source has ${wanted}`];
  });
}
