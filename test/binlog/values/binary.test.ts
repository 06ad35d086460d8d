import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  binaryValue,
  bitValue,
  floatValue,
  geometryValue,
  vectorValue,
} from '../../../src/binlog/values/binary.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

/** The shortest decimal text that names a float32, found by trying. */
function shortestText(single: number): number {
  if (single === 0) return single;
  for (let digits = 1; digits <= 9; digits += 1) {
    const short = Number(single.toPrecision(digits));
    if (Math.fround(short) === single) return short;
  }
  return single;
}

describe('floatValue', () => {
  it.each([
    [0.1, 0.1],
    [16777216, 16777216],
    [1e10, 1e10],
    [-3.4e38, -3.4e38],
    [2 ** -149, 1e-45],
    [1.17549435e-38, 1.1754944e-38],
    [3.14159274, 3.1415927],
  ])('reads the float32 nearest to %d as %d', (text, value) => {
    expect(floatValue(Math.fround(text))).toBe(value);
  });

  it('keeps the sign of zero', () => {
    expect(Object.is(floatValue(-0), -0)).toBe(true);
  });

  it('names any float32 by the shortest text there is', () => {
    const float = fc.float({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(float, (single) => {
        expect(floatValue(single)).toBe(shortestText(single));
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('binaryValue', () => {
  it('puts the zeros back that the log leaves out of BINARY(4)', () => {
    expect(binaryValue(bytes('01'), 4)).toBe(bytes('01000000').toString('base64'));
    expect(binaryValue(bytes(''), 4)).toBe(bytes('00000000').toString('base64'));
  });

  it('leaves VARBINARY and BLOB as they are', () => {
    expect(binaryValue(bytes('0100'), 0)).toBe(bytes('0100').toString('base64'));
  });
});

describe('bitValue', () => {
  it('is a boolean for one bit and little-endian base64 for more', () => {
    expect(bitValue(bytes('01'), 1)).toBe(true);
    expect(bitValue(bytes('00'), 1)).toBe(false);
    expect(bitValue(bytes('0aaa'), 12)).toBe(bytes('aa0a').toString('base64'));
  });
});

describe('geometryValue and vectorValue', () => {
  it('tell the reference system from the shape', () => {
    expect(geometryValue(bytes('e61000000101'))).toEqual({
      srid: 4326,
      wkb: bytes('0101').toString('base64'),
    });
  });

  it('reads the floats of a vector by their shortest texts', () => {
    expect(vectorValue(bytes('0000c03fcdccccbd'))).toEqual([1.5, -0.1]);
    expect(vectorValue(bytes(''))).toEqual([]);
  });

  it.each([
    ['geometry of 3 bytes', () => geometryValue(bytes('000000'))],
    ['vector of 5 bytes', () => vectorValue(bytes('0000000000'))],
  ])('refuses a %s', (_, read) => {
    expect(read).toThrow(/cannot have/);
  });
});
