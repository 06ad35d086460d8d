import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type Bout, entriesOf, runAll } from './compare.ts';
import type { Contender, Job } from './contender.ts';
import { invalid } from './delivery-run.ts';
import { insertOrdersFrom } from './order-data.ts';
import type { PaceAnswer, PaceTask } from './pace-thread.ts';
import type { MemorySample, Run, ScenarioResult } from './results.ts';
import { percentile } from './statistics.ts';
import type { RunTopics } from './topics.ts';

const ROWS_PER_TRANSACTION = 10;
/** Of the same load, not counted: no program starts at its best. No longer than the load itself. */
const WARM_UP_SECONDS = 10;
const READY_WITHIN_MS = 60_000;
/** A program that falls behind has its latencies counted all the same. */
const CATCH_UP_MS = 120_000;
const POLL_MS = 100;
/** Rows a program is woken with, far from the ids that are measured. */
const WAKING_ID = 900_000_000;
const SECONDS_BETWEEN_SAMPLES = 1;

/** Latency and memory scenarios: a paced writer beside each program; memory is of Sluice alone. */
export async function pacedRuns(
  bout: Bout,
): Promise<Pick<ScenarioResult, 'contenders' | 'limits' | 'memory'>> {
  const isMemory = bout.scenario.kind === 'memory';
  const part: Bout = isMemory
    ? { ...bout, rounds: 1, contenders: bout.contenders.filter(({ name }) => name === 'sluice') }
    : bout;
  const position = await part.source.position();
  let memory: readonly MemorySample[] = [];
  const contenders = await runAll(
    part,
    entriesOf(part, position),
    async (contender, job, topics) => {
      await topics.create();
      await part.source.run(['TRUNCATE TABLE orders']);
      await contender.remember?.(job);
      const started = await part.source.position();
      const outcome = await pacedRun(part, contender, { ...job, position: started }, topics);
      memory = outcome.memory;
      return outcome.run;
    },
  );
  return { contenders, limits: [], ...(isMemory ? { memory } : {}) };
}

async function pacedRun(
  bout: Bout,
  contender: Contender,
  job: Job,
  topics: RunTopics,
): Promise<{ readonly run: Run; readonly memory: readonly MemorySample[] }> {
  const { source, place } = bout;
  const { transactionsPerSecond: perSecond = 0, size } = bout.scenario;
  const seconds = size[bout.size];
  const warmUp = Math.min(WARM_UP_SECONDS, seconds) * perSecond;
  const transactions = warmUp + seconds * perSecond;
  await using program = await contender.start(job);
  const arrivedMs = new Float64Array(transactions);
  const following = new AbortController();
  await untilAwake(bout, topics, program.running.bind(program));
  const follow = topics.follow(
    ({ key }, nowMs) => {
      const id = idOf(key);
      if (id % ROWS_PER_TRANSACTION !== 0 || id > transactions * ROWS_PER_TRANSACTION) return;
      arrivedMs[id / ROWS_PER_TRANSACTION - 1] = nowMs;
    },
    AbortSignal.any([following.signal, place.signal]),
  );
  const stopped = follow.catch((error: unknown) => {
    if (!following.signal.aborted) throw error;
  });
  const pacedAtMs = Date.now();
  const paced = await Promise.race([
    pace({
      address: source.address,
      database: bout.database,
      transactions,
      perSecond,
      rows: ROWS_PER_TRANSACTION,
    }),
    stopped.then(() => undefined),
  ]);
  const endedAtMs = Date.now();
  await caughtUp(arrivedMs, place.signal);
  following.abort();
  await stopped;
  const memory = samplesOf(program.usage.samples, pacedAtMs);
  if (!paced) return { run: invalid('the topics could not be read'), memory };
  const missing = arrivedMs.filter((at) => at === 0).length;
  if (missing > 0)
    return {
      run: invalid(
        `${missing} of ${transactions} transactions did not arrive within ${CATCH_UP_MS / 1_000} s`,
      ),
      memory,
    };
  const latencies = [...arrivedMs]
    .map((at, index) => at - (paced.acknowledgedMs[index] ?? 0))
    .slice(warmUp);
  const rows = transactions * ROWS_PER_TRANSACTION;
  return {
    run: {
      kind: 'measured',
      figures: {
        rowsPerSecond: (rows * 1_000) / paced.tookMs,
        p50Ms: percentile(latencies, 50),
        p99Ms: percentile(latencies, 99),
        peakMemoryMb: program.usage.peakMb,
        cpuSecondsPerMillionRows:
          (program.usage.cpuSecondsBetween(pacedAtMs, endedAtMs) * 1_000_000) / rows,
      },
    },
    memory,
  };
}

/** Writes single rows until one arrives: the program is then following the log. */
async function untilAwake(
  { source, place }: Bout,
  topics: RunTopics,
  running: () => Promise<boolean>,
): Promise<void> {
  const deadlineMs = Date.now() + READY_WITHIN_MS;
  for (let id = WAKING_ID + 1; (await topics.committedOffsets()) === 0; id++) {
    if (Date.now() > deadlineMs || !(await running()))
      throw new Error(`nothing arrived within ${READY_WITHIN_MS / 1_000} s`);
    await source.run([insertOrdersFrom('orders', id, 1)]);
    await sleep(POLL_MS * 5, undefined, { signal: place.signal });
  }
}

/** The writer has a thread of its own, so that reading does not delay it. */
async function pace(task: PaceTask): Promise<PaceAnswer> {
  const thread = new Worker(new URL('./pace-thread.ts', import.meta.url), { workerData: task });
  try {
    return await new Promise<PaceAnswer>((resolve, reject) => {
      thread.on('message', resolve);
      thread.on('error', reject);
    });
  } finally {
    await thread.terminate();
  }
}

async function caughtUp(arrivedMs: Float64Array, signal: AbortSignal): Promise<void> {
  const deadlineMs = Date.now() + CATCH_UP_MS;
  while (arrivedMs.includes(0) && Date.now() < deadlineMs)
    await sleep(POLL_MS, undefined, { signal });
}

function idOf(key: Buffer | null): number {
  return Number(/"id":(\d+)/.exec(key?.toString('latin1') ?? '')?.[1] ?? Number.NaN);
}

function samplesOf(
  samples: readonly { readonly atMs: number; readonly residentMb: number }[],
  fromMs: number,
): readonly MemorySample[] {
  const bySecond = Map.groupBy(samples, ({ atMs }) =>
    Math.floor((atMs - fromMs) / 1_000 / SECONDS_BETWEEN_SAMPLES),
  );
  return [...bySecond].flatMap(([second, of]) =>
    second < 0 ? [] : [{ second, residentMb: Math.max(...of.map(({ residentMb }) => residentMb)) }],
  );
}
