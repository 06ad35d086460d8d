import type { Contender, Job } from './contender.ts';
import { deliveryRun, invalid } from './delivery-run.ts';
import { fleetRun } from './fleet-run.ts';
import { limitRows } from './limits/limit-rows.ts';
import type { Size } from './options.ts';
import { pacedRuns } from './paced-run.ts';
import type { Place } from './place.ts';
import type { Say } from './progress.ts';
import { contenderResult, type Run, type ScenarioResult } from './results.ts';
import type { Scenario, Workload } from './scenarios.ts';
import { sinkRun } from './sink-run.ts';
import type { Source, SourcePosition } from './source.ts';
import { RunTopics } from './topics.ts';

export interface Comparison {
  readonly place: Place;
  readonly source: Source;
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  readonly size: Size;
  readonly say: Say;
}

/** All rounds of all programs in one scenario, in a database of its own. */
export async function compare(scenario: Scenario, comparison: Comparison): Promise<ScenarioResult> {
  const { source } = comparison;
  const size = scenario.size[comparison.size];
  const database = `bench_${scenario.name.replaceAll('-', '_')}`;
  const workload = scenario.workload(size);
  comparison.say(`${scenario.name}: making the database`);
  await source.createDatabase(database, workload);
  try {
    const about = { name: scenario.name, data: scenario.data, size };
    const bout: Bout = { ...comparison, scenario, database, workload };
    switch (scenario.kind) {
      case 'backlog':
        return { ...about, ...(await backlog(bout)) };
      case 'snapshot':
        return { ...about, ...(await snapshot(bout)) };
      case 'latency':
      case 'memory':
        return { ...about, ...(await pacedRuns(bout)) };
      case 'sink':
        return { ...about, ...(await sink(bout)) };
      case 'fleet':
        return { ...about, ...(await fleet(bout)) };
    }
  } finally {
    await source.dropDatabase(database);
    await source.forgetLog();
  }
}

/** As {@link compare}; a scenario that fails as a whole counts for nobody, and the others go on. */
export function compareOrExcuse(
  scenario: Scenario,
  comparison: Comparison,
): Promise<ScenarioResult> {
  return compare(scenario, comparison).catch((error: unknown) => {
    comparison.place.signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    comparison.say(`${scenario.name}: ${reason}`);
    const { name, data, size } = scenario;
    const contenders = comparison.contenders.map((contender) =>
      contenderResult(contender.name, [invalid(reason)]),
    );
    return { name, data, size: size[comparison.size], contenders, limits: [] };
  });
}

/** A scenario on its way. */
export interface Bout extends Comparison {
  readonly scenario: Scenario;
  readonly database: string;
  readonly workload: Workload;
}

interface Entry {
  readonly contender: Contender;
  readonly job: Job;
}

type Outcome = Pick<ScenarioResult, 'contenders' | 'limits'>;

/** Everybody knows where to begin before anything is loaded, so that it is loaded once for all rounds. */
async function backlog(bout: Bout): Promise<Outcome> {
  const { source, workload, say, place, scenario } = bout;
  await source.run(workload.seed, place.signal);
  const position = await source.position();
  const entries = entriesOf(bout, position);
  for (const { contender, job } of entries) {
    await using topics = topicsOf(bout, contender, job);
    await topics.create();
    if (contender.remember) {
      say(`${scenario.name}: ${contender.name} remembers where the log ends`);
      await contender.remember(job);
    }
  }
  say(`${scenario.name}: writing ${workload.rows.toLocaleString('en-US')} changes`);
  await source.run(workload.load, place.signal);
  const end = await source.position();
  const contenders = await runAll(bout, entries, (contender, job, topics) =>
    deliveryRun(contender, job, workload, topics, place),
  );
  return { contenders, limits: await limitRows(bout, position, end) };
}

async function snapshot(bout: Bout): Promise<Outcome> {
  const { source, workload, say, place, scenario } = bout;
  say(`${scenario.name}: writing ${workload.rows.toLocaleString('en-US')} rows`);
  await source.run(workload.load, place.signal);
  const entries = entriesOf(bout, undefined);
  for (const { contender, job } of entries) {
    await using topics = topicsOf(bout, contender, job);
    await topics.create();
  }
  const contenders = await runAll(bout, entries, (contender, job, topics) =>
    deliveryRun(contender, job, workload, topics, place),
  );
  return { contenders, limits: [] };
}

/** Of Sluice alone: the others have no warehouse. */
const withoutPeers = (bout: Bout): Bout => ({
  ...bout,
  contenders: bout.contenders.filter(({ name }) => name === 'sluice'),
});

/** Each round copies the tables anew, and then changes their rows once more. */
async function fleet(bout: Bout): Promise<Outcome> {
  const ours = withoutPeers(bout);
  const { source, place, scenario, say } = ours;
  say(`${scenario.name}: writing ${ours.workload.tables.length.toLocaleString('en-US')} tables`);
  await source.run(ours.workload.seed, place.signal);
  const entries = entriesOf(ours, undefined).map(intoWarehouse);
  const contenders = await runAll(ours, entries, (contender, job, topics) => {
    const workload = scenario.workload(scenario.size[ours.size]);
    return fleetRun({ ...ours, workload }, contender, job, topics);
  });
  return { contenders, limits: [] };
}

const intoWarehouse = ({ contender, job }: Entry): Entry => ({
  contender,
  job: { ...job, warehouse: `${job.prefix}.duckdb` },
});

/** Each round writes its rows anew. */
async function sink(bout: Bout): Promise<Outcome> {
  const ours = withoutPeers(bout);
  const position = await ours.source.position();
  const entries = entriesOf(ours, position).map(intoWarehouse);
  const contenders = await runAll(ours, entries, async (contender, job, topics) => {
    await ours.source.run(['TRUNCATE TABLE orders']);
    await topics.create();
    return sinkRun(
      { ...ours, workload: ours.scenario.workload(ours.workload.rows) },
      contender,
      job,
      topics,
    );
  });
  return { contenders, limits: [] };
}

/** One job a program and round; in every round another program begins. */
export function entriesOf(
  { contenders, rounds, database, scenario, workload }: Bout,
  position: SourcePosition | undefined,
): readonly Entry[] {
  return Array.from({ length: rounds }, (_, round) => {
    const turned = [...contenders.slice(round % contenders.length), ...contenders];
    return turned.slice(0, contenders.length).map((contender) => ({
      contender,
      job: {
        prefix: `${scenario.name}-${contender.name}-${round + 1}`,
        database,
        tables: workload.tables.map(({ name }) => name),
        partitions: scenario.partitions,
        position,
        warehouse: undefined,
      },
    }));
  }).flat();
}

function topicsOf({ place }: Bout, contender: Contender, job: Job): RunTopics {
  const topics = job.tables.map((table) => contender.topicOf(job, table));
  return new RunTopics(place.kafka.brokers, topics, job.partitions);
}

/** One run after another; what a run leaves is gone before the next one begins. */
export async function runAll(
  bout: Bout,
  entries: readonly Entry[],
  run: (contender: Contender, job: Job, topics: RunTopics) => Promise<Run>,
): Promise<ScenarioResult['contenders']> {
  const runs = new Map<string, Run[]>();
  for (const { contender, job } of entries) {
    bout.say(`${bout.scenario.name}: ${contender.name}`);
    await using topics = topicsOf(bout, contender, job);
    const outcome = await run(contender, job, topics).catch((error: unknown) => {
      bout.place.signal.throwIfAborted();
      return invalid(error instanceof Error ? error.message : String(error));
    });
    const { name } = contender;
    runs.set(name, [...(runs.get(name) ?? []), outcome]);
    bout.say(`${bout.scenario.name}: ${name}: ${summary(outcome)}`);
    await contender.forget?.(job);
    await topics.deleteAll(job.prefix);
  }
  return [...runs].map(([name, of]) => contenderResult(name, of));
}

function summary(run: Run): string {
  if (run.kind === 'invalid') return `does not count: ${run.reason}`;
  const { rowsPerSecond, p50Ms, p99Ms, peakMemoryMb } = run.figures;
  const rate =
    rowsPerSecond === undefined
      ? []
      : [`${Math.round(rowsPerSecond).toLocaleString('en-US')} rows/s`];
  const latency =
    p99Ms === undefined ? [] : [`p50 ${p50Ms?.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`];
  return [...rate, ...latency, `${Math.round(peakMemoryMb)} MB`].join(', ');
}
