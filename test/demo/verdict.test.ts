import { describe, expect, it } from 'vitest';
import { conclusion, type TableVerdict, verdictText } from '../../demo/verdict.ts';

const EQUAL: TableVerdict = {
  table: 'shop.orders',
  rows: 25_399,
  differences: 0,
  duplicates: 0,
  disorders: 0,
  examples: [],
};
const CHANGED: TableVerdict = {
  ...EQUAL,
  table: 'shop.products',
  differences: 1,
  examples: ['view: ["SKU-7"]: density, stock differ'],
};

describe('the verdict of a check', () => {
  it('is exit code 0 when every table is equal', () => {
    expect(conclusion([EQUAL, EQUAL])).toEqual({ text: 'Everything is equal.\n', exitCode: 0 });
  });

  it.each([
    ['a difference', { differences: 1 }],
    ['a duplicate', { duplicates: 1 }],
    ['a record out of order', { disorders: 1 }],
  ])('is exit code 1 for %s in any table', (_, fault) => {
    const verdicts = [EQUAL, { ...EQUAL, ...fault }, EQUAL];
    expect(conclusion(verdicts)).toEqual({ text: 'NOT equal.\n', exitCode: 1 });
  });

  it('is exit code 1 when nothing was compared', () => {
    expect(conclusion([]).exitCode).toBe(1);
  });

  it('names table, key and columns of what is wrong', () => {
    expect(verdictText('after three kills', [EQUAL, CHANGED])).toBe(`\
after three kills
  shop.orders       25,399 rows  0 differences  0 duplicates  0 out of order
  shop.products     25,399 rows  1 differences  0 duplicates  0 out of order
      view: ["SKU-7"]: density, stock differ
`);
  });
});
