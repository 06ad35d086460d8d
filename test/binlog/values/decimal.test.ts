import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimalBytes, decodeDecimal } from '../../../src/binlog/values/decimal.ts';

const GROUP_BYTES = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

/** The layout written down the other way round: digits to bytes. */
function encodeDecimal(
  digits: string,
  precision: number,
  scale: number,
  negative: boolean,
): Buffer {
  const whole = precision - scale;
  const widths = [whole % 9, ...Array<number>(Math.floor(whole / 9)).fill(9)].concat(
    Array<number>(Math.floor(scale / 9)).fill(9),
    [scale % 9],
  );
  const bytes: number[] = [];
  let at = 0;
  for (const width of widths) {
    const group = Number(digits.slice(at, at + width) || '0');
    at += width;
    const size = GROUP_BYTES[width] ?? 0;
    for (let shift = size - 1; shift >= 0; shift -= 1)
      bytes.push(Math.floor(group / 256 ** shift) % 256);
  }
  bytes[0] = (bytes[0] ?? 0) ^ 0x80;
  return Buffer.from(negative ? bytes.map((byte) => byte ^ 0xff) : bytes);
}

describe('decodeDecimal', () => {
  it.each([
    // SELECT CAST(… AS DECIMAL(p, s)), bytes as a row event has them
    ['8000000a 32', 10, 2, '10.50'],
    ['7ffffffe cd', 10, 2, '-1.50'],
    ['80000000 00', 10, 2, '0.00'],
    ['7fffffff ff', 10, 2, '0.00'],
    ['810dfb38 d204d2', 14, 4, '1234567890.1234'],
    ['80', 1, 0, '0'],
    ['7d', 2, 0, '-2'],
    ['80000001', 9, 9, '0.000000001'],
  ])('reads %s as DECIMAL(%i,%i)', (hex, precision, scale, text) => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    expect(bytes.length).toBe(decimalBytes(precision, scale));
    expect(decodeDecimal(bytes, 0, precision, scale)).toBe(text);
  });

  it('reads every value of every precision and scale as the server prints it', () => {
    const shape = fc.integer({ min: 1, max: 65 }).chain((precision) =>
      fc.record({
        precision: fc.constant(precision),
        scale: fc.integer({ min: 0, max: Math.min(30, precision) }),
        digits: fc.array(fc.integer({ min: 0, max: 9 }), {
          minLength: precision,
          maxLength: precision,
        }),
        negative: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(shape, ({ precision, scale, digits: list, negative }) => {
        const digits = list.join('');
        const bytes = encodeDecimal(digits, precision, scale, negative);
        expect(bytes.length).toBe(decimalBytes(precision, scale));
        const whole = digits.slice(0, precision - scale).replace(/^0+/, '') || '0';
        const text = scale === 0 ? whole : `${whole}.${digits.slice(precision - scale)}`;
        const sign = negative && /[1-9]/.test(digits) ? '-' : '';
        expect(decodeDecimal(bytes, 0, precision, scale)).toBe(sign + text);
      }),
    );
  });
});
