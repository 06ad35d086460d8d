import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ColumnValue } from '../../src/change/column-value.ts';
import type { ColumnType } from '../../src/change/table.ts';
import { DuckDbFile } from '../../src/duckdb/database-file.ts';
import { DuckDbDestination } from '../../src/duckdb/duckdb-destination.ts';
import { queryWarehouse } from '../../src/duckdb/query-client.ts';
import { serveQueries } from '../../src/duckdb/query-server.ts';
import {
  batch,
  change,
  integer,
  openOrCreate,
  rowsOf,
  schemaOf,
  TEST_SETTINGS,
  tempFolder,
} from './warehouse.ts';

const int = (bytes: 1 | 2 | 4 | 8, unsigned: boolean): ColumnType => ({
  kind: 'integer',
  bytes,
  unsigned,
});

/** Each type that the sink makes a column of, a value of it, and what a query answers. */
const ANSWERS: readonly (readonly [
  storedType: string,
  type: ColumnType,
  value: ColumnValue,
  answer: unknown,
])[] = [
  ['TINYINT', int(1, false), -128, -128],
  ['UTINYINT', int(1, true), 255, 255],
  ['SMALLINT', int(2, false), -32768, -32768],
  ['USMALLINT', int(2, true), 65535, 65535],
  ['INTEGER', int(4, false), -2147483648, -2147483648],
  ['UINTEGER', int(4, true), 4294967295, 4294967295],
  ['BIGINT', int(8, false), -9223372036854775808n, '-9223372036854775808'],
  ['UBIGINT', int(8, true), 18446744073709551615n, '18446744073709551615'],
  ['DECIMAL', { kind: 'decimal', precision: 10, scale: 2 }, '-0.50', '-0.50'],
  [
    'DECIMAL of 38 digits',
    { kind: 'decimal', precision: 38, scale: 10 },
    '1234567890123456789012345678.0123456789',
    '1234567890123456789012345678.0123456789',
  ],
  [
    'DECIMAL of 65 digits',
    { kind: 'decimal', precision: 65, scale: 30 },
    '12345678901234567890123456789012345.012345678901234567890123456789',
    '12345678901234567890123456789012345.012345678901234567890123456789',
  ],
  ['FLOAT', { kind: 'float' }, 1.1, 1.1],
  ['the largest FLOAT', { kind: 'float' }, 3.4028235e38, 3.4028235e38],
  ['a FLOAT of nine digits', { kind: 'float' }, 16777.217, 16777.217],
  ['a negative zero of FLOAT', { kind: 'float' }, -0, '-0'],
  ['DOUBLE', { kind: 'double' }, 0.1, 0.1],
  ['the smallest DOUBLE', { kind: 'double' }, 5e-324, 5e-324],
  ['a negative zero of DOUBLE', { kind: 'double' }, -0, '-0'],
  ['BOOLEAN', { kind: 'bit', bits: 1 }, true, true],
  ['BLOB of bits', { kind: 'bit', bits: 12 }, 'AQg=', '\\x0108'],
  ['BLOB', { kind: 'binary', fixedBytes: 0 }, 'AP9h', '\\x00ff61'],
  ['an empty BLOB', { kind: 'binary', fixedBytes: 0 }, '', '\\x'],
  ['SMALLINT of a year', { kind: 'year' }, 2155, 2155],
  ['DATE', { kind: 'date' }, -354285, '1000-01-01'],
  [
    'the first INTERVAL of a TIME',
    { kind: 'time', fractionDigits: 6 },
    -3020399000000,
    '-838:59:59',
  ],
  ['INTERVAL of a TIME', { kind: 'time', fractionDigits: 6 }, -3020399000001, '-838:59:59.000001'],
  ['TIMESTAMP', { kind: 'datetime', fractionDigits: 0 }, 1763858096000, '2025-11-23 00:34:56'],
  [
    'TIMESTAMP of six digits',
    { kind: 'datetime', fractionDigits: 6 },
    253402300799999999n,
    '9999-12-31 23:59:59.999999',
  ],
  [
    'TIMESTAMPTZ',
    { kind: 'timestamp', fractionDigits: 6 },
    '2026-11-23T01:02:03.123456Z',
    '2026-11-23 01:02:03.123456+00',
  ],
  ['VARCHAR', { kind: 'text', charset: 'utf8mb4' }, 'a\u0000\u001b"\né😀', 'a\u0000\u001b"\né😀'],
  ['an empty VARCHAR', { kind: 'text', charset: 'utf8mb4' }, '', ''],
  ['VARCHAR of an enum', { kind: 'enum', members: ['a', 'b'] }, 'b', 'b'],
  ['VARCHAR of a set', { kind: 'set', members: ['a', 'b'] }, 'a,b', 'a,b'],
  ['JSON', { kind: 'json' }, '{"b":  1.10, "a": null}', '{"b":  1.10, "a": null}'],
  [
    'STRUCT of a geometry',
    { kind: 'geometry' },
    { srid: 4326, wkb: 'AQEAAAA=' },
    { srid: 4326, wkb: '\\x0101000000' },
  ],
  ['FLOAT[]', { kind: 'vector' }, [1.5, -0, 1.1], [1.5, '-0', 1.1]],
];

describe('sluice query answers', () => {
  let folder: ReturnType<typeof tempFolder>;
  let path = '';
  let file: DuckDbFile;
  let destination: DuckDbDestination;

  beforeEach(async () => {
    folder = tempFolder();
    path = join(folder.path, 'shop.duckdb');
    file = await DuckDbFile.open(path, TEST_SETTINGS);
    const options = { pipeline: 'shop', prefix: 'shop', nowMs: Date.now, reach: () => {} };
    destination = new DuckDbDestination(file, options);
    await openOrCreate(destination);
    serveQueries(file);
  });
  afterEach(async () => {
    await file.close();
    folder[Symbol.dispose]();
  });

  const ask = async (sql: string) => (await queryWarehouse(path, { sql })).rows;

  it.each(ANSWERS)('%s', async (_, type, value, answer) => {
    const schema = schemaOf('db.t', [
      ['id', integer],
      ['v', type],
    ]);
    const rows = [change(schema, 'c', [1, value], 1, 1), change(schema, 'c', [2, null], 1, 3)];
    await destination.apply(batch(1, [rowsOf(schema, rows)]));
    expect(await ask('SELECT v FROM db.t ORDER BY id')).toEqual([[answer], [null]]);
  });

  it('durations inside lists, and those that a query computes', async () => {
    const sql = `SELECT [to_microseconds(0), NULL], to_microseconds(-1500000), INTERVAL '1 month 2 days 3 seconds'`;
    expect(await ask(sql)).toEqual([
      [['00:00:00', null], '-00:00:01.500000', '1 month 2 days 00:00:03'],
    ]);
  });

  it('maps, unions and what is no number', async () => {
    const sql = `SELECT MAP {'a': '\\x00'::BLOB}, 'nan'::DOUBLE, '-inf'::FLOAT, 170141183460469231731687303715884105727::HUGEINT`;
    expect(await ask(sql)).toEqual([
      [
        [{ key: 'a', value: '\\x00' }],
        'NaN',
        '-Infinity',
        '170141183460469231731687303715884105727',
      ],
    ]);
  });
});
