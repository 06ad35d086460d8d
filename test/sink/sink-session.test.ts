import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TableName } from '../../src/change/table.ts';
import type { SinkBatch } from '../../src/sink/destination.ts';
import type { SinkSessionProgress } from '../../src/sink/progress.ts';
import type { SinkOrders } from '../../src/sink/sink-log.ts';
import { runSink, type SinkEnd } from '../../src/sink/sink-session.ts';
import { encodeRow } from '../support/row-json.ts';
import { MemorySinkLog } from './memory-sink-log.ts';
import { MemoryWarehouse } from './memory-warehouse.ts';
import { SCHEMAS, SimulatedPipeline } from './simulated-pipeline.ts';
import { PREFIX, SimulatedSource, SimulatedTopics } from './simulated-topics.ts';
import { play, turns } from './sink-scenario.ts';

const NAMES = SCHEMAS.map(({ id }) => `${id.database}.${id.table}` as TableName);

function checkView(warehouse: MemoryWarehouse, pipeline: SimulatedPipeline): void {
  const ordinal = warehouse.cut?.commitOrdinal;
  if (ordinal === undefined) return;
  for (const [index, name] of NAMES.entries()) {
    const expected = [...pipeline.statesByOrdinal.get(ordinal)!.get(name)!.values()];
    const rows = warehouse.live(name).map(({ row }) => row);
    expect(rows.sort()).toEqual(expected.map((row) => encodeRow(SCHEMAS[index]!, row)).sort());
  }
}

/** A pipeline whose source has made two commits, and what a test may change of a run over it. */
function setting({ maxBatchBytes = 1_000_000, maxBatchColumns = 1_000, crashes = 0 } = {}) {
  const topics = new SimulatedTopics();
  const pipeline = new SimulatedPipeline(topics);
  const add = (id: number): void =>
    pipeline.step(
      { kind: 'transaction', changes: [{ table: 0, id, to: { number: id, text: '' } }] },
      0,
      'commit',
    );
  const snapshot = (): void => pipeline.step({ kind: 'snapshot', table: 0 }, 0, 'commit');
  const warehouse = new MemoryWarehouse();
  const log = new MemorySinkLog();
  const sleeps: number[] = [];
  const progress: SinkSessionProgress[] = [];
  const clock = { now: 0 };
  let commits = 0;
  /** What happens, one after another, each time that high watermarks are asked for. */
  const meanwhile: (() => void)[] = [];
  const run = (
    onIdle: (stop: () => void) => void = (stop) => stop(),
    orders: SinkOrders = {},
  ): Promise<SinkEnd> => {
    const done = new AbortController();
    const hooks = {
      pick: () => 0,
      maxSlots: () => (maxBatchBytes === 1 ? 1 : 100),
      beforeMarks: () => meanwhile.shift()?.(),
    };
    return runSink({
      source: new SimulatedSource(topics, { ...hooks, onIdle: () => onIdle(() => done.abort()) }),
      destination: warehouse,
      log,
      orders,
      prefix: PREFIX,
      settings: { commitIntervalMs: 1_000, maxBatchBytes, maxBatchColumns },
      onProgress: (report) => progress.push(report),
      reach: (point) => {
        if (point !== 'sinkCommitted') return;
        commits += 1;
        if (commits === crashes) throw new Error('killed');
      },
      clock: {
        nowMs: () => (clock.now += 10),
        sleep: async (durationMs) => {
          sleeps.push(durationMs);
        },
      },
      newId: () => `w${log.saved.length}`,
      signal: done.signal,
    });
  };
  return { topics, add, snapshot, warehouse, log, sleeps, progress, meanwhile, run };
}

const ORDERS = NAMES[0]!;

describe('runSink', () => {
  it('reports what it has committed and how far the topics go', async () => {
    const { topics, add, progress, run } = setting();
    add(1);
    add(2);
    topics.settle();
    await run();
    expect(progress.at(-1)).toMatchObject({
      rows: 2,
      rowsByTable: { [ORDERS]: 2 },
      commits: 1,
      cut: { commitOrdinal: 3 },
      checkpoint: { commitOrdinal: 3 },
      lastCommit: { rows: 2, durationMs: 10 },
      caughtUp: true,
    });
  });

  it('commits no more often than its interval says while changes keep coming', async () => {
    const { topics, add, warehouse, sleeps, run } = setting();
    topics.settle();
    let id = 0;
    await run((stop) => {
      if (id === 3) return stop();
      add((id += 1));
      topics.settle();
    });
    expect(warehouse.cut?.commitOrdinal).toBe(4);
    expect(sleeps).toHaveLength(4);
    for (const durationMs of sleeps) expect(durationMs).toBeGreaterThan(900);
  });

  it('stops when the warehouse it has filled is gone, and makes none in its place', async () => {
    const { topics, add, warehouse, run } = setting();
    add(1);
    topics.settle();
    await run();
    warehouse.warehouseId = undefined;
    await expect(run()).rejects.toMatchObject({ code: 'sink.warehouse-lost' });
    expect(warehouse.warehouseId).toBeUndefined();
  });

  it('stops when the sequence of a partition goes back', async () => {
    const { topics, add, run } = setting();
    add(1);
    topics.repeatLast();
    topics.settle();
    await expect(run()).rejects.toMatchObject({ code: 'sink.out-of-order' });
  });

  it('stops when the positions topic is older than the warehouse', async () => {
    const { topics, add, run } = setting();
    topics.settle();
    const older = topics.position;
    add(1);
    topics.settle();
    await run();
    topics.position = older;
    await expect(run()).rejects.toMatchObject({ code: 'position.lost' });
  });

  it('stops when a topic ends before the offset it would go on from', async () => {
    const { topics, add, run } = setting();
    for (let id = 1; id <= 5; id++) add(id);
    topics.settle();
    await run();
    add(6);
    topics.settle();
    const { position } = topics;
    topics.emptyLogs();
    topics.position = position;
    await expect(run()).rejects.toMatchObject({ code: 'sink.offset-out-of-range' });
  });

  it('stops when a topic was made anew and has grown past the offset it would go on from', async () => {
    const { topics, add, run } = setting();
    add(1);
    topics.settle();
    await run();
    topics.emptyLogs();
    for (let id = 2; id <= 20; id++) add(id);
    topics.settle();
    await expect(run()).rejects.toMatchObject({
      code: 'sink.offset-out-of-range',
      message: expect.stringContaining('another one') as unknown,
    });
  });

  it('stops when the records it needs have left the topic', async () => {
    const { topics, add, run } = setting();
    topics.settle();
    await run();
    add(1);
    topics.settle();
    topics.expireAll();
    await expect(run()).rejects.toMatchObject({ code: 'sink.offset-out-of-range' });
  });

  it('repeats a planned commit as it was planned, with partitions that it did not move', async () => {
    const { topics, add, warehouse, meanwhile, run } = setting();
    topics.settle();
    meanwhile.push(() => {
      add(1);
      topics.settle();
    });
    const [apply, open] = [warehouse.apply.bind(warehouse), warehouse.open.bind(warehouse)];
    let planned: SinkBatch | undefined;
    warehouse.apply = async (batch) => {
      planned = batch;
      throw new Error('503');
    };
    await expect(run()).rejects.toThrow('503');
    const still = planned!.offsets.filter(({ offset }) => offset === 0);
    expect(still).not.toHaveLength(0);

    const applied: SinkBatch[] = [];
    warehouse.apply = (batch) => {
      applied.push(batch);
      return apply(batch);
    };
    warehouse.open = async () => {
      const state = await open();
      return state && (applied.length === 0 ? { ...state, planned: planned! } : state);
    };
    await run();
    const offsetsOf = ({ offsets }: SinkBatch): readonly string[] =>
      offsets.map(({ topic, partition, offset }) => `${topic}/${partition} ${offset}`).sort();
    expect(offsetsOf(applied[0]!)).toEqual(offsetsOf(planned!));
    expect(applied.at(-1)?.cut?.lastSequence).toBe(warehouse.cut?.lastSequence);
  });

  it('reports rows and what is left on the way to a cut, and goes on from there after a crash', async () => {
    const { topics, add, warehouse, progress, run } = setting({ maxBatchBytes: 1, crashes: 6 });
    for (let id = 1; id <= 8; id++) add(id);
    topics.settle();
    await expect(run()).rejects.toThrow('killed');
    expect(warehouse.cut).toBeUndefined();
    const left = progress.map(({ recordsLeft }) => recordsLeft);
    expect(left).toEqual([...new Set(left)].sort((a, b) => b - a));
    expect(left.at(-1)).toBeGreaterThan(0);
    expect(progress.at(-1)?.rows).toBeGreaterThan(0);
    expect(progress.some(({ caughtUp }) => caughtUp)).toBe(false);
    const kept = warehouse.changes(ORDERS).length;
    expect(kept).toBeGreaterThan(0);
    progress.length = 0;
    await run();
    expect(progress.at(-1)).toMatchObject({ rows: 8 - kept, recordsLeft: 0, caughtUp: true });
    expect(warehouse.live(ORDERS)).toHaveLength(8);
  });

  it.each([
    [1_000, 1],
    [1, 3],
  ])(
    'applies a round of tables with more than %i columns in %i pieces',
    async (columns, pieces) => {
      const { topics, add, warehouse, run } = setting({ maxBatchColumns: columns });
      const apply = warehouse.apply.bind(warehouse);
      const cuts: boolean[] = [];
      warehouse.apply = (batch) => {
        cuts.push(batch.cut !== undefined);
        return apply(batch);
      };
      for (const id of [1, 2, 3]) add(id);
      topics.settle();
      await run();
      expect(cuts).toHaveLength(pieces);
      expect(cuts.filter(Boolean)).toHaveLength(1);
      expect(warehouse.live(ORDERS)).toHaveLength(3);
    },
  );

  it('waits with its first warehouse for the first commit of the pipeline', async () => {
    const { topics, add, warehouse, log, run } = setting();
    add(1);
    const { position } = topics;
    topics.position = undefined;
    await run();
    expect([warehouse.warehouseId, log.record]).toEqual([undefined, undefined]);
    topics.settle();
    topics.position ??= position;
    await run();
    expect(warehouse.warehouseId).toBeDefined();
  });

  it('begins with the first record of topics that have lost none', async () => {
    const { topics, add, warehouse, run } = setting();
    for (const id of [1, 2, 3]) add(id);
    topics.settle();
    await run();
    expect(warehouse.start).toBeUndefined();
    expect(warehouse.live(ORDERS)).toHaveLength(3);
  });

  it('begins at the present cut when topics have lost records, and goes on when a snapshot was asked for', async () => {
    const { topics, add, snapshot, warehouse, log, run } = setting();
    for (const id of [1, 2]) add(id);
    topics.settle();
    topics.expireAll();
    const snapshotId = `sink-w0`;
    expect(await run()).toEqual({ kind: 'needsSnapshot', snapshotId });
    expect(await run()).toEqual({ kind: 'needsSnapshot', snapshotId });
    expect(warehouse).toMatchObject({ warehouseId: 'w0', start: { cut: { commitOrdinal: 3 } } });
    add(3);
    topics.settle();
    await run(undefined, { snapshot: { id: snapshotId, state: 'asked' } });
    expect(warehouse.live(ORDERS).map(({ key }) => key)).toEqual(['{"id":3}']);
    snapshot();
    topics.settle();
    await run(undefined, { snapshot: { id: snapshotId, state: 'finished' } });
    expect(warehouse.live(ORDERS)).toHaveLength(3);
    expect(log.record).toEqual({ v: 1, warehouse: { id: 'w0', state: 'ready' } });
    expect(await run()).toEqual({ kind: 'stopped' });
  });

  it('leaves out nothing after the cut it begins at, whatever is written while it looks for one', async () => {
    const { topics, add, warehouse, meanwhile, run } = setting();
    add(1);
    topics.settle();
    topics.expireAll();
    meanwhile.push(
      () => {
        add(2);
        topics.settle();
        add(3);
      },
      () => {
        topics.settle();
        add(4);
      },
    );
    await run();
    const begins = warehouse.start?.cut.commitOrdinal;
    topics.settle();
    add(5);
    topics.settle();
    await run(undefined, { snapshot: { id: 'sink-w0', state: 'asked' } });
    // The schemas of two tables take a commit each, and then each row.
    const after = [1, 2, 3, 4, 5].filter((id) => id + 1 > (begins ?? 0));
    expect(begins).toBeGreaterThanOrEqual(4);
    expect(warehouse.live(ORDERS).map(({ key }) => key)).toEqual(after.map((id) => `{"id":${id}}`));
  });

  it('begins an empty warehouse once for each command that says so, whatever has become of the old one', async () => {
    const { topics, add, warehouse, log, run } = setting();
    add(1);
    topics.settle();
    await run();
    warehouse.warehouseId = undefined;
    const renewed = await run(undefined, { renewal: 'c1' });
    expect(renewed).toMatchObject({ kind: 'needsSnapshot' });
    const { record } = log;
    expect(record).toMatchObject({ warehouse: { state: 'ready' }, renewal: 'c1' });
    expect(await run(undefined, { renewal: 'c1' })).toEqual(renewed);
    expect(log.record).toBe(record);
    await run(undefined, { renewal: 'c2' });
    expect(log.record?.warehouse.id).not.toBe(record?.warehouse.id);
    expect(warehouse.live(ORDERS)).toEqual([]);
  });

  it('shows the source as of a commit and stores every change once, whatever the interleaving and wherever it crashes', async () => {
    await fc.assert(
      fc.asyncProperty(turns(12), async (list) => {
        const stored = new MemoryWarehouse((point) => hook(point));
        let hook: ConstructorParameters<typeof MemoryWarehouse>[0] & {} = () => {};
        let caughtUp: SimulatedPipeline | undefined;
        await play(list, {
          connect: async (reach) => {
            hook = reach;
            return stored;
          },
          check: async (pipeline) => {
            checkView(stored, pipeline);
            caughtUp = pipeline;
          },
        });
        for (const name of NAMES) {
          const real = stored
            .changes(name)
            .filter(({ seq }) => caughtUp!.seqs.get(name)!.includes(seq));
          expect(real.map(({ seq }) => seq).sort()).toEqual([...caughtUp!.seqs.get(name)!].sort());
        }
        expect(stored.cut?.commitOrdinal).toBe(Math.max(...caughtUp!.statesByOrdinal.keys()));
      }),
      { numRuns: 300 },
    );
  });
});
