import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BigQueryDestination } from '../../src/bigquery/bigquery-destination.ts';
import type { BigQueryContext } from '../../src/bigquery/context.ts';
import type { LoadPlan } from '../../src/bigquery/load-plan.ts';
import { judgeFailure } from '../../src/errors/policy.ts';
import type { ChangeRow, DestinationState, SinkBatch } from '../../src/sink/destination.ts';
import type { PartitionOffset } from '../../src/sink/record-source.ts';
import type { Topic } from '../../src/topic/topic-name.ts';
import { batch, change, integer, rowsOf, schemaOf, varchar } from '../duckdb/warehouse.ts';
import { MemorySinkLog } from '../sink/memory-sink-log.ts';
import { type Fault, MemoryBigQuery } from './memory-bigquery.ts';
import { memoryDestination } from './memory-destination.ts';
import { idOf, MemoryStreams, type StreamFault } from './memory-streams.ts';

const columns = [
  ['id', integer],
  ['note', varchar],
] as const;
const orders = schemaOf('shop.orders', columns);
const items = schemaOf('shop.items', columns);
const TOPIC = 'shop.shop.orders' as Topic;
const WAREHOUSE = '6ea39949-8beb-4830-9ddd-42d37cb7d7ee';
const HOUR_MS = 3_600_000;

interface Parts {
  readonly service: MemoryBigQuery;
  readonly streams: MemoryStreams;
  readonly log: MemorySinkLog;
  nowMs: number;
}

function parts(
  streamFaults: () => StreamFault = () => 'none',
  faults: () => Fault = () => 'none',
): Parts {
  const log = new MemorySinkLog();
  log.record = { v: 1, warehouse: { id: WAREHOUSE, state: 'ready' } };
  const streams = new MemoryStreams(streamFaults);
  const service = new MemoryBigQuery(faults);
  service.present = (sql) => streams.count(sql);
  return { service, streams, log, nowMs: 1_795_392_000_000 };
}

function destination(of: Parts, changed: Partial<BigQueryContext> = {}): BigQueryDestination {
  const { service, streams, log } = of;
  return memoryDestination(service, log, {
    streams,
    writePath: 'storage-write',
    clock: { nowMs: () => of.nowMs, sleep: () => Promise.resolve() },
    ...changed,
  });
}

const opened = async (attempt: BigQueryDestination): Promise<DestinationState> =>
  (await attempt.open()) ?? attempt.create({ warehouseId: WAREHOUSE });

const planOf = ({ log }: Parts): LoadPlan | undefined => log.record?.plan as LoadPlan | undefined;

const offsetAt = (offset: number): PartitionOffset => ({ topic: TOPIC, partition: 0, offset });

/** What a session would send up to an offset: a change of each of two tables for each. */
function batchTo(state: DestinationState, until: number): SinkBatch {
  const from = state.offsets[0]?.offset ?? 0;
  const of = (schema: typeof orders): ChangeRow[] =>
    Array.from({ length: until - from }, (_, index) => from + index + 1).map((ordinal) =>
      change(schema, 'c', [BigInt(ordinal), `note ${ordinal}`], ordinal),
    );
  const tables = [rowsOf(orders, of(orders)), rowsOf(items, of(items))];
  return { ...batch(until, tables), offsets: [offsetAt(until)] };
}

const idsIn = ({ streams }: Parts, table: string): readonly number[] =>
  (streams.committed.get(`shop__${table}__changes`) ?? []).map(idOf);

const upTo = (end: number): readonly number[] => Array.from({ length: end }, (_, i) => i + 1);

/** Calls of the streams that write two tables: create, append, finalize of each, commit of each. */
const CALLS_OF_A_COMMIT = 8;

describe('a BigQuery warehouse that is written by streams', () => {
  it('has each row once, whatever call is lost, and whatever stream BigQuery forgets', async () => {
    const streamFault = fc.constantFrom<StreamFault>(
      'none',
      'none',
      'none',
      'none',
      'lostRequest',
      'lostAnswer',
      'forgets',
    );
    const fault = fc.constantFrom<Fault>('none', 'none', 'none', 'lostRequest', 'lostAnswer');
    await fc.assert(
      fc.asyncProperty(
        fc.array(streamFault, { maxLength: 60 }),
        fc.array(fault, { maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }),
        async (streamFaults, faults, sizes) => {
          const [streamScript, script, steps] = [[...streamFaults], [...faults], [...sizes]];
          const all = parts(
            () => streamScript.shift() ?? 'none',
            () => script.shift() ?? 'none',
          );
          let until = 0;
          let done = 0;
          while (steps.length > 0 || until > done) {
            const attempt = destination(all);
            try {
              const state = await opened(attempt);
              const at = state.offsets[0]?.offset ?? 0;
              done = at;
              if (!state.planned) until = Math.max(until, at) + (steps.shift() ?? 0);
              const end = state.planned?.offsets[0]?.offset ?? until;
              if (end > at) await attempt.apply(batchTo(state, end));
              done = end;
            } catch (error) {
              expect(judgeFailure(error)).toMatchObject({ outcome: 'retry' });
              all.nowMs += 7 * HOUR_MS;
            }
          }
          expect(idsIn(all, 'orders')).toEqual(upTo(until));
          expect(idsIn(all, 'items')).toEqual(upTo(until));
          expect(all.service.lines.size).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each(
    Array.from({ length: CALLS_OF_A_COMMIT }, (_, call) => call).flatMap((call) =>
      (['lostRequest', 'lostAnswer'] as const).map((fault) => [fault, call + 1] as const),
    ),
  )('has each row once after a %s at call %i', async (fault, call) => {
    let calls = 0;
    const all = parts(() => {
      calls += 1;
      return calls === call ? fault : 'none';
    });
    const first = destination(all);
    const state = await opened(first);
    await expect(first.apply(batchTo(state, 3))).rejects.toMatchObject({
      code: 'bigquery.unreachable',
    });
    const second = destination(all);
    await second.apply(batchTo(await opened(second), 3));
    expect([idsIn(all, 'orders'), idsIn(all, 'items')]).toEqual([upTo(3), upTo(3)]);
  });

  it('commits the streams that a plan names, and makes no others', async () => {
    const all = parts();
    const first = destination(all, {
      reach: (point) => {
        if (point === 'sinkMidTransaction') throw new Error('killed');
      },
    });
    await expect(first.apply(batchTo(await opened(first), 3))).rejects.toThrow('killed');
    const names = [...all.streams.streams.keys()];
    expect(planOf(all)?.streams?.map(({ stream, rows }) => [stream, rows])).toEqual(
      names.map((name) => [name, 3]),
    );
    const second = destination(all, { writePath: 'load-jobs' });
    await second.apply(batchTo(await opened(second), 3));
    expect([...all.streams.streams.keys()]).toEqual(names);
    expect(idsIn(all, 'orders')).toEqual(upTo(3));
    expect(all.service.lines.size).toBe(0);
  });

  it('ends a commit by the load jobs that it began with', async () => {
    const all = parts();
    const first = destination(all, {
      writePath: 'load-jobs',
      reach: (point) => {
        if (point === 'sinkMidTransaction') throw new Error('killed');
      },
    });
    await expect(first.apply(batchTo(await opened(first), 2))).rejects.toThrow('killed');
    const second = destination(all);
    await second.apply(batchTo(await opened(second), 2));
    expect(all.streams.committed.size).toBe(0);
    expect(all.service.lines.get('shop__orders__changes')).toHaveLength(2);
  });

  it('waits with the rows of a stream that is lost until it cannot come back', async () => {
    const all = parts();
    const first = destination(all);
    const state = await opened(first);
    const commit = all.streams.commit.bind(all.streams);
    all.streams.commit = () => Promise.resolve('unknown');
    const attempt = async (): Promise<void> => {
      const next = destination(all);
      await next.apply(batchTo({ ...(await opened(next)), offsets: [] }, 3));
    };
    await expect(first.apply(batchTo(state, 3))).rejects.toMatchObject({
      code: 'bigquery.stream-lost',
    });
    all.nowMs += 23 * HOUR_MS;
    await expect(attempt()).rejects.toMatchObject({ code: 'bigquery.stream-lost' });
    all.nowMs += 2 * HOUR_MS;
    all.streams.streams = new Map();
    all.streams.commit = commit;
    await attempt();
    expect([idsIn(all, 'orders'), idsIn(all, 'items')]).toEqual([upTo(3), upTo(3)]);
  });

  it('takes a load job for a commit with a row that no request to a stream holds', async () => {
    const all = parts();
    const large = change(orders, 'c', [1n, 'x'.repeat(8_000_001)], 1);
    const sink = destination(all);
    await opened(sink);
    await sink.apply({ ...batch(1, [rowsOf(orders, [large])]), offsets: [offsetAt(1)] });
    expect(planOf(all)?.streams).toBeUndefined();
    expect(all.service.lines.get('shop__orders__changes')).toHaveLength(1);
    expect(all.streams.committed.size).toBe(0);
  });

  it('sends requests of less than 8 MB at the offsets that follow each other', async () => {
    const all = parts();
    const sent: (readonly [offset: number, rows: number])[] = [];
    const append = all.streams.append.bind(all.streams);
    all.streams.append = (stream, descriptor, requests) => {
      const seen = [...requests];
      sent.push(...seen.map(({ offset, rows }) => [offset, rows.length] as const));
      return append(stream, descriptor, seen);
    };
    const rows = upTo(5).map((n) => change(orders, 'c', [BigInt(n), 'x'.repeat(3_000_000)], n));
    const sink = destination(all);
    await opened(sink);
    await sink.apply({ ...batch(5, [rowsOf(orders, rows)]), offsets: [offsetAt(5)] });
    expect(sent).toEqual([
      [0, 2],
      [2, 2],
      [4, 1],
    ]);
    expect(idsIn(all, 'orders')).toEqual(upTo(5));
  });

  it('puts a row on record that BigQuery would refuse, and writes the others', async () => {
    const all = parts();
    const sink = destination(all, { onRefusedRow: 'reject' });
    await opened(sink);
    const rows = [change(orders, 'c', [1n, 'a'], 1), change(orders, 'c', [2n, '\ud800'], 2)];
    await sink.apply(batch(2, [rowsOf(orders, rows)]));
    expect(idsIn(all, 'orders')).toEqual([1]);
    const commit = [...all.service.jobs].find(([id]) => id.includes('-commit-'))?.[1].job;
    expect(commit).toMatchObject({
      data: {
        rejects: expect.stringMatching(
          /"shop\.shop\.orders","topic_partition":0,"topic_offset":2,.*half of a UTF-16 surrogate/,
        ),
      },
    });
  });

  it('waits for no load job, and before the stream that would be one too many in an hour', async () => {
    const all = parts();
    const slept: number[] = [];
    const busy = destination(all, {
      clock: {
        nowMs: () => all.nowMs,
        sleep: async (durationMs) => {
          slept.push(durationMs);
        },
      },
    });
    const state = await opened(busy);
    for (let done = 0; done < 500; done += 1)
      await busy.apply(batchTo({ ...state, offsets: [offsetAt(done)] }, done + 1));
    expect(slept).toEqual([]);
    await busy.apply(batchTo({ ...state, offsets: [offsetAt(500)] }, 501));
    // Two streams of 8,500 an hour.
    expect(slept).toEqual([848]);
  });
});
