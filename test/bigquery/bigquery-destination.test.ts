import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BigQueryDestination } from '../../src/bigquery/bigquery-destination.ts';
import type { BigQueryContext } from '../../src/bigquery/context.ts';
import type { Job, JobId, JobOutcome } from '../../src/bigquery/job.ts';
import { type LoadPlan, loggedPlans } from '../../src/bigquery/load-plan.ts';
import { formatOffsets, parseOffsets } from '../../src/bigquery/stored-offsets.ts';
import { SluiceError } from '../../src/errors/error.ts';
import type { Clock } from '../../src/sink/clock.ts';
import type { ChangeRow, DestinationState, SinkBatch } from '../../src/sink/destination.ts';
import type { PartitionOffset } from '../../src/sink/record-source.ts';
import type { Topic } from '../../src/topic/topic-name.ts';
import {
  batch,
  change,
  cutAt,
  integer,
  rowsOf,
  schemaOf,
  seqAt,
  varchar,
} from '../duckdb/warehouse.ts';
import { MemorySinkLog } from '../sink/memory-sink-log.ts';
import { type Fault, MemoryBigQuery } from './memory-bigquery.ts';
import { memoryDestination } from './memory-destination.ts';

const orders = schemaOf('shop.orders', [
  ['id', integer],
  ['note', varchar],
]);
const TOPIC = 'shop.shop.orders' as Topic;

function destination(
  service: MemoryBigQuery,
  log: MemorySinkLog,
  changed: Partial<BigQueryContext> = {},
): BigQueryDestination {
  return memoryDestination(service, log, { clock: clockAt(() => 1_795_392_000_000), ...changed });
}

/** A clock whose sleeps take no time. */
const clockAt = (nowMs: () => number): Clock => ({ nowMs, sleep: () => Promise.resolve() });

const WAREHOUSE = '6ea39949-8beb-4830-9ddd-42d37cb7d7ee';

/** Opens the warehouse, and makes it where there is none. */
async function opened(attempt: BigQueryDestination): Promise<DestinationState> {
  return (await attempt.open()) ?? attempt.create({ warehouseId: WAREHOUSE });
}

/** A sink's log that says which warehouse it fills. */
function newLog(): MemorySinkLog {
  const log = new MemorySinkLog();
  log.record = { v: 1, warehouse: { id: WAREHOUSE, state: 'ready' } };
  return log;
}

/** The plan that is on record. */
const planOf = ({ record }: MemorySinkLog): LoadPlan | undefined =>
  record?.plan as LoadPlan | undefined;

/** The change with ordinal `n` is at offset `n - 1`. */
const rowAt = (ordinal: number): ChangeRow =>
  change(orders, 'c', [BigInt(ordinal), `note ${ordinal}`], ordinal);

const offsetAt = (offset: number): PartitionOffset => ({ topic: TOPIC, partition: 0, offset });

/** What a session would send: the rows from where the warehouse is up to an offset. */
function batchTo(state: DestinationState, until: number): SinkBatch {
  const from = state.offsets[0]?.offset ?? 0;
  const rows = Array.from({ length: until - from }, (_, index) => rowAt(from + index + 1));
  return { ...batch(until, [rowsOf(orders, rows)]), offsets: [offsetAt(until)] };
}

function loadedIds({ lines }: MemoryBigQuery): readonly number[] {
  return (lines.get('shop__orders__changes') ?? []).map((line) =>
    Number((JSON.parse(line) as { id: string }).id),
  );
}

const DAY_MS = 86_400_000;

/** Takes each load, and has it fail for a reason that passes. */
class FailingLoads extends MemoryBigQuery {
  fails = true;
  readonly #onLoad: () => void;

  constructor(onLoad: () => void) {
    super();
    this.#onLoad = onLoad;
  }

  override async submit(id: JobId, job: Job): Promise<'submitted' | 'duplicate'> {
    if (job.kind !== 'load' || !this.fails) return super.submit(id, job);
    this.#onLoad();
    const error = { reason: 'backendError', message: 'try again' };
    this.jobs.set(id, { job, outcome: { kind: 'failed', error }, slow: 0 });
    return 'submitted';
  }
}

/** Takes commits, loses the answer, and carries them out when somebody waits for them. */
class LateCommits extends MemoryBigQuery {
  areLate = false;
  readonly #waiting = new Map<JobId, Job>();

  override async submit(id: JobId, job: Job): Promise<'submitted' | 'duplicate'> {
    if (!this.areLate || !id.includes('-commit-')) return super.submit(id, job);
    this.#waiting.set(id, job);
    throw new SluiceError('bigquery.unreachable', 'No answer.');
  }

  override async outcome(id: JobId): Promise<JobOutcome | undefined> {
    return this.#waiting.has(id) ? { kind: 'running' } : super.outcome(id);
  }

  override async wait(id: JobId): Promise<JobOutcome | undefined> {
    const job = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (job) await super.submit(id, job);
    return super.outcome(id);
  }
}

describe('a BigQuery warehouse', () => {
  it('loads each row once and commits each batch once, whatever request is lost, slow or failed', async () => {
    const fault = fc.constantFrom<Fault>(
      'none',
      'none',
      'lostRequest',
      'lostAnswer',
      'jobFails',
      'slowJob',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }),
        async (faults, sizes) => {
          const script = [...faults];
          const service = new MemoryBigQuery(() => script.shift() ?? 'none');
          const log = newLog();
          const steps = [...sizes];
          let until = 0;
          while (steps.length > 0 || until > (await endOf(service))) {
            const attempt = destination(service, log);
            try {
              const state = await opened(attempt);
              const at = state.offsets[0]?.offset ?? 0;
              // An attempt that finds no plan takes what has come meanwhile, too.
              if (!state.planned) until = Math.max(until, at) + (steps.shift() ?? 0);
              const end = state.planned?.offsets[0]?.offset ?? until;
              if (end > at) await attempt.apply(batchTo(state, end));
            } catch (error) {
              if (!(error instanceof SluiceError)) throw error;
            }
          }
          expect(loadedIds(service)).toEqual(Array.from({ length: until }, (_, i) => i + 1));
          expect(Number(service.checkpoint?.[4])).toBe(planOf(log)?.commit);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('repeats a planned commit with the ids of its jobs, and sends none again that is done', async () => {
    const service = new MemoryBigQuery();
    const log = newLog();
    const first = destination(service, log, {
      reach: (point) => {
        if (point === 'sinkBeforeCommit') throw new Error('killed');
      },
    });
    const state = await opened(first);
    await expect(first.apply(batchTo(state, 3))).rejects.toThrow('killed');
    const second = destination(service, log);
    const found = await opened(second);
    expect(found.planned).toEqual({ offsets: [offsetAt(3)], cut: cutAt(3) });
    await second.apply(batchTo(found, 3));
    expect(loadedIds(service)).toEqual([1, 2, 3]);
    expect(log.saved).toHaveLength(1);
    expect([...service.jobs.keys()].filter((id) => id.includes('-load-'))).toHaveLength(1);
  });

  it('refuses other records than those that were planned', async () => {
    const service = new MemoryBigQuery(() => 'none');
    const log = newLog();
    const first = destination(service, log);
    const state = await opened(first);
    await loggedPlans(log).store({
      warehouseId: state.warehouseId,
      commit: 1,
      offsets: [offsetAt(2)],
      cut: cutAt(2),
      ingestedAtUs: 0,
    });
    const second = destination(service, log);
    const found = await opened(second);
    await expect(second.apply(batchTo(found, 3))).rejects.toThrow('planned with other records');
  });

  it('commits nothing when another writer has committed meanwhile', async () => {
    const service = new MemoryBigQuery();
    const one = destination(service, newLog());
    const other = destination(service, newLog());
    const state = await opened(one);
    await opened(other);
    await one.apply(batchTo(state, 2));
    await expect(other.apply(batchTo(state, 1))).rejects.toMatchObject({
      code: 'bigquery.other-writer',
    });
    expect(service.checkpoint?.[5]).toBe(formatOffsets([offsetAt(2)]));
  });

  it('is lost when it was restored to a state from before its last commit', async () => {
    const service = new MemoryBigQuery();
    const log = newLog();
    const first = destination(service, log);
    const state = await opened(first);
    await first.apply(batchTo(state, 1));
    const restored = service.checkpoint;
    await first.apply({ ...batchTo({ ...state, offsets: [offsetAt(1)] }, 2) });
    await first.apply({ ...batchTo({ ...state, offsets: [offsetAt(2)] }, 3) });
    service.checkpoint = restored;
    await expect(destination(service, log).open()).rejects.toMatchObject({
      code: 'sink.warehouse-lost',
    });
  });

  it('is lost when a planned commit was made, and undone by a restore', async () => {
    const service = new MemoryBigQuery();
    const log = newLog();
    const first = destination(service, log);
    const state = await opened(first);
    const restored = service.checkpoint;
    await first.apply(batchTo(state, 1));
    service.checkpoint = restored;
    await expect(destination(service, log).open()).rejects.toMatchObject({
      code: 'sink.warehouse-lost',
    });
  });

  it('waits for a commit that is under way when it is opened, and repeats nothing of it', async () => {
    const service = new LateCommits();
    const log = newLog();
    const first = destination(service, log);
    const state = await opened(first);
    service.areLate = true;
    await expect(first.apply(batchTo(state, 2))).rejects.toMatchObject({
      code: 'bigquery.unreachable',
    });
    expect(service.checkpoint?.[4]).toBe('0');
    const found = await destination(service, log).open();
    expect(found).toMatchObject({ offsets: [offsetAt(2)], cut: { commitOrdinal: 2 } });
    expect(found).not.toHaveProperty('planned');
    expect(loadedIds(service)).toEqual([1, 2]);
  });

  it('that is begun anew takes nothing over, and keeps the rows of the old one under other names', async () => {
    const service = new MemoryBigQuery();
    const log = newLog();
    const first = destination(service, log);
    await first.apply(batchTo(await opened(first), 2));
    const second = destination(service, log);
    await second.open();
    const start = { cut: cutAt(7), offsets: [offsetAt(7)] };
    const state = await second.create({ warehouseId: 'another', start });
    expect(state).toEqual({ warehouseId: 'another', cut: cutAt(7), offsets: [offsetAt(7)] });
    expect(service.entries.size).toBe(0);
    const sql = [...service.jobs.values()].map(({ job }) => (job.kind === 'query' ? job.sql : ''));
    expect(sql.join('\n')).toContain(
      `\`shop__orders__changes\` RENAME TO \`shop__orders__changes__${WAREHOUSE}\``,
    );
  });

  it('takes no rows over from tables whose checkpoint is lost', async () => {
    const service = new MemoryBigQuery();
    const log = newLog();
    const first = destination(service, log);
    await first.apply(batchTo(await opened(first), 2));
    service.checkpoint = undefined;
    const second = destination(service, log);
    expect(await second.open()).toBeUndefined();
    await second.create({ warehouseId: 'another' });
    const sql = [...service.jobs.values()].map(({ job }) => (job.kind === 'query' ? job.sql : ''));
    expect(sql.join('\n')).toContain('RENAME TO `shop__orders__changes__before-another`');
  });

  it('shows a table that was there before it began as incomplete, until a snapshot of it has ended', async () => {
    const service = new MemoryBigQuery();
    const log = newLog();
    const late = destination(service, log);
    await late.create({ warehouseId: WAREHOUSE, start: { cut: cutAt(7), offsets: [] } });
    const schema = { kind: 'schema', table: 'shop.orders', schemaId: rowsOf(orders, []).schemaId };
    const known = { ...batch(8, [], [{ ...schema, seq: seqAt(3) } as never]) };
    const schemas = new Map([[rowsOf(orders, []).schemaId, orders]]);
    await late.apply({ ...known, schemas });
    const status = (): string | null | undefined => service.entries.get('shop.orders')?.['status'];
    const snapshot = (kind: 'snapshotBegin' | 'snapshotEnd', ordinal: number, covers?: number) =>
      late.apply(
        batch(
          ordinal,
          [],
          [
            {
              kind,
              table: 'shop.orders',
              snapshotId: 's',
              seq: seqAt(ordinal),
              ...(covers === undefined ? {} : { covers: seqAt(covers) }),
            } as never,
          ],
        ),
      );
    expect(status()).toBe('incomplete');
    await snapshot('snapshotEnd', 9, 5);
    expect(status()).toBe('incomplete');
    await snapshot('snapshotBegin', 10);
    await snapshot('snapshotEnd', 11, 10);
    expect(status()).toBe('consistent');
  });

  it('of another pipeline is refused', async () => {
    const service = new MemoryBigQuery();
    await opened(destination(service, newLog()));
    const other = destination(service, newLog(), { pipeline: 'crm' });
    await expect(other.open()).rejects.toMatchObject({ code: 'sink.foreign-warehouse' });
  });

  it('sends nothing while only the position moves, until it is time to', async () => {
    let nowMs = 1_795_392_000_000;
    const service = new MemoryBigQuery();
    const quiet = destination(service, newLog(), {
      quietCommitMs: 600_000,
      clock: clockAt(() => nowMs),
    });
    const state = await opened(quiet);
    await quiet.apply(batchTo(state, 1));
    const sent = service.jobs.size;
    nowMs += 599_000;
    await quiet.apply({ ...batch(2, []), offsets: [offsetAt(2)] });
    expect(service.jobs.size).toBe(sent);
    nowMs += 2_000;
    await quiet.apply({ ...batch(3, []), offsets: [offsetAt(3)] });
    expect(service.checkpoint?.[5]).toBe(formatOffsets([offsetAt(3)]));
  });

  it('does not keep rows waiting that came with an earlier commit, also after a restart', async () => {
    const service = new MemoryBigQuery();
    const log = newLog();
    const quietly = { quietCommitMs: 600_000 };
    const first = destination(service, log, quietly);
    await opened(first);
    await first.apply({ ...batch(1, [rowsOf(orders, [rowAt(3)])]), offsets: [offsetAt(3)] });
    const second = destination(service, log, quietly);
    await opened(second);
    await second.apply({ ...batch(2, []), offsets: [] });
    expect(service.checkpoint?.[8]).toBe('2');
    await second.apply({ ...batch(3, []), offsets: [] });
    expect(service.checkpoint?.[8]).toBe('3');
    await second.apply({ ...batch(4, []), offsets: [] });
    expect(service.checkpoint?.[8]).toBe('3');
  });

  it('waits before the load that would use up what BigQuery allows in a day', async () => {
    const slept: number[] = [];
    const busy = destination(new MemoryBigQuery(), newLog(), {
      clock: {
        nowMs: () => 1_795_392_000_000,
        sleep: async (durationMs) => {
          slept.push(durationMs);
        },
      },
    });
    const state = await opened(busy);
    for (let done = 0; done < 400; done += 1)
      await busy.apply(batchTo({ ...state, offsets: [offsetAt(done)] }, done + 1));
    expect(slept).toEqual([]);
    await busy.apply(batchTo({ ...state, offsets: [offsetAt(400)] }, 401));
    expect(slept).toEqual([86_400]);
  });

  it('spends no more of a day on a load that fails than BigQuery allows, and loads it when it can', async () => {
    let nowMs = 1_795_392_000_000;
    const times: number[] = [];
    const service = new FailingLoads(() => times.push(nowMs));
    const log = newLog();
    const clock: Clock = {
      nowMs: () => nowMs,
      sleep: async (durationMs) => {
        nowMs += durationMs;
      },
    };
    const attempt = async (): Promise<void> => {
      const sink = destination(service, log, { clock });
      await sink.apply(batchTo(await opened(sink), 2));
    };
    for (const end = nowMs + 2 * DAY_MS; nowMs < end; nowMs += 30_000)
      await expect(attempt()).rejects.toMatchObject({ code: 'bigquery.unreachable' });
    const counts = times.map((time, index) => {
      const first = times.findIndex((earlier) => earlier > time - DAY_MS);
      return index - first + 1;
    });
    expect(Math.max(...counts)).toBeLessThanOrEqual(1_500);
    expect(times.length).toBeGreaterThan(1_000);
    service.fails = false;
    await attempt();
    expect(loadedIds(service)).toEqual([1, 2]);
  });

  it('puts a row on record that BigQuery would refuse, and loads the others', async () => {
    const service = new MemoryBigQuery();
    let refused = 0;
    const rejecting = destination(service, newLog(), {
      onRefusedRow: 'reject',
      onRefused: (rows) => {
        refused += rows;
      },
    });
    await opened(rejecting);
    const half = change(orders, 'c', [2n, '\ud800'], 2);
    await rejecting.apply(batch(2, [rowsOf(orders, [rowAt(1), half])]));
    expect(loadedIds(service)).toEqual([1]);
    const commit = [...service.jobs].find(([id]) => id.includes('-commit-'))?.[1].job;
    expect(commit).toMatchObject({
      data: {
        rejects: expect.stringMatching(
          /"shop\.shop\.orders","topic_partition":0,"topic_offset":2,.*half of a UTF-16 surrogate/,
        ),
      },
    });
    expect(refused).toBe(1);
  });
});

async function endOf({ checkpoint }: MemoryBigQuery): Promise<number> {
  return parseOffsets(checkpoint?.[5] ?? '[]')[0]?.offset ?? 0;
}
