import { describe, expect, it } from 'vitest';
import type { Sequence } from '../../src/change/sequence.ts';
import type { TableName } from '../../src/change/table.ts';
import type { SnapshotPlan } from '../../src/snapshot/plan.ts';
import {
  addAfterRemoval,
  addTables,
  advanceTable,
  cancelSnapshot,
  emptyPlan,
  finishedRequests,
  finishTable,
  nextTable,
  removeTable,
  restarted,
  type SnapshotRequest,
} from '../../src/snapshot/plan.ts';

const t = (name: string): TableName => `shop.${name}` as TableName;
const request = (
  snapshotId: string,
  mode: SnapshotRequest['mode'] = 'initial',
): SnapshotRequest => ({
  snapshotId,
  mode,
  beganAt: `00000001/000000000000000${snapshotId.length}/00000000` as Sequence,
  startedAtMs: 1,
});
const names = (plan: SnapshotPlan): readonly string[] => plan.tables.map(({ table }) => table);

describe('a snapshot plan', () => {
  it('takes tables in the order they were asked for, the second request behind the first', () => {
    const first = addTables(emptyPlan(), [t('b'), t('a')], request('one'));
    const both = addTables(first, [t('c')], request('two'));
    expect(names(both)).toEqual(['shop.b', 'shop.a', 'shop.c']);
    expect(nextTable(both)?.table).toBe('shop.b');
  });

  it('moves the cursor and counts the rows of the table that was read, and of no other', () => {
    const plan = addTables(emptyPlan(), [t('a'), t('b')], request('one'));
    const moved = advanceTable(advanceTable(plan, t('a'), ['10'], 10), t('a'), ['20'], 10);
    expect(moved.tables[0]).toMatchObject({ cursor: ['20'], rows: 20 });
    expect(moved.tables[1]).not.toHaveProperty('cursor');
    expect(plan.tables[0]).not.toHaveProperty('cursor');
  });

  it('keeps what is finished for progress until it is empty and asked again', () => {
    let plan = addTables(emptyPlan(), [t('a'), t('b')], request('one'));
    plan = finishTable(advanceTable(plan, t('a'), ['5'], 5), t('a'), 3);
    expect(plan).toMatchObject({ finishedTables: 1, finishedRows: 8 });
    expect(names(plan)).toEqual(['shop.b']);
    plan = finishTable(plan, t('b'), 1);
    expect(plan).toMatchObject({ tables: [], finishedTables: 2, finishedRows: 9 });
    expect(nextTable(plan)).toBeUndefined();
    expect(addTables(plan, [t('a')], request('two'))).toMatchObject({
      finishedTables: 0,
      finishedRows: 0,
    });
  });

  it('reads a table again from its first row, after the others, when a second request names it', () => {
    const running = advanceTable(
      addTables(emptyPlan(), [t('a'), t('b')], request('one')),
      t('a'),
      ['9'],
      9,
    );
    const merged = addTables(running, [t('a')], request('two'));
    expect(names(merged)).toEqual(['shop.b', 'shop.a']);
    expect(merged.tables[1]).toMatchObject({ snapshotId: 'two', rows: 0 });
    expect(merged.tables[1]).not.toHaveProperty('cursor');
  });

  it('still sweeps a table whose sweep was merged into a plain request', () => {
    const sweeping = addTables(emptyPlan(), [t('a')], request('one', 'sweep'));
    expect(addTables(sweeping, [t('a')], request('two')).tables[0]?.mode).toBe('sweep');
  });

  it('drops what is left of a cancelled request only', () => {
    const both = addTables(
      addTables(emptyPlan(), [t('a'), t('b')], request('one')),
      [t('c')],
      request('two'),
    );
    expect(names(cancelSnapshot(both, 'one'))).toEqual(['shop.c']);
  });

  it('keeps the end of a request on record, with what was read for it', () => {
    let plan = addTables(emptyPlan(), [t('a'), t('b')], request('one'));
    plan = finishTable(advanceTable(plan, t('a'), ['5'], 5), t('a'), 3);
    expect(finishedRequests(plan)).toEqual([]);
    plan = finishTable(plan, t('b'), 1);
    expect(finishedRequests(plan)).toEqual([{ snapshotId: 'one', tables: 2, rows: 9 }]);
    expect(finishedRequests(addTables(plan, [t('a')], request('two')))).toHaveLength(1);
  });

  it('has a request without tables finished at once', () => {
    const plan = addTables(emptyPlan(), [], request('none'));
    expect(finishedRequests(plan)).toEqual([{ snapshotId: 'none', tables: 0, rows: 0 }]);
  });

  it('answers an earlier request with what is read for a later one', () => {
    const both = addTables(
      addTables(emptyPlan(), [t('a')], request('one')),
      [t('a')],
      request('two'),
    );
    expect(finishedRequests(both)).toEqual([]);
    expect(finishedRequests(finishTable(both, t('a'), 4))).toEqual([
      { snapshotId: 'one', tables: 1, rows: 4 },
      { snapshotId: 'two', tables: 1, rows: 4 },
    ]);
  });

  it('still reads a table for the request that is left when the other is cancelled', () => {
    const both = addTables(
      addTables(emptyPlan(), [t('a')], request('one')),
      [t('a')],
      request('two'),
    );
    for (const [cancelled, left] of [
      ['one', 'two'],
      ['two', 'one'],
    ] as const) {
      const plan = cancelSnapshot(both, cancelled);
      expect(plan.tables[0]?.snapshotId).toBe(left);
      expect(finishedRequests(finishTable(plan, t('a'), 1))).toEqual([
        { snapshotId: left, tables: 1, rows: 1 },
      ]);
    }
  });

  it('takes an id that comes again after its end for another request', () => {
    const done = finishTable(addTables(emptyPlan(), [t('a')], request('one')), t('a'), 4);
    const again = addTables(done, [t('a')], request('one'));
    expect(finishedRequests(again)).toEqual([]);
    expect(finishedRequests(finishTable(again, t('a'), 2))).toEqual([
      { snapshotId: 'one', tables: 1, rows: 2 },
    ]);
  });

  it('forgets the oldest finished requests, never one that runs', () => {
    let plan = addTables(emptyPlan(), [t('a')], request('running'));
    for (let index = 0; index < 40; index += 1)
      plan = addTables(plan, [], request(`empty${index}`));
    expect(finishedRequests(plan)).toHaveLength(32);
    expect(finishedRequests(plan)[0]?.snapshotId).toBe('empty8');
    expect(finishedRequests(finishTable(plan, t('a'), 1))).toContainEqual({
      snapshotId: 'running',
      tables: 1,
      rows: 1,
    });
  });

  it('is left alone by the end of a table it does not hold', () => {
    const plan = addTables(emptyPlan(), [t('a')], request('one'));
    expect(finishTable(plan, t('gone'), 5)).toBe(plan);
  });

  it('finishes a copy whose table has lost rows meanwhile, and then reads the table once more', () => {
    const begun = advanceTable(
      addTables(emptyPlan(), [t('a'), t('b')], request('one')),
      t('a'),
      ['9'],
      9,
    );
    const rotated = addAfterRemoval(begun, t('a'), request('later', 'sweep'));
    expect(rotated.tables[0]).toMatchObject({ snapshotId: 'one', cursor: ['9'] });
    const ended = finishTable(rotated, t('a'), 1);
    expect(names(ended)).toEqual(['shop.b', 'shop.a']);
    expect(ended.tables[1]).toMatchObject({ ...request('later', 'sweep'), rows: 0 });
    expect(ended.tables[1]).not.toHaveProperty('cursor');
    expect(ended.tables[1]).not.toHaveProperty('again');
    expect(finishedRequests(finishTable(ended, t('a'), 10))).toEqual([
      { snapshotId: 'later', tables: 1, rows: 10 },
    ]);
  });

  it('begins a copy at once when rows of a table were removed that is not being read', () => {
    const plan = addAfterRemoval(emptyPlan(), t('a'), request('one', 'sweep'));
    expect(plan.tables).toMatchObject([{ table: 'shop.a', snapshotId: 'one', mode: 'sweep' }]);
  });

  it('begins every copy anew with a sweep after a break of continuity', () => {
    const begun = advanceTable(
      addTables(emptyPlan(), [t('a'), t('b')], request('one')),
      t('a'),
      ['9'],
      9,
    );
    const since = '00000002/0000000000000001/00000000' as Sequence;
    for (const copy of restarted(begun, since).tables) {
      expect(copy).toMatchObject({ mode: 'sweep', beganAt: since, rows: 0 });
      expect(copy).not.toHaveProperty('cursor');
    }
  });

  it('answers a request without the table that can no longer be read', () => {
    const plan = addTables(emptyPlan(), [t('a'), t('b')], request('one'));
    const left = finishTable(removeTable(plan, t('a')), t('b'), 3);
    expect(finishedRequests(left)).toEqual([{ snapshotId: 'one', tables: 1, rows: 3 }]);
  });
});
