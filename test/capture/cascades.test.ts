import { describe, expect, it } from 'vitest';
import { Cascades, type CascadingKey } from '../../src/capture/cascades.ts';
import type { GtidSetText } from '../../src/change/gtid.ts';
import { type TableName, tableName } from '../../src/change/table.ts';

const NOTHING = '' as GtidSetText;

const id = (table: string) => ({ database: 'shop', table });

function key(
  parent: string,
  child: string,
  ...acts: readonly ('delete' | 'update')[]
): CascadingKey {
  return {
    parent: id(parent),
    child: id(child),
    onDelete: acts.includes('delete'),
    onUpdate: acts.includes('update'),
    columns: ['id'],
  };
}

/** orders → lines → notes on delete; orders → invoices on update; lines → stock on update. */
const KEYS = [
  key('orders', 'lines', 'delete'),
  key('lines', 'notes', 'delete'),
  key('orders', 'invoices', 'update'),
  key('lines', 'stock', 'update'),
];

function reached(parent: string, change: 'delete' | 'update', keys = KEYS): readonly string[] {
  const cascades = new Cascades();
  cascades.learn(keys, NOTHING);
  return cascades
    .reachedFrom(tableName(id(parent)), change)
    .map(({ table }) => table)
    .toSorted();
}

describe('the tables that a change reaches through foreign keys', () => {
  it('are those of its own kind at the first key, and all behind it', () => {
    expect(reached('orders', 'delete')).toEqual(['lines', 'notes', 'stock']);
    expect(reached('orders', 'update')).toEqual(['invoices']);
    expect(reached('lines', 'update')).toEqual(['stock']);
    expect(reached('notes', 'delete')).toEqual([]);
  });

  it('are each named once, also where keys go round', () => {
    const round = [key('a', 'b', 'delete'), key('b', 'a', 'delete'), key('a', 'a', 'delete')];
    expect(reached('a', 'delete', round)).toEqual(['a', 'b']);
  });

  it('are those that a statement may have added until the source has been asked after it', () => {
    const cascades = new Cascades();
    cascades.learn([], NOTHING);
    const before = cascades.suspicions;
    cascades.suspect(key('a', 'b', 'delete'));
    const between = cascades.suspicions;
    cascades.suspect(key('a', 'c', 'delete'));
    const reachedFromA = () =>
      cascades.reachedFrom('shop.a' as TableName, 'delete').map(({ table }) => table);
    expect(reachedFromA()).toEqual(['b', 'c']);
    cascades.learn([], NOTHING, before);
    expect(reachedFromA()).toEqual(['b', 'c']);
    cascades.learn([key('a', 'b', 'delete')], NOTHING, between);
    expect(reachedFromA()).toEqual(['b', 'c']);
    cascades.learn([key('a', 'b', 'delete')], NOTHING, cascades.suspicions);
    expect(reachedFromA()).toEqual(['b']);
  });

  it('are those of the keys learnt last', () => {
    const cascades = new Cascades();
    cascades.learn(KEYS, NOTHING);
    const orders = 'shop.orders' as TableName;
    expect(cascades.reachedFrom(orders, 'update')).toHaveLength(1);
    cascades.learn([], NOTHING);
    expect(cascades.reachedFrom(orders, 'update')).toEqual([]);
    expect(cascades.children.size).toBe(0);
  });
});
