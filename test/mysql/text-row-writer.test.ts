import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newSpan } from '../../src/binlog/image-frame.ts';
import { JsonBytes } from '../../src/binlog/json-bytes.ts';
import type { ColumnType, TableSchema } from '../../src/change/table.ts';
import type { RawRow } from '../../src/mysql/connection.ts';
import { TextRowWriter } from '../../src/mysql/text-row-writer.ts';
import { textReader } from '../../src/mysql/text-values.ts';
import { encodeKey, encodeRow } from '../support/row-json.ts';

const BIGINT: ColumnType = { kind: 'integer', bytes: 8, unsigned: true };
const UTF8: ColumnType = { kind: 'text', charset: 'utf8mb4' };

function schemaOf(types: readonly ColumnType[], key: readonly number[] = []): TableSchema {
  return {
    id: { database: 'shop', table: 'things' },
    columns: types.map((type, index) => ({ name: `c"${index}`, type, nullable: true })),
    key,
  };
}

interface Written {
  readonly row: string;
  readonly key: string | null;
}

function written(schema: TableSchema, rows: readonly RawRow[]): readonly Written[] {
  const out = new JsonBytes();
  const writer = new TextRowWriter(schema);
  return rows
    .map((row) => {
      const span = newSpan();
      writer.write(row, out, span);
      return span;
    })
    .map(({ start, end, keyStart, keyEnd }) => ({
      row: out.bytes.toString('utf8', start, end),
      key: keyStart < 0 ? null : out.bytes.toString('utf8', keyStart, keyEnd),
    }));
}

function fromValues(schema: TableSchema, rows: readonly RawRow[]): readonly Written[] {
  const readers = schema.columns.map((column) => textReader(column, column.name));
  return rows.map((row) => {
    const values = readers.map((read, index) => {
      const bytes = row[index];
      return bytes ? read(bytes, 0, bytes.length) : null;
    });
    return { row: encodeRow(schema, values), key: encodeKey(schema, values) };
  });
}

describe('a value of a text result', () => {
  it.each<[sql: string, type: ColumnType, text: string | Buffer, json: string]>([
    ['INT 0', BIGINT, '0', '0'],
    ['INT(5) ZEROFILL 42', BIGINT, '00042', '42'],
    ['INT(5) ZEROFILL 0', BIGINT, '00000', '0'],
    ['BIGINT -9223372036854775808', BIGINT, '-9223372036854775808', '-9223372036854775808'],
    [
      'BIGINT UNSIGNED 18446744073709551615',
      BIGINT,
      '18446744073709551615',
      '18446744073709551615',
    ],
    ['BIGINT 2^53 + 1', BIGINT, '9007199254740993', '9007199254740993'],
    ['YEAR 0', { kind: 'year' }, '0000', '0'],
    ['YEAR 1901', { kind: 'year' }, '1901', '1901'],
    ['DECIMAL(4,2) -0.50', { kind: 'decimal', precision: 4, scale: 2 }, '-0.50', '"-0.50"'],
    ['DECIMAL(5,2) ZEROFILL 0.5', { kind: 'decimal', precision: 5, scale: 2 }, '000.50', '"0.50"'],
    ['DECIMAL(9,0) ZEROFILL 10', { kind: 'decimal', precision: 9, scale: 0 }, '000000010', '"10"'],
    ['FLOAT 0.1', { kind: 'float' }, '0.10000000149011612', '0.1'],
    ['DOUBLE -0', { kind: 'double' }, '-0', '-0'],
    ['DOUBLE 1e308', { kind: 'double' }, '1e308', '1e+308'],
    ['BIT(1) 1', { kind: 'bit', bits: 1 }, Buffer.from([1]), 'true'],
    ['BIT(12) 0x0102', { kind: 'bit', bits: 12 }, Buffer.from([1, 2]), '"AgE="'],
    ['DATE 1970-01-02', { kind: 'date' }, '1970-01-02', '1'],
    ['DATE 0000-00-00', { kind: 'date' }, '0000-00-00', '"0000-00-00"'],
    ['DATE 2023-02-29', { kind: 'date' }, '2023-02-29', '"2023-02-29"'],
    ['TIME -838:59:59', { kind: 'time', fractionDigits: 0 }, '-838:59:59', '-3020399000000'],
    ['TIME(6) -0.000001', { kind: 'time', fractionDigits: 6 }, '-00:00:00.000001', '-1'],
    ['TIME(1) 1.5', { kind: 'time', fractionDigits: 1 }, '00:00:01.5', '1500000'],
    ['TIME 0', { kind: 'time', fractionDigits: 0 }, '00:00:00', '0'],
    ['DATETIME', { kind: 'datetime', fractionDigits: 0 }, '1970-01-01 00:00:01', '1000'],
    ['DATETIME(2)', { kind: 'datetime', fractionDigits: 2 }, '1970-01-01 00:00:00.25', '250'],
    ['DATETIME(6)', { kind: 'datetime', fractionDigits: 6 }, '1970-01-01 00:00:00.000007', '7'],
    [
      'DATETIME(6) of the year 9999',
      { kind: 'datetime', fractionDigits: 6 },
      '9999-12-31 23:59:59.999999',
      '253402300799999999',
    ],
    [
      'DATETIME(3) zero',
      { kind: 'datetime', fractionDigits: 3 },
      '0000-00-00 00:00:00.000',
      '"0000-00-00 00:00:00.000"',
    ],
    [
      'TIMESTAMP',
      { kind: 'timestamp', fractionDigits: 0 },
      '2038-01-19 03:14:07',
      '"2038-01-19T03:14:07Z"',
    ],
    [
      'TIMESTAMP(3)',
      { kind: 'timestamp', fractionDigits: 3 },
      '2001-02-03 04:05:06.789',
      '"2001-02-03T04:05:06.789Z"',
    ],
    [
      'TIMESTAMP(2) zero',
      { kind: 'timestamp', fractionDigits: 2 },
      '0000-00-00 00:00:00.00',
      '"0000-00-00 00:00:00.00"',
    ],
    ['an empty text', UTF8, '', '""'],
    ['a text with escapes', UTF8, 'a"\\\n\u0000\u007f', String.raw`"a\"\\\n\u0000${'\u007f'}"`],
    ['a text with U+FFFD', UTF8, '\ufffd', '"\ufffd"'],
    ['latin1 bytes', { kind: 'text', charset: 'latin1' }, Buffer.from([0x61, 0xe9]), '"aé"'],
    ['UTF-16 bytes', { kind: 'text', charset: 'utf16' }, Buffer.from([0x20, 0xac]), '"€"'],
    ['Shift-JIS bytes', { kind: 'text', charset: 'sjis' }, Buffer.from([0x83, 0x5c]), '"ソ"'],
    ['an ENUM member', { kind: 'enum', members: ['é"'] }, 'é"', String.raw`"é\""`],
    ['ENUM error value', { kind: 'enum', members: ['a'] }, '', '""'],
    ['SET members', { kind: 'set', members: ['a', 'b'] }, 'a,b', '"a,b"'],
    ['a JSON document', { kind: 'json' }, '{"a": "\\n"}', String.raw`"{\"a\": \"\\n\"}"`],
    ['VARBINARY', { kind: 'binary', fixedBytes: 0 }, Buffer.from([255, 0]), '"/wA="'],
    ['an empty VARBINARY', { kind: 'binary', fixedBytes: 0 }, '', '""'],
    ['BINARY(3)', { kind: 'binary', fixedBytes: 3 }, Buffer.from([255]), '"/wAA"'],
    ['a geometry', { kind: 'geometry' }, Buffer.from([1, 0, 0, 0, 9]), '{"srid":1,"wkb":"CQ=="}'],
    ['a vector', { kind: 'vector' }, Buffer.from(Float32Array.of(0.5, -0).buffer), '[0.5,-0]'],
  ])('is written as its value has it: %s', (_, type, text, json) => {
    const schema = schemaOf([type]);
    const rows = [[Buffer.from(text)], [null]];
    expect(written(schema, rows)).toEqual([
      { row: `{"c\\"0":${json}}`, key: null },
      { row: '{"c\\"0":null}', key: null },
    ]);
    expect(fromValues(schema, rows)).toEqual(written(schema, rows));
  });

  it.each([
    ['of bytes that are no UTF-8', UTF8, 'c328'],
    ['of a character without Unicode', { kind: 'text', charset: 'gbk' } as const, 'a140'],
    ['of an ENUM in no charset', { kind: 'enum', members: ['a'] } as const, 'ff'],
  ])('%s is refused', (_, type, hex) => {
    const row = [Buffer.from(hex, 'hex')];
    const refusal = expect.objectContaining({ code: 'binlog.unsupported' }) as Error;
    expect(() => written(schemaOf([type]), [row])).toThrow(refusal);
    expect(() => fromValues(schemaOf([type]), [row])).toThrow(refusal);
  });
});

interface Sample {
  readonly type: ColumnType;
  readonly bytes: fc.Arbitrary<Buffer>;
}

const pad = (value: number, width: number): string => String(value).padStart(width, '0');
const texts = (of: fc.Arbitrary<string>, encoding: BufferEncoding = 'utf8') =>
  of.map((text) => Buffer.from(text, encoding));
const anyBytes = fc.uint8Array({ maxLength: 120 }).map((of) => Buffer.from(of));
const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme', maxLength: 90 }),
  fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', '\u0000', '\u2028', 'é', '😀') }),
);
const fraction = (digits: number) =>
  fc.nat(10 ** digits - 1).map((value) => (digits === 0 ? '' : `.${pad(value, digits)}`));
const day = fc
  .tuple(fc.constantFrom(0, 1, 999, 1969, 1970, 2024, 9999), fc.nat(12), fc.nat(31))
  .map(([y, m, d]) => `${pad(y, 4)}-${pad(m, 2)}-${pad(d, 2)}`);
const clock = (hours: number, width: number) =>
  fc
    .tuple(fc.nat(hours), fc.nat(59), fc.nat(59))
    .map(([h, m, s]) => `${pad(h, width)}:${pad(m, 2)}:${pad(s, 2)}`);
const joined = (...parts: readonly fc.Arbitrary<string>[]) =>
  texts(fc.tuple(...parts).map((all) => all.join('')));

const samples: fc.Arbitrary<Sample> = fc.nat(6).chain((fractionDigits) =>
  fc.constantFrom<Sample>(
    { type: BIGINT, bytes: texts(fc.bigInt(-(2n ** 63n), 2n ** 64n - 1n).map(String)) },
    { type: BIGINT, bytes: texts(fc.nat(99_999).map((value) => pad(value, 12))) },
    { type: { kind: 'year' }, bytes: texts(fc.nat(9999).map((year) => pad(year, 4))) },
    {
      type: { kind: 'decimal', precision: 65, scale: 30 },
      bytes: texts(
        fc
          .tuple(fc.boolean(), fc.bigInt(0n, 10n ** 64n), fc.nat(30), fc.nat(5))
          .map(([negative, value, scale, zeros]) => {
            const digits = '0'.repeat(zeros) + String(value).padStart(scale + 1, '0');
            const point = digits.length - scale;
            const rest = scale === 0 ? '' : `.${digits.slice(point)}`;
            return `${negative ? '-' : ''}${digits.slice(0, point)}${rest}`;
          }),
      ),
    },
    {
      type: { kind: 'float' },
      bytes: texts(fc.float({ noNaN: true, noDefaultInfinity: true }).map(String)),
    },
    {
      type: { kind: 'double' },
      bytes: texts(fc.double({ noNaN: true, noDefaultInfinity: true }).map(String)),
    },
    { type: { kind: 'bit', bits: 1 }, bytes: fc.nat(1).map((bit) => Buffer.from([bit])) },
    { type: { kind: 'bit', bits: 64 }, bytes: anyBytes },
    { type: { kind: 'date' }, bytes: texts(day) },
    {
      type: { kind: 'time', fractionDigits },
      bytes: joined(fc.constantFrom('', '-'), clock(838, 2), fraction(fractionDigits)),
    },
    {
      type: { kind: 'datetime', fractionDigits },
      bytes: joined(day, fc.constant(' '), clock(23, 2), fraction(fractionDigits)),
    },
    {
      type: { kind: 'timestamp', fractionDigits },
      bytes: joined(day, fc.constant(' '), clock(23, 2), fraction(fractionDigits)),
    },
    { type: UTF8, bytes: texts(anyText) },
    { type: { kind: 'text', charset: 'utf8mb3' }, bytes: texts(anyText) },
    { type: { kind: 'text', charset: 'latin1' }, bytes: anyBytes },
    {
      type: { kind: 'text', charset: 'utf16le' },
      bytes: texts(fc.string({ unit: 'grapheme' }), 'utf16le'),
    },
    { type: { kind: 'enum', members: [] }, bytes: texts(anyText) },
    { type: { kind: 'set', members: [] }, bytes: texts(anyText) },
    { type: { kind: 'json' }, bytes: texts(fc.json({ maxDepth: 2 })) },
    { type: { kind: 'binary', fixedBytes: 0 }, bytes: anyBytes },
    { type: { kind: 'binary', fixedBytes: 60 }, bytes: anyBytes },
    {
      type: { kind: 'geometry' },
      bytes: anyBytes.map((bytes) => Buffer.concat([Buffer.alloc(4, 3), bytes])),
    },
    {
      type: { kind: 'vector' },
      bytes: fc
        .array(fc.float({ noNaN: true, noDefaultInfinity: true }), { maxLength: 60 })
        .map((of) => Buffer.from(Float32Array.from(of).buffer)),
    },
  ),
);

const tables = fc.array(samples, { minLength: 1, maxLength: 12 }).chain((columns) =>
  fc.record({
    types: fc.constant(columns.map(({ type }) => type)),
    key: fc.uniqueArray(fc.nat(columns.length - 1), { maxLength: 3 }),
    rows: fc.array(fc.tuple(...columns.map(({ bytes }) => fc.option(bytes, { freq: 6 }))), {
      minLength: 1,
      maxLength: 6,
    }),
  }),
);

describe('the rows of a text result', () => {
  it('are byte for byte what their values are encoded to, whatever the table', () => {
    fc.assert(
      fc.property(tables, ({ types, key, rows }) => {
        const schema = schemaOf(types, key);
        expect(written(schema, rows)).toEqual(fromValues(schema, rows));
      }),
      { numRuns: 1000 },
    );
  });
});
