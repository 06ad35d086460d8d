import fc from 'fast-check';
import { expect, it } from 'vitest';
import { median, percentile } from '../../bench/statistics.ts';

it.each([
  [[3], 3],
  [[3, 1, 2], 2],
  [[4, 1, 3, 2], 2.5],
  [[10, 10, 1], 10],
])('the median of %j is %d', (numbers, expected) => {
  expect(median(numbers)).toBe(expected);
});

it('of a hundred numbers, ninety-nine do not exceed the 99th percentile', () => {
  const numbers = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(percentile(numbers, 99)).toBe(99);
  expect(percentile(numbers, 100)).toBe(100);
});

it('a percentile is one of the numbers, and enough of them do not exceed it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer(), { minLength: 1 }),
      fc.integer({ min: 51, max: 100 }),
      (numbers, percent) => {
        const value = percentile(numbers, percent);
        expect(numbers).toContain(value);
        const within = numbers.filter((number) => number <= value).length;
        expect(within / numbers.length).toBeGreaterThanOrEqual(percent / 100);
      },
    ),
  );
});

it('there is no median of nothing', () => {
  expect(() => median([])).toThrow(RangeError);
});
