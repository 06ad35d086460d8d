import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bigQueryLayout, columnName, relationName, sourceName } from '../../src/bigquery/names.ts';

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

  it('are legal, never shared by two source names, and lead back to them', () => {
    const source = fc.oneof(
      fc.string({ minLength: 1, unit: 'grapheme' }),
      fc
        .array(fc.constantFrom('_x', '5F', '_', '20', 'a', ' '), { minLength: 1 })
        .map((p) => p.join('')),
    );
    fc.assert(
      fc.property(source, (text) => {
        expect(columnName(text)).toMatch(/^[A-Za-z_][A-Za-z0-9_]*$/);
        expect(sourceName(columnName(text))).toBe(text);
        expect(sourceName(relationName(text))).toBe(text);
      }),
    );
  });

  it('follow the templates, so that one dataset may hold all', () => {
    const layout = bigQueryLayout('p', 'i', { dataset: 'crm', table: '{database}_{table}' });
    const id = { database: 'shop-eu', table: 'order items' };
    expect([layout.dataset(id), layout.table(id)]).toEqual(['crm', 'shop-eu_order_x20_items']);
  });
});
