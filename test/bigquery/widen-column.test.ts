import { describe, expect, it } from 'vitest';
import { widenColumn } from '../../src/bigquery/widen-column.ts';
import type { StoredColumn } from '../../src/view/stored-table.ts';

const column = (type: string): StoredColumn => ({ name: 'v', type, mayBeInexact: false });
const NONE: ReadonlySet<string> = new Set();

describe('a column whose source type changed', () => {
  it.each([
    ['INT64', 'NUMERIC'],
    ['INT64', 'BIGNUMERIC'],
    ['NUMERIC', 'BIGNUMERIC'],
  ])('is altered from %s to %s', (from, to) => {
    expect(widenColumn(column(from), column(to), NONE)).toEqual(column(to));
  });

  it.each([
    ['NUMERIC', 'INT64'],
    ['STRING', 'INT64'],
    ['STRING', 'JSON'],
    ['DATETIME', 'DATE'],
    ['INT64', 'BOOL'],
    ['INT64', 'INT64'],
  ])('stays %s, which holds every %s', (from, to) => {
    expect(widenColumn(column(from), column(to), NONE)).toEqual(column(from));
  });

  it.each([
    ['INT64', 'STRING'],
    ['DATE', 'DATETIME'],
    ['DATE', 'STRING'],
    ['BOOL', 'INT64'],
    ['JSON', 'STRING'],
  ])('gets a second column beside it, where %s cannot be altered to %s', (from, to) => {
    expect(widenColumn(column(from), column(to), new Set(['v', 'v__v2']))).toEqual({
      ...column(to),
      stored: 'v__v3',
      earlier: [{ name: 'v', type: from }],
    });
  });

  it('keeps every column it had, newest first', () => {
    const second = widenColumn(column('DATE'), column('DATETIME'), new Set(['v']));
    const third = second && widenColumn(second, column('STRING'), new Set(['v', 'v__v2']));
    expect(third).toMatchObject({
      stored: 'v__v3',
      earlier: [
        { name: 'v__v2', type: 'DATETIME' },
        { name: 'v', type: 'DATE' },
      ],
    });
  });

  it.each([
    ['FLOAT64', 'INT64'],
    ['INT64', 'FLOAT64'],
    ['BYTES', 'STRING'],
    ['DATE', 'INT64'],
    ['TIMESTAMP', 'DATETIME'],
  ])('conflicts where no type holds %s and %s', (from, to) => {
    expect(widenColumn(column(from), column(to), NONE)).toBeUndefined();
  });
});
