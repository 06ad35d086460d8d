import fc from 'fast-check';
import { type ColumnLayout, TYPE } from '../../src/binlog/column-layout.ts';
import type { ColumnType } from '../../src/change/table.ts';

/** A column as a table map describes it, with a way to draw the bytes of its values. */
export interface RandomColumn {
  readonly layout: ColumnLayout;
  readonly type: ColumnType;
  readonly values: fc.Arbitrary<Buffer>;
}

const NO_LAYOUT = { width: 0, size: 0, scale: 0 };
const byte = fc.nat(255);
const bytes = (length: number): fc.Arbitrary<Buffer> =>
  fc.array(byte, { minLength: length, maxLength: length }).map((of) => Buffer.from(of));

function prefixed(width: number, content: Buffer): Buffer {
  const length = Buffer.alloc(width);
  length.writeUIntLE(content.length, 0, width);
  return Buffer.concat([length, content]);
}

function bigEndian(value: number | bigint, width: number): Buffer {
  const wide = Buffer.alloc(8);
  wide.writeBigUInt64BE(BigInt(value));
  return wide.subarray(8 - width);
}

const INTEGER_TYPES: Readonly<Record<number, number>> = {
  1: TYPE.tiny,
  2: TYPE.short,
  3: TYPE.int24,
  4: TYPE.long,
  8: TYPE.longlong,
};

const integers: fc.Arbitrary<RandomColumn> = fc
  .tuple(fc.constantFrom(1, 2, 3, 4, 8), fc.boolean())
  .map(([width, unsigned]) => ({
    layout: { ...NO_LAYOUT, type: INTEGER_TYPES[width] ?? TYPE.long },
    type: { kind: 'integer', bytes: width, unsigned },
    values: fc.oneof(
      bytes(width),
      fc.nat(255).map((value) => Buffer.from(bigEndian(value, width)).reverse()),
      fc.constantFrom(0, 0x7f, 0x80, 0xff).map((each) => Buffer.alloc(width, each)),
    ),
  }));

const GROUP_BYTES = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

/** The digits of one part of a decimal, grouped by nine from the point. */
function packed(digits: string, fromRight: boolean): Buffer {
  const groups: string[] = [];
  for (let rest = digits; rest !== ''; ) {
    const size = fromRight ? rest.length % 9 || 9 : Math.min(rest.length, 9);
    groups.push(rest.slice(0, size));
    rest = rest.slice(size);
  }
  return Buffer.concat(
    groups.map((group) => bigEndian(Number(group), GROUP_BYTES[group.length] ?? 0)),
  );
}

const decimals: fc.Arbitrary<RandomColumn> = fc
  .integer({ min: 1, max: 65 })
  .chain((precision) => fc.tuple(fc.constant(precision), fc.nat(Math.min(precision, 30))))
  .map(([size, scale]) => ({
    layout: { type: TYPE.newdecimal, width: 0, size, scale },
    type: { kind: 'decimal', precision: size, scale },
    values: fc
      .tuple(fc.boolean(), fc.nat(size), fc.array(fc.nat(9), { minLength: size, maxLength: size }))
      .map(([negative, zeros, digits]) => {
        const text = digits.map((digit, index) => (index < zeros ? 0 : digit)).join('');
        const value = Buffer.concat([
          packed(text.slice(0, size - scale), true),
          packed(text.slice(size - scale), false),
        ]);
        if (negative) value.forEach((each, index) => (value[index] = each ^ 0xff));
        value[0] = (value[0] ?? 0) ^ 0x80;
        return value;
      }),
  }));

const floats: fc.Arbitrary<RandomColumn> = fc.constantFrom(
  {
    layout: { ...NO_LAYOUT, type: TYPE.float, width: 4 },
    type: { kind: 'float' },
    values: fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => {
      const out = Buffer.alloc(4);
      out.writeFloatLE(value);
      return out;
    }),
  },
  {
    layout: { ...NO_LAYOUT, type: TYPE.double, width: 8 },
    type: { kind: 'double' },
    values: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => {
      const out = Buffer.alloc(8);
      out.writeDoubleLE(value);
      return out;
    }),
  },
);

const fraction = (digits: number): fc.Arbitrary<Buffer> => {
  const width = (digits + 1) >> 1;
  const step = digits % 2 === 0 ? 1 : 10;
  return fc.nat(100 ** width / step - 1).map((value) => bigEndian(value * step, width));
};

const datetimes: fc.Arbitrary<RandomColumn> = fc.nat(6).map((digits) => ({
  layout: { ...NO_LAYOUT, type: TYPE.datetime2, size: digits },
  type: { kind: 'datetime', fractionDigits: digits },
  values: fc
    .tuple(
      fc.record({
        year: fc.oneof(fc.nat(9999), fc.constantFrom(0, 1969, 1970, 2026)),
        month: fc.nat(12),
        day: fc.nat(31),
        second: fc.nat(86_399),
      }),
      fraction(digits),
    )
    .map(([{ year, month, day, second }, rest]) => {
      const date = (BigInt(year * 13 + month) << 5n) | BigInt(day);
      const [hour, minute] = [Math.floor(second / 3600), Math.floor(second / 60) % 60];
      const time = (hour << 12) | (minute << 6) | (second % 60);
      return Buffer.concat([bigEndian(0x8000000000n + (date << 17n) + BigInt(time), 5), rest]);
    }),
}));

const timestamps: fc.Arbitrary<RandomColumn> = fc.nat(6).map((digits) => ({
  layout: { ...NO_LAYOUT, type: TYPE.timestamp2, size: digits },
  type: { kind: 'timestamp', fractionDigits: digits },
  values: fc
    .tuple(
      fc.oneof(fc.constant(0), fc.nat(0xffffffff), fc.integer({ min: 1.79e9, max: 1.79e9 + 9e4 })),
      fraction(digits),
    )
    .map(([seconds, rest]) => Buffer.concat([bigEndian(seconds, 4), rest])),
}));

const days: fc.Arbitrary<RandomColumn> = fc.constantFrom<RandomColumn>(
  {
    layout: { ...NO_LAYOUT, type: TYPE.date },
    type: { kind: 'date' },
    values: fc
      .tuple(fc.nat(9999), fc.nat(12), fc.nat(31))
      .map(([year, month, day]) =>
        Buffer.from(bigEndian((year << 9) | (month << 5) | day, 3)).reverse(),
      ),
  },
  {
    layout: { ...NO_LAYOUT, type: TYPE.year },
    type: { kind: 'year' },
    values: bytes(1),
  },
  {
    layout: { ...NO_LAYOUT, type: TYPE.time2, size: 6 },
    type: { kind: 'time', fractionDigits: 6 },
    values: fc
      .tuple(fc.boolean(), fc.nat(838), fc.nat(59), fc.nat(59), fc.nat(999_999))
      .map(([negative, hour, minute, second, micros]) => {
        const size = (BigInt((hour << 12) | (minute << 6) | second) << 24n) + BigInt(micros);
        return bigEndian(0x800000000000n + (negative ? -size : size), 6);
      }),
  },
);

const CHARSETS = [
  'utf8mb4',
  'utf8mb3',
  'latin1',
  'ascii',
  'swe7',
  'cp1251',
  'sjis',
  'utf16',
] as const;

/** Texts of a charset: of any length, with what JSON escapes, and what is not ASCII. */
function textBytes(charset: (typeof CHARSETS)[number]): fc.Arbitrary<Buffer> {
  const plain = fc.oneof(
    fc.string(),
    fc.string({ maxLength: 200 }),
    fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', '\u0000', '\u001f', '\u007f', 'é') }),
  );
  const ascii = fc.string({
    unit: fc.nat(127).map((code) => String.fromCharCode(code)),
    maxLength: 90,
  });
  switch (charset) {
    case 'utf8mb4':
      return fc
        .oneof(plain, fc.string({ unit: 'grapheme', maxLength: 60 }))
        .map((text) => Buffer.from(text));
    case 'utf8mb3':
      return plain.map((text) => Buffer.from(text));
    case 'latin1':
      return fc.oneof(
        plain.map((text) => Buffer.from(text, 'latin1')),
        fc.array(byte, { maxLength: 90 }).map((of) => Buffer.from(of)),
      );
    case 'cp1251':
      return fc
        .array(fc.oneof(fc.nat(127), fc.integer({ min: 0xc0, max: 0xff })))
        .map((of) => Buffer.from(of));
    case 'sjis':
      return fc
        .array(fc.oneof(ascii, fc.constantFrom('\x95\x5c', '\x83\x5c', '\xb1')))
        .map((of) => Buffer.from(of.join(''), 'latin1'));
    case 'utf16':
      return plain.map((text) => Buffer.from(text, 'utf16le').swap16());
    case 'ascii':
    case 'swe7':
      return ascii.map((text) => Buffer.from(text.replaceAll('\u007f', '')));
  }
}

const texts: fc.Arbitrary<RandomColumn> = fc
  .tuple(fc.constantFrom(...CHARSETS), fc.constantFrom(2, 4))
  .map(([charset, width]) => ({
    layout: { ...NO_LAYOUT, type: TYPE.blob, width },
    type: { kind: 'text', charset },
    values: textBytes(charset).map((content) => prefixed(width, content)),
  }));

const binaries: fc.Arbitrary<RandomColumn> = fc.constantFrom(0, 16, 200).map((fixedBytes) => ({
  layout: { ...NO_LAYOUT, type: TYPE.string, width: 2 },
  type: { kind: 'binary', fixedBytes },
  values: fc.array(byte, { maxLength: 150 }).map((of) => prefixed(2, Buffer.from(of))),
}));

const MEMBERS = ['new', 'päid', 'with "quotes"', ''];

const choices: fc.Arbitrary<RandomColumn> = fc.constantFrom<RandomColumn>(
  {
    layout: { ...NO_LAYOUT, type: TYPE.enum, width: 1 },
    type: { kind: 'enum', members: MEMBERS },
    values: fc.nat(MEMBERS.length).map((index) => Buffer.from([index])),
  },
  {
    layout: { ...NO_LAYOUT, type: TYPE.set, width: 1 },
    type: { kind: 'set', members: MEMBERS },
    values: fc.nat(15).map((bits) => Buffer.from([bits])),
  },
  ...[1, 9, 64].map(
    (bits): RandomColumn => ({
      layout: { ...NO_LAYOUT, type: TYPE.bit, width: (bits + 7) >> 3 },
      type: { kind: 'bit', bits },
      values: bytes((bits + 7) >> 3),
    }),
  ),
);

const JSON_STRING = 12;

const documents: fc.Arbitrary<RandomColumn> = fc.constantFrom<RandomColumn>(
  {
    layout: { ...NO_LAYOUT, type: TYPE.json, width: 4 },
    type: { kind: 'json' },
    values: fc
      .string({ maxLength: 20 })
      .map((text) => Buffer.from(text))
      .map((text) => prefixed(4, Buffer.from([JSON_STRING, text.length, ...text]))),
  },
  {
    layout: { ...NO_LAYOUT, type: TYPE.geometry, width: 4 },
    type: { kind: 'geometry' },
    values: fc
      .array(byte, { minLength: 4, maxLength: 60 })
      .map((of) => prefixed(4, Buffer.from(of))),
  },
  {
    layout: { ...NO_LAYOUT, type: TYPE.vector, width: 4 },
    type: { kind: 'vector' },
    values: fc
      .array(fc.float({ noNaN: true, noDefaultInfinity: true }), { maxLength: 40 })
      .map((of) => prefixed(4, Buffer.from(Float32Array.from(of).buffer))),
  },
);

export const randomColumn: fc.Arbitrary<RandomColumn> = fc.oneof(
  integers,
  decimals,
  floats,
  datetimes,
  timestamps,
  days,
  texts,
  binaries,
  choices,
  documents,
);
