import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TableComments, TableSchema } from '../../src/change/table.ts';
import {
  commentsDigest,
  commentsOn,
  NO_COMMENTS,
  parseComments,
} from '../../src/topic/table-comments.ts';

const text = fc.string({ unit: 'binary', minLength: 1 });
const comments: fc.Arbitrary<TableComments> = fc.record(
  { table: text, columns: fc.dictionary(text, text, { noNullPrototype: true }) },
  { requiredKeys: ['columns'] },
);

describe('comments on a table', () => {
  it('read back as they were written', () => {
    fc.assert(
      fc.property(comments, (each) => {
        expect(parseComments(JSON.parse(JSON.stringify(each)))).toEqual(each);
      }),
    );
  });

  it('have the same digest in any order of columns, and another one when a text differs', () => {
    fc.assert(
      fc.property(comments, text, (each, other) => {
        const columns = Object.fromEntries(Object.entries(each.columns).reverse());
        expect(commentsDigest({ ...each, columns })).toBe(commentsDigest(each));
        fc.pre(other !== each.table);
        expect(commentsDigest({ ...each, table: other })).not.toBe(commentsDigest(each));
      }),
    );
    expect(commentsDigest({ columns: { a: 'x' } })).not.toBe(NO_COMMENTS);
    expect(commentsDigest({ table: 'x', columns: {} })).not.toBe(NO_COMMENTS);
  });

  it('lose those on columns that the schema does not have', () => {
    const schema: TableSchema = {
      id: { database: 'shop', table: 'orders' },
      columns: [{ name: '__proto__', type: { kind: 'json' }, nullable: true }],
      key: [],
    };
    const all = JSON.parse(
      '{"table":"t","columns":{"__proto__":"kept","constructor":"gone"}}',
    ) as TableComments;
    expect(JSON.stringify(commentsOn(schema, all))).toBe(
      '{"table":"t","columns":{"__proto__":"kept"}}',
    );
  });
});
