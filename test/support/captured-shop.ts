import { expect } from 'vitest';
import type { CascadingKey } from '../../src/capture/cascades.ts';
import type { CaptureNotice, CaptureProgress } from '../../src/capture/progress.ts';
import type { CaptureInput } from '../../src/capture/run-capture.ts';
import { type TableName, tableName } from '../../src/change/table.ts';
import { parseControlRecord } from '../../src/topic/control-record.ts';
import { internalTopics } from '../../src/topic/topic-name.ts';
import { attempt, isCaughtUp, PREFIX } from './capture-attempt.ts';
import { InMemoryBroker } from './in-memory-log.ts';
import { SimulatedMysql } from './simulated-mysql.ts';
import { type OracleStatus, TopicOracle } from './topic-oracle.ts';

export const A = 'shop.a' as TableName;
export const B = 'shop.b' as TableName;

/** A source with tables `a` and `b`, five rows each. */
export function shop(): SimulatedMysql {
  const source = new SimulatedMysql(() => 0.5);
  for (const name of ['a', 'b']) create(source, name);
  for (let id = 1; id <= 5; id += 1) source.write([insert(A, id, id), insert(B, id, id)]);
  source.settle();
  return source;
}

export function create(
  source: SimulatedMysql,
  table: string,
  key: readonly string[] = ['id'],
): void {
  const id = SimulatedMysql.id(table);
  source.execute(`CREATE TABLE ${table} (id INT PRIMARY KEY, v INT)`, (tables) => {
    tables.set(tableName(id), { id, columns: ['id', 'v'], key, rows: new Map() });
  });
}

export const row = (id: number, v: number) =>
  new Map([
    ['id', id],
    ['v', v],
  ]);
export const insert = (table: TableName, id: number, v: number) =>
  ({ table, op: 'insert', after: row(id, v) }) as const;
export const update = (table: TableName, id: number, from: number, to: number) =>
  ({ table, op: 'update', before: row(id, from), after: row(id, to) }) as const;
export const remove = (table: TableName, id: number, v: number) =>
  ({ table, op: 'delete', before: row(id, v) }) as const;

/** A foreign key between tables by the name of their column `id`, or others of the parent. */
export const cascadingKey = (
  parent: string,
  child: string,
  acts: 'delete' | 'update',
  columns: readonly string[] = ['id'],
): CascadingKey => ({
  parent: SimulatedMysql.id(parent),
  child: SimulatedMysql.id(child),
  onDelete: acts === 'delete',
  onUpdate: acts === 'update',
  columns,
});

/** Capture of such a source into topics in memory, attempt after attempt. */
export class Pipeline {
  readonly source: SimulatedMysql;
  readonly broker = new InMemoryBroker();
  readonly notices: CaptureNotice[] = [];
  #epoch = 0;

  constructor(source = shop()) {
    this.source = source;
  }

  /** Captures until nothing is left to be done. */
  run(input: Partial<CaptureInput> = {}, until = () => true, nowMs?: () => number): Promise<void> {
    const isDone = (progress: CaptureProgress) => isCaughtUp(this.source, progress) && until();
    return this.runUntil(isDone, input, nowMs);
  }

  async runUntil(
    isDone: (progress: CaptureProgress) => boolean,
    input: Partial<CaptureInput> = {},
    nowMs?: () => number,
  ): Promise<void> {
    const tripwire = { hasCommitted: this.#epoch > 0, epoch: this.#epoch };
    await attempt({
      source: this.source,
      broker: this.broker,
      input: { tripwire, ...input },
      ...(nowMs ? { nowMs } : {}),
      onNotice: (notice) => {
        this.notices.push(notice);
        if (notice.kind === 'started') this.#epoch = notice.epoch;
      },
      isDone,
    });
  }

  get oracle(): TopicOracle {
    const oracle = new TopicOracle(PREFIX);
    oracle.take(this.broker.committed);
    return oracle;
  }

  status(name: TableName): OracleStatus | undefined {
    return this.oracle.status(name);
  }

  /** What the topics fold to, beside what the source has. */
  expectEqual(name: TableName): void {
    const rows = [...(this.source.tables.get(name)?.rows.values() ?? [])];
    expect(this.oracle.rows(name)).toEqual(rows.map((each) => Object.fromEntries(each)));
    expect(this.status(name)).toBe('consistent');
  }

  /** GTID set of the newest checkpoint. */
  get committed(): string | undefined {
    const newest = this.broker.committed.findLast(({ key }) => key === 'checkpoint');
    return (JSON.parse(newest?.value ?? '{}') as { readonly gtidSet?: string }).gtidSet;
  }

  controls(name: TableName): readonly string[] {
    const { control } = internalTopics(PREFIX);
    return this.broker.committed
      .filter(({ topic, key }) => topic === control && key === name)
      .map(({ value }) => parseControlRecord(value ?? '').kind);
  }
}
