import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exactJson } from '../../src/bigquery/exact-json.ts';
import { hasHalfCharacter } from '../../src/bigquery/row-values.ts';

const MIB = 1 << 20;
const LARGE = 64 * MIB;

describe('exactJson', () => {
  it('takes a document with a string of 64 MiB', () => {
    const text = JSON.stringify({ a: 'x'.repeat(LARGE), b: [1, -0.5] });
    // Compared as a boolean: a difference would print both texts.
    expect(exactJson(text) === text).toBe(true);
  });

  it('takes a document with 16 MiB of escapes', () => {
    const text = JSON.stringify({ a: '\\"'.repeat(4 * MIB) });
    expect(exactJson(`${text}\n`) === text).toBe(true);
  });

  it('removes white space outside of strings and nothing else', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        // Neither -0 nor a whole number of 2^64 or more is kept as it is written.
        fc.pre(value !== null && !text.includes('-0') && !/\d{19}/.test(text));
        expect(exactJson(JSON.stringify(value, null, ' '))).toBe(text);
      }),
    );
  });

  it.each([
    ['zeros behind the point', '1.50', true],
    ['an exponent', '100e-2', true],
    ['zero with a point', '0.0', true],
    ['a whole double beyond 64 bits', '1e30', true],
    ['a million zeros before the last digit', `1.${'0'.repeat(MIB)}1`, false],
    ['a million digits', '9'.repeat(MIB), false],
  ])('keeps or refuses a number with %s', (_, number, isKept) => {
    expect(exactJson(number) === number).toBe(isKept);
  });
});

describe('hasHalfCharacter', () => {
  it.each([
    ['an escaped high half', JSON.stringify('\ud800x'), true],
    ['an escaped low half behind a backslash', JSON.stringify('\\\udfff'), true],
    ['a backslash before the letters', JSON.stringify('\\ud800'), false],
    ['two backslashes before the letters', JSON.stringify('\\\\ud800'), false],
    ['an escape that is no surrogate', '"\\ud7ff"', false],
    ['a whole character', JSON.stringify('\u{1f600}'), false],
  ])('tells %s', (_, row, half) => {
    expect(hasHalfCharacter(row)).toBe(half);
  });

  it('looks through 64 MiB of backslashes', () => {
    expect(hasHalfCharacter(`{"a":"${'\\'.repeat(LARGE)}ud800"}`)).toBe(false);
  });
});
