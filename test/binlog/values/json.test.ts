import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeJson } from '../../../src/binlog/values/json.ts';
import { doubleText } from '../../../src/binlog/values/json-text.ts';

type Json = null | boolean | number | string | readonly Json[] | JsonObject;

interface JsonObject {
  readonly [key: string]: Json;
}

const TYPE = {
  object: 0,
  array: 2,
  literal: 4,
  int16: 5,
  int32: 7,
  int64: 9,
  double: 11,
  string: 12,
};

/** A value in MySQL's binary form: type and body. `large` uses 4-byte offsets throughout. */
function encode(value: Json, large: boolean): readonly [type: number, body: Buffer] {
  if (value === null) return [TYPE.literal, Buffer.from([0])];
  if (typeof value === 'boolean') return [TYPE.literal, Buffer.from([value ? 1 : 2])];
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    const length = [bytes.length & 0x7f];
    for (let rest = bytes.length >> 7; rest > 0; rest >>= 7) {
      length[length.length - 1] = (length.at(-1) ?? 0) | 0x80;
      length.push(rest & 0x7f);
    }
    return [TYPE.string, Buffer.concat([Buffer.from(length), bytes])];
  }
  if (typeof value === 'number') return encodeNumber(value);
  const entries = Array.isArray(value)
    ? value.map((item: Json) => ['', item] as const)
    : Object.entries(value as JsonObject);
  return [
    (Array.isArray(value) ? TYPE.array : TYPE.object) + (large ? 1 : 0),
    encodeContainer(entries, !Array.isArray(value), large),
  ];
}

function encodeNumber(value: number): readonly [type: number, body: Buffer] {
  const body = Buffer.alloc(8);
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    body.writeDoubleLE(value);
    return [TYPE.double, body];
  }
  body.writeBigInt64LE(BigInt(value));
  if (Math.abs(value) < 2 ** 15) return [TYPE.int16, body.subarray(0, 2)];
  if (Math.abs(value) < 2 ** 31) return [TYPE.int32, body.subarray(0, 4)];
  return [TYPE.int64, body];
}

function encodeContainer(
  entries: readonly (readonly [string, Json])[],
  isObject: boolean,
  large: boolean,
): Buffer {
  const width = large ? 4 : 2;
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(width);
    bytes.writeUIntLE(value, 0, width);
    return bytes;
  };
  const head = 2 * width + entries.length * ((isObject ? width + 2 : 0) + 1 + width);
  const keys = isObject ? entries.map(([key]) => Buffer.from(key)) : [];
  let at = head;
  const keyEntries = keys.map((key) => {
    const length = Buffer.alloc(2);
    length.writeUInt16LE(key.length);
    const entry = Buffer.concat([number(at), length]);
    at += key.length;
    return entry;
  });
  const bodies: Buffer[] = [];
  const valueEntries = entries.map(([, value]) => {
    const [type, body] = encode(value, large);
    const inline = type === TYPE.literal || type === TYPE.int16 || (large && type === TYPE.int32);
    if (inline)
      return Buffer.concat([Buffer.from([type]), body, Buffer.alloc(width - body.length)]);
    const entry = Buffer.concat([Buffer.from([type]), number(at)]);
    bodies.push(body);
    at += body.length;
    return entry;
  });
  return Buffer.concat([
    number(entries.length),
    number(at),
    ...keyEntries,
    ...valueEntries,
    ...keys,
    ...bodies,
  ]);
}

const bytesOf = (value: Json, large = false): Buffer => {
  const [type, body] = encode(value, large);
  return Buffer.concat([Buffer.from([type]), body]);
};
const fromHex = (hex: string): string => decodeJson(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

describe('decodeJson', () => {
  it.each([
    ['nothing at all (a NOT NULL column added to old rows)', '', 'null'],
    ['a literal', '04 01', 'true'],
    ['UINT64', '0a ffffffffffffffff', '18446744073709551615'],
    ['DECIMAL(5,2) 1.50', '0f f6 05 05 02 8001 32', '1.50'],
    ['a BLOB', '0f fc 02 00ff', '"base64:type252:AP8="'],
    ['a control character', '0c 01 01', '"\\u0001"'],
    ['quotes and escapes', '0c 04 22 5c 0a 2f', '"\\"\\\\\\n/"'],
  ])('prints %s', (_, hex, text) => {
    expect(fromHex(hex)).toBe(text);
  });

  it('breaks long base64 into lines of 76 characters, as the server does', () => {
    const blob = (bytes: number): string =>
      decodeJson(Buffer.concat([Buffer.from([15, 252, bytes]), Buffer.alloc(bytes)]));
    expect(blob(57)).toBe(`"base64:type252:${'A'.repeat(76)}"`);
    expect(blob(58)).toBe(`"base64:type252:${'A'.repeat(76)}\\nAA=="`);
  });

  it('prints documents that mean what was stored, in stored order, small and large', () => {
    const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>;
    fc.assert(
      fc.property(json, fc.boolean(), (value, large) => {
        const text = decodeJson(bytesOf(value, large));
        expect(JSON.parse(text)).toEqual(value);
      }),
      { numRuns: 2_000 },
    );
  });

  it('separates members with a comma and a space, and keys with a colon and a space', () => {
    expect(decodeJson(bytesOf({ b: [1, -0.5, 'x'], a: null }))).toBe(
      '{"b": [1, -0.5, "x"], "a": null}',
    );
  });

  it.each([
    ['an unknown type', '10'],
    ['an unknown literal', '04 03'],
    ['a string beyond its end', '0c 05 61'],
    ['a string that is no UTF-8', '0c 02 c328'],
    ['a count beyond its end', '02 ffff 0400'],
    ['an array that contains itself', '02 0100 0700 02 0000'],
    ['a decimal beyond its end', '0f f6 02 0a02'],
  ])('refuses %s', (_, hex) => {
    expect(() => fromHex(hex)).toThrow(/damaged|does not fit/);
  });

  it('refuses offsets that make a small document explode', () => {
    // Each of 30 arrays has two entries, both of which point to the next array.
    const levels = Array.from({ length: 30 }, () => Buffer.from('02000a00020a00020a00', 'hex'));
    const bomb = Buffer.concat([Buffer.from([2]), ...levels, Buffer.from('00000400', 'hex')]);
    expect(() => decodeJson(bomb)).toThrow(/overlap/);
  });
});

describe('doubleText', () => {
  it.each([
    [0, '0.0'],
    [-0, '-0.0'],
    [1, '1.0'],
    [1.5, '1.5'],
    [1e14, '100000000000000.0'],
    [1e15, '1e15'],
    [1128618046754734.8, '1128618046754734.8'],
    [1e100, '1e100'],
    [1.25e-20, '1.25e-20'],
    [1e-15, '0.000000000000001'],
    [1e-16, '1e-16'],
    [5e-324, '5e-324'],
    [1.7976931348623157e308, '1.7976931348623157e308'],
  ])('prints %d as %s', (value, text) => {
    expect(doubleText(value)).toBe(text);
  });

  it('names every double', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Object.is(Number(doubleText(value)), value)).toBe(true);
        expect(doubleText(value)).toMatch(/[.e]/);
      }),
    );
  });
});
