import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bigQueryLayout,
  bigQueryNaming,
  columnName,
  functionName,
  relationName,
  sourceName,
} from '../../src/bigquery/names.ts';
import type { TableName } from '../../src/change/table.ts';
import { numberedName } from '../../src/view/name-escape.ts';

describe('names in BigQuery', () => {
  it.each([
    ['order_id', 'order_id'],
    ['Größe', 'Gr_xF6__xDF_e'],
    ['a b.c', 'a_x20_b_x2E_c'],
    ['2nd', '_x32_nd'],
    ['_PARTITIONDATE', '_x5F_PARTITIONDATE'],
    ['a_x20_b', 'a_x5F_x20_b'],
  ])('a column %s is called %s', (source, name) => {
    expect(columnName(source)).toBe(name);
  });

  it('of an earlier version are what they were, also beside the physical tables', () => {
    const layout = bigQueryLayout('acme', 'sluice_shop', {
      dataset: 'sluice_shop',
      table: '{database}_{table}',
    });
    const naming = bigQueryNaming(layout);
    const id = { database: 'shop', table: 'orders' };
    const table = { id, name: 'shop.orders' as TableName };
    expect(naming.unrecorded(table)).toEqual({
      schema: 'sluice_shop',
      view: 'shop_orders',
      storage: 'shop__orders',
    });
    expect(naming.plain(id).schema).toBe('sluice_shop_x0_2');
  });

  it('are legal, never shared by two source names, and lead back to them', () => {
    const source = fc.oneof(
      fc.string({ minLength: 1, unit: 'grapheme' }),
      fc
        .array(fc.constantFrom('_x', '5F', '_', '20', 'a', ' '), { minLength: 1 })
        .map((p) => p.join('')),
    );
    fc.assert(
      fc.property(source, (text) => {
        const column = columnName(text);
        expect(column).toMatch(/^[A-Za-z_][A-Za-z0-9_]{0,299}$/);
        // What is cut says so; nothing leads to a name that the source has not.
        expect([text, undefined]).toContain(sourceName(column));
        if (sourceName(column) === undefined) expect(column.length).toBeGreaterThan(280);
        const relation = relationName(text);
        expect(sourceName(relation)).toBe(text);
        expect(sourceName(numberedName(relation, 12))).toBe(text);
        expect(functionName(relation)).toMatch(/^\w{1,249}$/);
        expect([text, undefined]).toContain(sourceName(functionName(relation)));
      }),
    );
  });

  it('are shortened where the limit of BigQuery is, and stay different', () => {
    const [one, other] = ['一', '二'].map((last) => `${'注'.repeat(60)}${last}`);
    expect(columnName(one!)).toMatch(/^(_x6CE8_)+_x0_h[0-9a-f]{16}$/);
    expect(columnName(one!)).not.toBe(columnName(other!));
    expect(functionName(one!)).not.toBe(functionName(other!));
    expect(sourceName(columnName(one!))).toBeUndefined();
  });

  it('of functions have letters of ASCII, digits and underscores alone', () => {
    expect(['orders', 'order-items', 'größe'].map(functionName)).toEqual([
      'orders',
      'order_x2D_items',
      'gr_xF6__xDF_e',
    ]);
  });

  it('follow the templates, so that one dataset may hold all', () => {
    const layout = bigQueryLayout('p', 'i', { dataset: 'crm', table: '{database}_{table}' });
    const id = { database: 'shop-eu', table: 'order items' };
    expect([layout.dataset(id), layout.table(id)]).toEqual(['crm', 'shop-eu_order_x20_items']);
  });
});
