import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import { stringify } from 'yaml';
import { connectClient } from '../src/temporal/connection.ts';
import { internalTopics } from '../src/topic/topic-name.ts';
import { run } from '../tools/stack/run.ts';
import type { Contender, Job } from './contender.ts';
import type { Place } from './place.ts';
import { Program } from './program.ts';
import { READER } from './source.ts';
import { RunTopics } from './topics.ts';

const REPOSITORY = resolve(import.meta.dirname, '..');
const COMMAND_LINE = join(REPOSITORY, 'bin/sluice');
const PASSWORD_VARIABLE = 'SLUICE_BENCH_PASSWORD';
const POLL_MS = 100;
const REMEMBER_WITHIN_MS = 120_000;

/** The sink of scenarios that load a warehouse. */
export const SINK = 'warehouse';

/**
 * Sluice as its users run it: a file that is applied, and a worker, both with their defaults.
 * @param nodeOptions for a profile; empty when something is measured
 */
export function sluice(
  version: string,
  place: Place,
  nodeOptions: readonly string[] = [],
): Contender {
  const env = { ...place.env, [PASSWORD_VARIABLE]: READER.password };
  const { address, namespace } = place.temporal;
  const command = (...args: readonly string[]) => [
    ...['--address', address, '--namespace', namespace],
    ...args,
  ];
  const apply = async (job: Job): Promise<void> => {
    const file = join(place.programs, job.prefix, `${job.prefix}.yaml`);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, stringify(pipelineFile(job, place)));
    const { signal } = place;
    await run(COMMAND_LINE, command('apply', file), { cwd: REPOSITORY, env, signal });
  };
  const startWorker = (job: Job): Promise<Program> =>
    Program.start(
      join(place.programs, job.prefix),
      { program: COMMAND_LINE, args: command('worker') },
      { ...env, NODE_OPTIONS: nodeOptions.join(' ') },
    );
  return {
    name: 'sluice',
    description: `Sluice ${version}, exactly once, default configuration`,
    settings: { configuration: 'default' },
    topicOf: ({ prefix, database }, table) => `${prefix}.${database}.${table}`,
    start: async (job) => {
      const worker = await startWorker(job);
      await apply(job);
      return worker;
    },
    async remember(job) {
      await apply(job);
      await using worker = await startWorker(job);
      await positionIsStored(job, place);
      await forgetWorkflows(job, place);
      // What is committed is all that counts, also for a worker that gets no time to say goodbye.
      await worker.kill();
    },
    forget: (job) => forgetWorkflows(job, place),
  };
}

function pipelineFile(job: Job, { mysql, kafka }: Place): unknown {
  return {
    pipeline: job.prefix,
    source: {
      kind: 'mysql',
      host: mysql.host,
      port: mysql.port,
      user: READER.user,
      password: { env: PASSWORD_VARIABLE },
      include: [`${job.database}.*`],
    },
    kafka: { brokers: kafka.brokers, partitions: job.partitions },
    // Rows that were there before are what the snapshot scenario is about, and no other.
    ...(job.position ? { snapshot: { mode: 'never' } } : {}),
    ...(job.warehouse ? { sinks: { [SINK]: { kind: 'duckdb', file: job.warehouse } } } : {}),
  };
}

/** The first checkpoint is committed when the topic of positions has a committed record. */
async function positionIsStored({ prefix }: Job, { kafka, signal }: Place): Promise<void> {
  await using topics = new RunTopics(kafka.brokers, [internalTopics(prefix).positions], 1);
  const deadlineMs = Date.now() + REMEMBER_WITHIN_MS;
  while ((await topics.committedOffsets().catch(() => 0)) === 0) {
    if (Date.now() > deadlineMs)
      throw new Error(
        `Sluice stored no position of ${prefix} within ${REMEMBER_WITHIN_MS / 1_000} s`,
      );
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** Position and topics stay: the next apply goes on from there. */
async function forgetWorkflows({ prefix, warehouse }: Job, { temporal }: Place): Promise<void> {
  const client = await connectClient(temporal);
  const ids = [`cdc/${prefix}`, ...(warehouse ? [`cdc/${prefix}/sink/${SINK}`] : [])];
  try {
    for (const id of ids)
      await client.workflow
        .getHandle(id)
        .terminate('the benchmark has what it wants')
        .catch((error: unknown) => {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        });
  } finally {
    await client.connection.close();
  }
}
