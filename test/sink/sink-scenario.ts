import * as fc from 'fast-check';
import type { Destination } from '../../src/sink/destination.ts';
import { SINK_KILL_POINTS, type SinkKillPoint } from '../../src/sink/kill-points.ts';
import type { SinkLog } from '../../src/sink/sink-log.ts';
import { runSink } from '../../src/sink/sink-session.ts';
import { MemorySinkLog } from './memory-sink-log.ts';
import { SimulatedPipeline, type SourceStep } from './simulated-pipeline.ts';
import { PREFIX, SimulatedSource, SimulatedTopics } from './simulated-topics.ts';

/** One turn of a scenario: something happens at the source, then the sink runs, perhaps into a crash. */
export interface Turn {
  readonly step: SourceStep;
  readonly cutAfter: number;
  readonly outcome: 'commit' | 'abort';
  /** The transaction's markers are there before the sink looks. */
  readonly settled: boolean;
  /** Happens while the sink is between a position and its high watermarks. */
  readonly meanwhile: SourceStep | undefined;
  readonly sink: 'idle' | 'runs' | 'crashes';
  readonly crashAt: { readonly point: SinkKillPoint; readonly times: number };
  readonly maxBatchBytes: number;
  readonly maxBatchColumns: number | undefined;
  readonly choices: readonly number[];
}

const table = fc.nat({ max: 1 });
const id = fc.nat({ max: 4 });
const text = fc.oneof(
  fc.constantFrom('', '","after":{', '\\', '"', 'é😀', '-0,', '{"op":"d"}'),
  fc.string({ maxLength: 6, unit: 'grapheme' }),
);
const number = fc.oneof(fc.integer(), fc.constantFrom(9007199254740993n, -9223372036854775808n));
const sourceChange = fc.record({
  table,
  id,
  to: fc.oneof(
    fc.constant('delete' as const),
    fc.record({ number, text }),
    fc.record({ number, text, newId: id }),
  ),
});
const step: fc.Arbitrary<SourceStep> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('transaction' as const),
      changes: fc.array(sourceChange, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncate' as const), table }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('loseRow' as const), table, id }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('snapshot' as const), table }) },
);

export const turns = (maxLength: number): fc.Arbitrary<readonly Turn[]> =>
  fc.array(
    fc.record({
      step,
      cutAfter: fc.integer({ min: 0, max: 4 }),
      outcome: fc.constantFrom('commit' as const, 'abort' as const),
      settled: fc.boolean(),
      meanwhile: fc.option(step, { nil: undefined }),
      sink: fc.constantFrom('idle' as const, 'runs' as const, 'crashes' as const),
      crashAt: fc.record({
        point: fc.constantFrom(...SINK_KILL_POINTS),
        times: fc.integer({ min: 1, max: 3 }),
      }),
      maxBatchBytes: fc.constantFrom(1, 500, 2_000, 1_000_000),
      maxBatchColumns: fc.constantFrom(undefined, 1),
      choices: fc.array(fc.nat(), { minLength: 1, maxLength: 8 }),
    }),
    { minLength: 1, maxLength },
  );

class SimulatedCrash extends Error {}

/** How the scenario reaches the warehouse: every run of the sink opens it anew. */
export interface ScenarioWarehouse {
  connect(reach: (point: SinkKillPoint) => void, log: SinkLog): Promise<Destination>;
  check(pipeline: SimulatedPipeline): Promise<void>;
}

/** Plays the turns, and checks the warehouse after each; at the end the sink has caught up. */
export async function play(turnList: readonly Turn[], warehouse: ScenarioWarehouse): Promise<void> {
  const topics = new SimulatedTopics();
  const pipeline = new SimulatedPipeline(topics);
  const log = new MemorySinkLog();
  for (const turn of turnList) {
    pipeline.step(turn.step, turn.cutAfter, turn.outcome);
    if (turn.settled) topics.settle();
    if (turn.sink === 'idle') continue;
    await runOnce(topics, pipeline, log, warehouse, turn);
    await warehouse.check(pipeline);
  }
  topics.settle();
  await runOnce(topics, pipeline, log, warehouse, undefined);
  await warehouse.check(pipeline);
}

async function runOnce(
  topics: SimulatedTopics,
  pipeline: SimulatedPipeline,
  log: MemorySinkLog,
  warehouse: ScenarioWarehouse,
  turn: Turn | undefined,
): Promise<void> {
  const done = new AbortController();
  let left = turn?.sink === 'crashes' ? turn.crashAt.times : -1;
  const reach = (point: SinkKillPoint): void => {
    if (point !== turn?.crashAt.point || left < 0) return;
    left -= 1;
    if (left === 0) throw new SimulatedCrash();
  };
  const choices = turn?.choices ?? [0];
  let at = 0;
  const choose = (count: number): number => (choices[at++ % choices.length] ?? 0) % count;
  let meanwhile = turn?.meanwhile;
  const source = new SimulatedSource(topics, {
    beforeMarks: () => {
      if (meanwhile) pipeline.step(meanwhile, turn?.cutAfter ?? 0, 'commit');
      meanwhile = undefined;
    },
    pick: choose,
    maxSlots: () => 1 + choose(5),
    onIdle: () => done.abort(),
  });
  const destination = await warehouse.connect(reach, log);
  try {
    await runSink({
      source,
      destination,
      log,
      orders: {},
      prefix: PREFIX,
      settings: {
        commitIntervalMs: 0,
        maxBatchBytes: turn?.maxBatchBytes ?? 1_000_000,
        ...(turn?.maxBatchColumns === undefined ? {} : { maxBatchColumns: turn.maxBatchColumns }),
      },
      onProgress: () => {},
      reach,
      clock: { nowMs: () => 0, sleep: () => Promise.resolve() },
      newId: () => `w${log.saved.length}`,
      signal: done.signal,
    });
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
  } finally {
    await destination.close();
  }
}
