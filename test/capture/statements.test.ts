import { describe, expect, it } from 'vitest';
import type { TableName } from '../../src/change/table.ts';
import { tableTopic } from '../../src/topic/topic-name.ts';
import { PREFIX } from '../support/capture-attempt.ts';
import { A, B, create, insert, Pipeline, remove, update } from '../support/captured-shop.ts';
import { SimulatedMysql } from '../support/simulated-mysql.ts';

const unchanged = (): void => undefined;

describe('a transaction that is rolled back after its rows have come into the log', () => {
  it('has its tables copied again with a sweep, and no other', async () => {
    const pipeline = new Pipeline();
    await pipeline.run();
    const [ofA, ofB] = [pipeline.controls(A), pipeline.controls(B)];
    pipeline.source.rollBack([insert(A, 6, 6), update(A, 1, 1, 10), remove(A, 2, 2)]);
    await pipeline.run();
    pipeline.expectEqual(A);
    expect(pipeline.oracle.rows(A)).toHaveLength(5);
    const sequel = ['tableGap', 'snapshotBegin', 'sweep', 'snapshotEnd'];
    expect(pipeline.controls(A).slice(ofA.length)).toEqual(sequel);
    expect(pipeline.controls(B)).toEqual(ofB);
  });

  it('is known as that after a restart between its rows, also for tables whose rows are all downstream', async () => {
    const pipeline = new Pipeline();
    await pipeline.run();
    const rowsOf = (table: TableName) =>
      Array.from({ length: 6 }, (_, index) => insert(table, 100 + index, index));
    pipeline.source.rollBack([...rowsOf(A), ...rowsOf(B)]);
    // A batch of one row each, so that the attempt ends with some of them committed.
    const rows = (table: TableName) => pipeline.oracle.rows(table).length;
    await pipeline.runUntil(() => rows(A) === 11 && rows(B) > 5, { maxBatchRows: 1 });
    expect(rows(B)).toBeLessThan(11);
    expect(pipeline.status(A)).toBe('consistent');
    await pipeline.run();
    pipeline.expectEqual(A);
    pipeline.expectEqual(B);
    expect([rows(A), rows(B)]).toEqual([5, 5]);
  });
});

describe('a statement that changes rows itself', () => {
  it('stops the stream where nothing says which tables it touches', async () => {
    const pipeline = new Pipeline();
    await pipeline.run();
    pipeline.source.write([insert(A, 6, 6)]);
    pipeline.source.execute('SELECT `shop`.`book`()', unchanged);
    await expect(pipeline.run()).rejects.toMatchObject({ code: 'binlog.unsupported' });
    // What the log has before it is downstream.
    pipeline.expectEqual(A);
    expect(pipeline.oracle.rows(A)).toHaveLength(6);
  });

  it('of a table that nobody follows stops nothing', async () => {
    const pipeline = new Pipeline();
    await pipeline.run();
    pipeline.source.execute('UPDATE other.u SET x = 1', unchanged);
    pipeline.source.write([insert(A, 6, 6)]);
    await pipeline.run();
    pipeline.expectEqual(A);
    pipeline.expectEqual(B);
  });
});

describe('a statement that changes no stored value', () => {
  it.each([
    ['ALTER TABLE a ADD COLUMN n INT DEFAULT 7', 7],
    ['ALTER TABLE a ADD COLUMN n INT', null],
    ['ALTER TABLE a ADD COLUMN n INT DEFAULT NULL', null],
    ["ALTER TABLE a COMMENT 'orders of the shop'", undefined],
    ['ALTER TABLE a ADD INDEX by_v (v)', undefined],
    ['ALTER TABLE a RENAME INDEX by_v TO v_first', undefined],
    ["ALTER TABLE a ENCRYPTION='Y'", undefined],
    ['OPTIMIZE TABLE a', undefined],
  ])('costs no copy: %s', async (sql, added) => {
    const pipeline = new Pipeline();
    await pipeline.run();
    const before = pipeline.controls(A).length;
    pipeline.source.execute(sql, (tables) => {
      const table = tables.get(A);
      if (!table || added === undefined) return;
      const rows = [...table.rows].map(
        ([key, each]) => [key, new Map([...each, ['n', added]])] as const,
      );
      tables.set(A, { ...table, columns: [...table.columns, 'n'], rows: new Map(rows) });
    });
    pipeline.source.write([insert(B, 6, 6)]);
    await pipeline.run();
    const since = pipeline.controls(A).slice(before);
    expect(since.filter((kind) => kind !== 'schema' && kind !== 'columns')).toEqual([]);
    expect(pipeline.status(A)).toBe('consistent');
  });
});

describe('a partition that is dropped', () => {
  /** Rows of the table go, and nothing in the log says which. */
  function dropPartition(pipeline: Pipeline, id: number): void {
    pipeline.source.execute('ALTER TABLE b DROP PARTITION p0', (tables) => {
      const table = tables.get(B);
      if (!table) return;
      tables.set(B, {
        ...table,
        rows: new Map([...table.rows].filter(([key]) => key !== String(id))),
      });
    });
  }

  it('leaves the copy under way where it is; another one with a sweep follows', async () => {
    const pipeline = new Pipeline();
    const { source } = pipeline;
    const asked: (string | undefined)[] = [];
    let hasDropped = false;
    source.onChunk = ({ table, after }) => {
      if (table.table !== 'b') return undefined;
      asked.push(after?.[0]);
      if (after?.[0] === '3' && !hasDropped) {
        hasDropped = true;
        dropPartition(pipeline, 1);
      }
      return undefined;
    };
    await pipeline.run({ chunkRows: 1 }, () => hasDropped);
    pipeline.expectEqual(B);
    const kinds = pipeline.controls(B);
    expect(kinds.filter((kind) => kind === 'snapshotEnd')).toHaveLength(2);
    // Up to its end the first copy never went back; only then does the second one begin.
    const secondBegins = asked.lastIndexOf(undefined);
    expect(asked.slice(0, secondBegins).map((key) => Number(key ?? 0))).toEqual(
      asked
        .slice(0, secondBegins)
        .map((key) => Number(key ?? 0))
        .toSorted((a, b) => a - b),
    );
    expect(asked.slice(0, secondBegins)).toContain('4');
    expect(kinds.lastIndexOf('sweep')).toBeGreaterThan(kinds.indexOf('snapshotEnd'));
  });

  it('again and again keeps no table behind it from being copied', async () => {
    const pipeline = new Pipeline();
    const { source } = pipeline;
    let next = 100;
    source.onChunk = ({ table }) => {
      if (table.table === 'a' && next < 110) {
        next += 1;
        dropPartition(pipeline, next);
      }
      return undefined;
    };
    await pipeline.run({ chunkRows: 1 });
    pipeline.expectEqual(A);
    pipeline.expectEqual(B);
  });
});

describe('a table that gh-ost migrates', () => {
  const GHOST = 'shop._a_gho' as TableName;
  const OLD = 'shop._a_del' as TableName;

  function migrate({ source }: Pipeline): void {
    create(source, '_a_gho');
    source.write([1, 2, 3, 4, 5].map((id) => insert(GHOST, id, id)));
    source.write([update(A, 5, 5, 50), update(GHOST, 5, 5, 50)]);
    source.execute('RENAME TABLE a TO _a_del, _a_gho TO a', (tables) => {
      const [old, made] = [tables.get(A), tables.get(GHOST)];
      if (!old || !made) throw new Error('a table is missing');
      tables.delete(GHOST);
      tables.set(A, { ...made, id: old.id });
      tables.set(OLD, { ...old, id: SimulatedMysql.id('_a_del') });
    });
    source.write([insert(A, 6, 6)]);
    source.execute('DROP TABLE _a_del', (tables) => {
      tables.delete(OLD);
    });
  }

  it('costs one copy, and no row of the ghost is passed on', async () => {
    const pipeline = new Pipeline();
    const exclude = ['shop._a_gho', 'shop._a_del'];
    await pipeline.run({ exclude });
    const copies = () => pipeline.controls(A).filter((kind) => kind === 'snapshotBegin').length;
    expect(copies()).toBe(1);
    migrate(pipeline);
    await pipeline.run({ exclude });
    pipeline.expectEqual(A);
    expect(copies()).toBe(2);
    for (const table of ['_a_gho', '_a_del']) {
      const topic = tableTopic(PREFIX, SimulatedMysql.id(table));
      expect(pipeline.broker.committed.filter((record) => record.topic === topic)).toEqual([]);
    }
  });

  it('costs one copy of the table alone where ghosts are followed', async () => {
    const pipeline = new Pipeline();
    await pipeline.run();
    migrate(pipeline);
    await pipeline.run();
    pipeline.expectEqual(A);
    const copies = (name: TableName) =>
      pipeline.controls(name).filter((kind) => kind === 'snapshotBegin').length;
    expect([copies(A), copies(GHOST), copies(OLD)]).toEqual([2, 0, 0]);
  });
});
