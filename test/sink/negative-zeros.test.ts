import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keepNegativeZeros } from '../../src/sink/negative-zeros.ts';

const LARGE = 64 << 20;

describe('keepNegativeZeros', () => {
  it.each([
    ['{"a":-0}', '{"a":-0.0}'],
    ['{"a":-0,"b":-0}', '{"a":-0.0,"b":-0.0}'],
    ['[-0,-0.5,-0e1,-01]', '[-0.0,-0.5,-0e1,-01]'],
    ['{"-0":"-0","b":"\\"-0","c":-0}', '{"-0":"-0","b":"\\"-0","c":-0.0}'],
    ['{"a":"\\\\","b":-0}', '{"a":"\\\\","b":-0.0}'],
    ['{"at":"2026-01-01","b":1}', '{"at":"2026-01-01","b":1}'],
    ['-0', '-0.0'],
  ])('turns %s into %s', (json, kept) => {
    expect(keepNegativeZeros(json)).toBe(kept);
  });

  it('changes no text and keeps every number', () => {
    const value = fc.oneof(
      fc.constantFrom('-0', '"-0', '\\', 'a-0b'),
      fc.constant(-0),
      fc.double(),
    );
    fc.assert(
      fc.property(fc.array(value), (values) => {
        const written = values.map((one) => (Object.is(one, -0) ? '-0' : JSON.stringify(one)));
        const expected = written.map((one) => (one === '-0' ? '-0.0' : one));
        expect(keepNegativeZeros(`[${written.join(',')}]`)).toBe(`[${expected.join(',')}]`);
      }),
    );
  });

  it('passes over a text of 64 MiB', () => {
    const text = 'x'.repeat(LARGE);
    const kept = keepNegativeZeros(`{"at":"2026-01-01","a":"${text}","b":-0}`);
    expect(kept.length).toBe(LARGE + '{"at":"2026-01-01","a":"","b":-0.0}'.length);
    expect(kept.endsWith('x","b":-0.0}')).toBe(true);
  });

  it('passes over a text of 48 MiB of negative zeros', () => {
    const json = `{"a":"${'-0 '.repeat(16 << 20)}","b":-0}`;
    expect(keepNegativeZeros(json).endsWith(' ","b":-0.0}')).toBe(true);
  });
});
