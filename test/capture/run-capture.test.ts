import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GivenCommands } from '../../src/capture/given-commands.ts';
import { type CaptureInput, runCapture } from '../../src/capture/run-capture.ts';
import { DEFAULT_ROW_SETTINGS } from '../../src/change/row-settings.ts';
import type { TableComments } from '../../src/change/table.ts';
import type { Tripwire } from '../../src/control/stream-command.ts';
import { parseControlRecord } from '../../src/topic/control-record.ts';
import { COMMITTED_AT_HEADER, type OutgoingRecord } from '../../src/topic/publisher.ts';
import { internalTopics, tableTopic } from '../../src/topic/topic-name.ts';
import { type CommitFate, InMemoryBroker, InMemoryLog } from '../support/in-memory-log.ts';
import { unboxing } from '../support/simulated-log.ts';
import { ACCOUNTS, type SimulatedChange, SimulatedSource } from '../support/simulated-source.ts';

const PREFIX = 'shop';
const TOPIC = tableTopic(PREFIX, ACCOUNTS.id);

/** Small deterministic generator: fast-check owns the seed, so a failure shrinks and repeats. */
function generator(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Writes transactions of inserts, updates, deletes and key changes, whenever it is given the chance. */
function writerOf(
  source: SimulatedSource,
  random: () => number,
  total: number,
  comments: readonly TableComments[] | undefined,
): () => void {
  const live = new Map<number, number>();
  const pick = (): number | undefined => [...live.keys()][Math.floor(random() * live.size)];
  const change = (): SimulatedChange => {
    const dice = random();
    const key = pick();
    const value = Math.floor(random() * 1000);
    if (key === undefined || dice < 0.4) {
      const fresh = Math.floor(random() * 40);
      const before = live.get(fresh);
      live.set(fresh, value);
      return before === undefined
        ? { op: 'insert', before: undefined, after: [fresh, value] }
        : { op: 'update', before: [fresh, before], after: [fresh, value] };
    }
    const before = [key, live.get(key) ?? 0];
    live.delete(key);
    if (dice < 0.6) return { op: 'delete', before, after: undefined };
    const target = dice < 0.8 || live.has(key + 100) ? key : key + 100;
    live.set(target, value);
    return { op: 'update', before, after: [target, value] };
  };
  return () => {
    if (source.transactions >= total || random() < 0.5) return;
    if (comments && random() < 0.3) {
      source.alter(comments[Math.floor(random() * comments.length)] ?? { columns: {} });
      return;
    }
    source.commit(Array.from({ length: 1 + Math.floor(random() * 4) }, change));
  };
}

interface Scenario {
  readonly seed: number;
  readonly existing: number;
  readonly transactions: number;
  readonly batchRows: number;
  readonly chunkRows: number;
  readonly failures: number;
  readonly commitTurns?: number;
  /** What the table's comments are changed to now and then. */
  readonly comments?: readonly TableComments[];
}

interface Played {
  readonly broker: InMemoryBroker;
  readonly source: SimulatedSource;
  /** Ids of the snapshots that were said to be finished. */
  readonly told: ReadonlySet<string>;
}

async function play(scenario: Scenario): Promise<Played> {
  const random = generator(scenario.seed);
  const source = new SimulatedSource(random);
  const write = writerOf(
    source,
    random,
    scenario.existing + scenario.transactions,
    scenario.comments,
  );
  while (source.transactions < scenario.existing) write();
  source.settle();
  source.tick = write;
  const broker = new InMemoryBroker();
  broker.commitTurns = scenario.commitTurns ?? 1;
  const told = new Set<string>();
  let failuresLeft = scenario.failures;
  const fate = (): CommitFate => {
    if (failuresLeft === 0 || random() < 0.7) return 'commit';
    failuresLeft -= 1;
    return random() < 0.5 ? 'failBefore' : 'failAfter';
  };
  let tripwire: Tripwire = { hasCommitted: false, epoch: 0 };
  for (let attempt = 0; attempt < scenario.failures + 1; attempt += 1) {
    const abort = new AbortController();
    let finishedSnapshot = false;
    const log = new InMemoryLog(broker, PREFIX, fate);
    const input: CaptureInput = {
      pipeline: 'shop',
      prefix: PREFIX,
      owner: 'default/cdc/shop',
      include: ['shop.*'],
      exclude: [],
      snapshotMode: 'initial',
      chunkRows: scenario.chunkRows,
      maxChunkBytes: 1e6,
      maxBatchBytes: 1e6,
      maxBatchRows: scenario.batchRows,
      idleMs: 1,
      positionIntervalMs: 1,
      reportIntervalMs: 1,
      onFailure: () => 'stop-table',
      rowSettings: () => DEFAULT_ROW_SETTINGS,
      tripwire,
      commands: new GivenCommands(),
    };
    try {
      await runCapture(
        {
          server: source,
          reader: source,
          log,
          newDecoder: () => unboxing,
          nowMs: () => Math.floor(performance.now()),
          reach: () => undefined,
          notify: (notice) => {
            if (notice.kind === 'started') tripwire = { hasCommitted: true, epoch: notice.epoch };
            if (notice.kind === 'snapshotFinished') told.add(notice.snapshotId);
            if (notice.kind === 'started')
              for (const { snapshotId } of notice.finished) told.add(snapshotId);
          },
          report: (progress) => {
            finishedSnapshot = progress.snapshot === undefined;
            const done = progress.checkpoint?.gtidSet === source.logged;
            const all = source.transactions >= scenario.existing + scenario.transactions;
            source.tick();
            source.settle();
            if (finishedSnapshot && done && all && isDescribed(broker, source)) abort.abort();
          },
        },
        input,
        abort.signal,
      );
      if (abort.signal.aborted) break;
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('the answer to a commit'))
        throw error;
    }
  }
  return { broker, source, told };
}

/** Comments in the order they were put on record. */
function commentsIn(broker: InMemoryBroker): readonly TableComments[] {
  return broker.committed
    .filter(({ topic }) => topic === internalTopics(PREFIX).control)
    .map(({ value }) => parseControlRecord(value ?? ''))
    .flatMap((record) => (record.kind === 'schema' && record.comments ? [record.comments] : []));
}

function isDescribed(broker: InMemoryBroker, { comments }: SimulatedSource): boolean {
  const newest = commentsIn(broker).at(-1) ?? { columns: {} };
  return JSON.stringify(newest) === JSON.stringify(comments);
}

const seqOf = (record: OutgoingRecord): string =>
  record.headers.find(([name]) => name === '__sluice.seq')?.[1] ?? '';

function commitTimesOf({ value, headers }: OutgoingRecord) {
  const { source } = JSON.parse(value ?? '') as { source: { ts_us: number } };
  const header = headers.find(([name]) => name === COMMITTED_AT_HEADER)?.[1];
  return { raw: source.ts_us, header: header === undefined ? undefined : Number(header) };
}

function fold(records: readonly OutgoingRecord[]): ReadonlyMap<string, unknown> {
  const rows = new Map<string, unknown>();
  for (const record of records) {
    if (record.value === null || record.key === null) continue;
    const value = JSON.parse(record.value) as { after: unknown };
    if (value.after === null) rows.delete(record.key);
    else rows.set(record.key, value.after);
  }
  return rows;
}

const scenarios = fc.record({
  seed: fc.integer({ min: 1, max: 2 ** 30 }),
  existing: fc.integer({ min: 0, max: 15 }),
  transactions: fc.integer({ min: 0, max: 30 }),
  batchRows: fc.integer({ min: 1, max: 12 }),
  chunkRows: fc.integer({ min: 1, max: 7 }),
  failures: fc.integer({ min: 0, max: 5 }),
});

describe('runCapture', () => {
  it('leaves topics that fold to the source, each change once and in order, whatever commit is lost', async () => {
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        const { broker, source } = await play(scenario);
        const records = broker.committed.filter(({ topic }) => topic === TOPIC);
        const folded = fold(records);
        const truth = new Map(
          [...source.settle()].map(([id, values]) => [`{"id":${id}}`, { id, balance: values[1] }]),
        );
        expect(folded).toEqual(truth);
        for (const partition of [0, 1, 2]) {
          const sequences = records
            .filter((record) => record.partition === partition && record.value !== null)
            .map(seqOf);
          expect(sequences).toEqual([...new Set(sequences)].toSorted());
        }
      }),
      { numRuns: 150 },
    );
  }, 120_000);

  it('tells that a snapshot is finished, also when the attempt that finished it was lost', async () => {
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        expect((await play(scenario)).told).toEqual(new Set(['initial']));
      }),
      { numRuns: 100 },
    );
  }, 120_000);

  it('writes every streamed change exactly once when commits are lost on the way', async () => {
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        const { broker } = await play({ ...scenario, existing: 0 });
        const sequences = broker.committed
          .filter(({ topic, value }) => topic === TOPIC && value !== null)
          .map(seqOf);
        expect(new Set(sequences).size).toBe(sequences.length);
        const positions = internalTopics(PREFIX).positions;
        const ordinals = broker.committed
          .filter(({ topic, key }) => topic === positions && key === 'checkpoint')
          .map(
            ({ value }) => (JSON.parse(value ?? '{}') as { commitOrdinal: number }).commitOrdinal,
          );
        expect(ordinals).toEqual(ordinals.toSorted((a, b) => a - b));
        const { control } = internalTopics(PREFIX);
        const times = broker.committed
          .filter(({ topic }) => topic === control)
          .map(({ value }) => parseControlRecord(value ?? '').committedAtUs ?? Number.NaN);
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        expect(times).not.toContain(Number.NaN);
      }),
      { numRuns: 50 },
    );
  }, 120_000);

  it('puts the newest comments on record, each change of them once, whatever commit is lost', async () => {
    const comments: readonly TableComments[] = [
      { columns: {} },
      { table: 'what people owe', columns: {} },
      { table: 'what people owe', columns: { balance: 'in cents' } },
    ];
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        const { broker, source } = await play({ ...scenario, comments });
        expect(isDescribed(broker, source)).toBe(true);
        const recorded = commentsIn(broker).map((each) => JSON.stringify(each));
        recorded.forEach((each, index) => expect(each).not.toBe(recorded[index - 1]));
        const rows = broker.committed.filter(({ topic }) => topic === TOPIC);
        expect(fold(rows)).toEqual(
          new Map(
            [...source.settle()].map(([id, [, balance]]) => [`{"id":${id}}`, { id, balance }]),
          ),
        );
      }),
      { numRuns: 50 },
    );
  }, 120_000);

  it('waits with chunk and stream for the broker when a batch is full', async () => {
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        const chunkRows = Math.min(scenario.chunkRows, 3);
        const { broker } = await play({ ...scenario, chunkRows, failures: 0, commitTurns: 40 });
        const { positions } = internalTopics(PREFIX);
        let records = 0;
        for (const { topic, key } of broker.committed) {
          if (topic === TOPIC) records += 1;
          if (topic !== positions || key !== 'checkpoint') continue;
          // A change of a key is three records; nothing is added to a batch that is full.
          expect(records).toBeLessThanOrEqual(scenario.batchRows - 1 + 3);
          records = 0;
        }
      }),
      { numRuns: 50 },
    );
  }, 120_000);

  it('gives records commit times that never decrease, whatever the clocks of the source say', async () => {
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        const { broker } = await play(scenario);
        const records = broker.committed
          .filter(({ topic, value }) => topic === TOPIC && value !== null)
          .toSorted((a, b) => (seqOf(a) < seqOf(b) ? -1 : 1));
        const times = records.map(commitTimesOf);
        const effective = times.map(({ raw, header }) => header ?? raw);
        expect(effective).toEqual(effective.toSorted((a, b) => a - b));
        for (const { raw, header } of times)
          if (header !== undefined) expect(header > raw).toBe(true);
      }),
      { numRuns: 50 },
    );
  }, 120_000);
});
