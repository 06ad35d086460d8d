import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ColumnValue } from '../../src/change/column-value.ts';
import type { ColumnType } from '../../src/change/table.ts';
import { duckdbDialect } from '../../src/duckdb/duckdb-dialect.ts';
import {
  batch,
  change,
  integer,
  openWarehouse,
  rowsOf,
  schemaOf,
  type TestWarehouse,
  tempFolder,
} from './warehouse.ts';

const int = (bytes: 1 | 2 | 3 | 4 | 8, unsigned = false): ColumnType => ({
  kind: 'integer',
  bytes,
  unsigned,
});
const decimal = (precision: number, scale: number): ColumnType => ({
  kind: 'decimal',
  precision,
  scale,
});
const datetime = (fractionDigits: number): ColumnType => ({ kind: 'datetime', fractionDigits });
const timestamp = (fractionDigits: number): ColumnType => ({ kind: 'timestamp', fractionDigits });
const time: ColumnType = { kind: 'time', fractionDigits: 6 };
const text: ColumnType = { kind: 'text', charset: 'utf8mb4' };
const JSON_TEXT = '{"b":  1.10, "a": 18446744073709551615, "a": "\\u00e9\\n"}';

/** The SQL expression over column `v` says what the warehouse holds in a form JavaScript cannot round. */
const CASES: readonly (readonly [
  type: ColumnType,
  value: ColumnValue,
  storedType: string,
  sql: string,
  expected: unknown,
])[] = [
  [int(1), -128, 'TINYINT', 'v::VARCHAR', '-128'],
  [int(1, true), 255, 'UTINYINT', 'v::VARCHAR', '255'],
  [int(2), -32768, 'SMALLINT', 'v::VARCHAR', '-32768'],
  [int(2, true), 65535, 'USMALLINT', 'v::VARCHAR', '65535'],
  [int(3), -8388608, 'INTEGER', 'v::VARCHAR', '-8388608'],
  [int(3, true), 16777215, 'UINTEGER', 'v::VARCHAR', '16777215'],
  [int(4), -2147483648, 'INTEGER', 'v::VARCHAR', '-2147483648'],
  [int(4, true), 4294967295, 'UINTEGER', 'v::VARCHAR', '4294967295'],
  [int(8), -9223372036854775808n, 'BIGINT', 'v::VARCHAR', '-9223372036854775808'],
  [int(8), 9007199254740993n, 'BIGINT', 'v::VARCHAR', '9007199254740993'],
  [int(8, true), 18446744073709551615n, 'UBIGINT', 'v::VARCHAR', '18446744073709551615'],
  [decimal(10, 2), '-0.50', 'DECIMAL(10,2)', 'v::VARCHAR', '-0.50'],
  [
    decimal(38, 10),
    '1234567890123456789012345678.0123456789',
    'DECIMAL(38,10)',
    'v::VARCHAR',
    '1234567890123456789012345678.0123456789',
  ],
  [
    decimal(65, 30),
    '12345678901234567890123456789012345.012345678901234567890123456789',
    'VARCHAR',
    'v',
    '12345678901234567890123456789012345.012345678901234567890123456789',
  ],
  [{ kind: 'float' }, 1.1, 'FLOAT', 'v = 1.1::FLOAT', true],
  [{ kind: 'float' }, -0, 'FLOAT', 'signbit(v)', true],
  [{ kind: 'float' }, 3.4028235e38, 'FLOAT', 'v::VARCHAR', '3.4028235e+38'],
  [{ kind: 'double' }, -0, 'DOUBLE', 'signbit(v)', true],
  [{ kind: 'double' }, 0, 'DOUBLE', 'signbit(v)', false],
  [{ kind: 'double' }, 1e300, 'DOUBLE', 'v', 1e300],
  [{ kind: 'double' }, 5e-324, 'DOUBLE', 'v', 5e-324],
  [{ kind: 'double' }, 0.1, 'DOUBLE', 'v', 0.1],
  [{ kind: 'bit', bits: 1 }, true, 'BOOLEAN', 'v', true],
  [{ kind: 'bit', bits: 12 }, 'AQg=', 'BLOB', 'hex(v)', '0108'],
  [{ kind: 'year' }, 2155, 'SMALLINT', 'v', 2155],
  [{ kind: 'year' }, 0, 'SMALLINT', 'v', 0],
  [{ kind: 'date' }, -354285, 'DATE', 'v::VARCHAR', '1000-01-01'],
  [{ kind: 'date' }, 2932896, 'DATE', 'v::VARCHAR', '9999-12-31'],
  [time, -3020399000001, 'INTERVAL', 'epoch_us(v)', '-3020399000001'],
  [time, 3020399000000, 'INTERVAL', "v > INTERVAL '24 hours'", true],
  [datetime(0), 1763858096000, 'TIMESTAMP', 'v::VARCHAR', '2025-11-23 00:34:56'],
  [datetime(3), 1763858096789, 'TIMESTAMP', 'v::VARCHAR', '2025-11-23 00:34:56.789'],
  [datetime(6), 1763858096789012, 'TIMESTAMP', 'v::VARCHAR', '2025-11-23 00:34:56.789012'],
  [datetime(6), 253402300799999999n, 'TIMESTAMP', 'v::VARCHAR', '9999-12-31 23:59:59.999999'],
  [datetime(6), -30610224000000000n, 'TIMESTAMP', 'v::VARCHAR', '1000-01-01 00:00:00'],
  [
    timestamp(6),
    '2026-11-23T01:02:03.123456Z',
    'TIMESTAMPTZ',
    'v::VARCHAR',
    '2026-11-23 01:02:03.123456+00',
  ],
  [timestamp(0), '2038-01-19T03:14:07Z', 'TIMESTAMPTZ', 'epoch_us(v)', '2147483647000000'],
  [text, 'a\u0000b"\\\n\u2028é😀-0,', 'VARCHAR', 'v', 'a\u0000b"\\\n\u2028é😀-0,'],
  [text, '', 'VARCHAR', 'v', ''],
  [{ kind: 'enum', members: ['a', 'b'] }, 'b', 'VARCHAR', 'v', 'b'],
  [{ kind: 'set', members: ['a', 'b'] }, 'a,b', 'VARCHAR', 'v', 'a,b'],
  [{ kind: 'binary', fixedBytes: 3 }, 'AP8A', 'BLOB', 'hex(v)', '00FF00'],
  [{ kind: 'binary', fixedBytes: 0 }, '', 'BLOB', 'octet_length(v)', '0'],
  [{ kind: 'json' }, JSON_TEXT, 'JSON', 'v::VARCHAR', JSON_TEXT],
  [{ kind: 'json' }, 'null', 'JSON', 'v::VARCHAR', 'null'],
  [
    { kind: 'geometry' },
    { srid: 4326, wkb: 'AQEAAAA=' },
    'STRUCT(srid UINTEGER, wkb BLOB)',
    "v.srid || ':' || hex(v.wkb)",
    '4326:0101000000',
  ],
  [
    { kind: 'vector' },
    [1.5, -0, 1.1],
    'FLOAT[]',
    'v[1] = 1.5 AND signbit(v[2]) AND v[3] = 1.1::FLOAT',
    true,
  ],
];

const INEXACT: readonly (readonly [ColumnType, string])[] = [
  [{ kind: 'date' }, '0000-00-00'],
  [{ kind: 'date' }, '2024-02-31'],
  [datetime(3), '0000-00-00 00:00:00.000'],
  [datetime(6), '2024-00-10 10:00:00.000000'],
  [timestamp(0), '0000-00-00 00:00:00'],
];

function titleOf([type, value, storedType]: (typeof CASES)[number]): string {
  const shown = JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v));
  const sign = Object.is(value, -0) ? '-' : '';
  return `${type.kind} ${sign}${shown} exactly, as ${storedType}`;
}

describe('DuckDbDestination stores values', () => {
  let folder: ReturnType<typeof tempFolder>;
  let warehouse: TestWarehouse;

  beforeEach(async () => {
    folder = tempFolder();
    warehouse = await openWarehouse(join(folder.path, 't.duckdb'));
  });
  afterEach(async () => {
    await warehouse[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  const store = (
    columns: readonly (readonly [string, ColumnType])[],
    values: readonly ColumnValue[],
  ) => {
    const schema = schemaOf('db.t', [['id', integer], ...columns]);
    return warehouse.destination.apply(
      batch(1, [rowsOf(schema, [change(schema, 'c', [1, ...values], 1)])]),
    );
  };

  it.each(CASES.map((entry) => [titleOf(entry), ...entry] as const))(
    '%s',
    async (_title, ...entry) => {
      const [type, value, storedType, sql, expected] = entry;
      await store([['v', type]], [value]);
      expect(await warehouse.query(`SELECT ${sql} FROM db.t`)).toEqual([[expected]]);
      const [described] = await warehouse.query(
        `SELECT column_type FROM (DESCRIBE db.t) WHERE column_name = 'v'`,
      );
      expect(described).toEqual([storedType.replace('TIMESTAMPTZ', 'TIMESTAMP WITH TIME ZONE')]);
    },
  );

  it('keeps NULL of every type NULL, without calling it inexact', async () => {
    const columns = CASES.map(([type], index) => [`c${index}`, type] as const);
    await store(
      columns,
      columns.map(() => null),
    );
    const list = columns.map(([name]) => `${name} IS NULL`).join(' AND ');
    expect(await warehouse.query(`SELECT ${list} FROM db.t`)).toEqual([[true]]);
    expect(await warehouse.query('SELECT _cdc.inexact FROM db.t__changes')).toEqual([[null]]);
  });

  it.each(INEXACT)(
    'keeps the text of a value that its column cannot hold: %o %s',
    async (type, value) => {
      await store([['v', type]], [value]);
      expect(await warehouse.query('SELECT v, _cdc.inexact FROM db.t__changes')).toEqual([
        [null, JSON.stringify({ v: value })],
      ]);
    },
  );

  it('names exactly the columns that are inexact, whatever they are called', async () => {
    const name = `a"b'/~ é`;
    await store(
      [
        [name, { kind: 'date' }],
        ['ok', { kind: 'date' }],
        ['w', datetime(0)],
      ],
      ['0000-00-00', 1, '0000-00-00 00:00:00'],
    );
    expect(await warehouse.query('SELECT _cdc.inexact FROM db.t__changes')).toEqual([
      [JSON.stringify({ [name]: '0000-00-00', w: '0000-00-00 00:00:00' })],
    ]);
  });

  it('shows what stands for a text that is none, and its bytes beside it, in its own row alone', async () => {
    const odd = `a"b'/~ é`;
    const schema = schemaOf('db.t', [
      ['id', integer],
      [odd, text],
      ['day', { kind: 'date' }],
      ['d', { kind: 'double' }],
    ]);
    const rows = [
      change(schema, 'c', [1, 'fine', 1, -0], 1, 1),
      {
        ...change(schema, 'c', [2, 'A\ufffd', 1, -0], 1, 3),
        invalid: new Map([[odd, '0x41FF' as const]]),
      },
      change(schema, 'c', [3, '0x41FF', '0000-00-00', 1], 1, 5),
      {
        ...change(schema, 'c', [4, '0x41FF', '0000-00-00', 1], 1, 7),
        invalid: new Map([[odd, '0x41FF' as const]]),
      },
    ];
    await warehouse.destination.apply(batch(1, [rowsOf(schema, rows)]));
    const value = duckdbDialect.identifier(odd);
    expect(
      await warehouse.query(
        `SELECT id::INTEGER, ${value}, signbit(d), _cdc.inexact FROM db.t__changes ORDER BY id`,
      ),
    ).toEqual([
      [1, 'fine', true, null],
      [2, 'A\ufffd', true, JSON.stringify({ [odd]: '0x41FF' })],
      [3, '0x41FF', false, '{"day":"0000-00-00"}'],
      [4, '0x41FF', false, JSON.stringify({ day: '0000-00-00', [odd]: '0x41FF' })],
    ]);
    expect(await warehouse.query(`SELECT ${value} FROM db.t ORDER BY id`)).toEqual(
      ['fine', 'A\ufffd', '0x41FF', '0x41FF'].map((each) => [each]),
    );
  });

  it('stops a table by its name and no value when a value does not fit its column', async () => {
    expect(await store([['v', int(1)]], [4711])).toEqual(['shop.db.t']);
    const [stopped] = warehouse.destination.stopped();
    expect(stopped).toMatchObject({ table: 'db.t', code: 'duckdb.value-refused' });
    expect(stopped?.reason).toContain('db.t');
    expect(JSON.stringify(stopped)).not.toContain('4711');
  });
});
