import { describe, expect, it } from 'vitest';
import { columnForm } from '../../src/bigquery/column-type.ts';
import { exactJson } from '../../src/bigquery/exact-json.ts';
import { bigQueryLayout } from '../../src/bigquery/names.ts';
import { rowWriter } from '../../src/bigquery/row-line.ts';
import { bigQueryRules } from '../../src/bigquery/table-plan.ts';
import type { ColumnValue } from '../../src/change/column-value.ts';
import { type ColumnType, tableName } from '../../src/change/table.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import { formAfter } from '../../src/view/evolve-table.ts';
import { KnownTables } from '../../src/view/known-tables.ts';
import { change, integer, schemaOf, seqAt } from '../duckdb/warehouse.ts';

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
const timestamp: ColumnType = { kind: 'timestamp', fractionDigits: 6 };
const time: ColumnType = { kind: 'time', fractionDigits: 6 };
const text: ColumnType = { kind: 'text', charset: 'utf8mb4' };

const rules = bigQueryRules(
  bigQueryLayout('acme', 'sluice_shop', { dataset: '{database}', table: '{table}' }),
);

/** The members `v` and `_cdc_inexact` of the line that a value becomes, as JSON text. */
function lineOf(type: ColumnType, value: ColumnValue): string {
  const schema = schemaOf('shop.t', [
    ['id', integer],
    ['v', type],
  ]);
  const [schemaId, since] = [schemaIdOf(schema), seqAt(1)];
  const use = { kind: 'schema', table: tableName(schema.id), schemaId, schema, since } as const;
  const table = formAfter(rules, new KnownTables([], rules), use)!;
  const row = change(schema, 'c', [1n, value], 1);
  const written = rowWriter(schema, table, 0)(row);
  if (written.kind === 'refused') return written.reason;
  expect(JSON.parse(written.line)).toMatchObject({ _cdc_seq: row.seq, _cdc_op: 'c', id: '1' });
  return /^\{"id":"1",(.*?),?"_cdc_seq"/.exec(written.line)?.[1] ?? '';
}

const inexact = (original: string): string => `"_cdc_inexact":{"v":${JSON.stringify(original)}}`;
const v = (json: string): string => `"v":${json}`;

describe('a value on its way to BigQuery', () => {
  it.each<[ColumnType, ColumnValue, string, string]>([
    [int(1), -128, 'INT64', v('"-128"')],
    [int(4, true), 4294967295, 'INT64', v('"4294967295"')],
    [int(8), -9223372036854775808n, 'INT64', v('"-9223372036854775808"')],
    [int(8, true), 18446744073709551615n, 'NUMERIC', v('"18446744073709551615"')],
    [decimal(10, 2), '-0.50', 'NUMERIC', v('"-0.50"')],
    [decimal(38, 9), '1.000000001', 'NUMERIC', v('"1.000000001"')],
    [decimal(39, 9), '1.000000001', 'BIGNUMERIC', v('"1.000000001"')],
    [decimal(20, 10), '1.0000000001', 'BIGNUMERIC', v('"1.0000000001"')],
    [
      decimal(65, 30),
      '1.000000000000000000000000000001',
      'BIGNUMERIC',
      v('"1.000000000000000000000000000001"'),
    ],
    [decimal(65, 26), '1.00', 'STRING', v('"1.00"')],
    [{ kind: 'float' }, 1.1, 'FLOAT64', v('1.1')],
    [{ kind: 'double' }, -0, 'FLOAT64', v('-0.0')],
    [{ kind: 'double' }, 5e-324, 'FLOAT64', v('5e-324')],
    [{ kind: 'bit', bits: 1 }, true, 'BOOL', v('true')],
    [{ kind: 'bit', bits: 12 }, 'AQg=', 'BYTES', v('"AQg="')],
    [{ kind: 'year' }, 2155, 'INT64', v('"2155"')],
    [{ kind: 'date' }, -354285, 'DATE', v('"1000-01-01"')],
    [{ kind: 'date' }, 2932896, 'DATE', v('"9999-12-31"')],
    [{ kind: 'date' }, -719163, 'DATE', inexact('-719163')],
    [{ kind: 'date' }, '0000-00-00', 'DATE', inexact('0000-00-00')],
    [time, 0, 'TIME', v('"00:00:00.000000"')],
    [time, 86399999999, 'TIME', v('"23:59:59.999999"')],
    [time, 86400000000, 'TIME', inexact('24:00:00.000000')],
    [time, -3020399000001, 'TIME', inexact('-838:59:59.000001')],
    [datetime(0), 951827696000, 'DATETIME', v('"2000-02-29 12:34:56.000000"')],
    [datetime(6), 253402300799999999n, 'DATETIME', v('"9999-12-31 23:59:59.999999"')],
    [datetime(6), -30610224000000001n, 'DATETIME', v('"0999-12-31 23:59:59.999999"')],
    [datetime(3), '2026-02-30 00:00:00.000', 'DATETIME', inexact('2026-02-30 00:00:00.000')],
    [timestamp, '2026-11-23T05:00:00.123456Z', 'TIMESTAMP', v('"2026-11-23T05:00:00.123456Z"')],
    [timestamp, '0000-00-00 00:00:00.000000', 'TIMESTAMP', inexact('0000-00-00 00:00:00.000000')],
    [text, 'a"\\\n€😀\u0000', 'STRING', v('"a\\"\\\\\\n€😀\\u0000"')],
    [text, '\udc00', 'STRING', 'a text holds half of a UTF-16 surrogate pair'],
    [text, '\\ud83d', 'STRING', v('"\\\\ud83d"')],
    [{ kind: 'set', members: ['a', 'b'] }, 'a,b', 'STRING', v('"a,b"')],
    [{ kind: 'binary', fixedBytes: 3 }, 'AAEC', 'BYTES', v('"AAEC"')],
    [{ kind: 'json' }, '{"b": [1, 2.50], "a": "x y"}', 'JSON', v('{"b":[1,2.50],"a":"x y"}')],
    [{ kind: 'json' }, '"text"', 'JSON', v('"text"')],
    [{ kind: 'json' }, 'null', 'JSON', inexact('null')],
    [{ kind: 'json' }, '1.00000000000000000001', 'JSON', inexact('1.00000000000000000001')],
    [
      { kind: 'geometry' },
      { srid: 4326, wkb: 'AQID' },
      'STRUCT<srid INT64, wkb BYTES>',
      v('{"srid":4326,"wkb":"AQID"}'),
    ],
    [{ kind: 'vector' }, [1.5, -0], 'ARRAY<FLOAT64>', v('[1.5,-0.0]')],
    [{ kind: 'vector' }, null, 'ARRAY<FLOAT64>', ''],
    [int(8), null, 'INT64', ''],
  ])('%o %s is %s %s', (type, value, stored, expected) => {
    expect(columnForm(type).type).toBe(stored);
    expect(lineOf(type, value)).toBe(expected);
  });
});

describe('a JSON document', () => {
  it.each([
    ['{"a":1,"b":{"a":2}}', '{"a":1,"b":{"a":2}}'],
    ['[ 1 ,\n 2 ]', '[1,2]'],
    ['18446744073709551615', '18446744073709551615'],
    ['1e2', '1e2'],
    ['0.10', '0.10'],
    ['"1.00000000000000000001"', '"1.00000000000000000001"'],
    ['[null]', '[null]'],
  ])('%s is kept as a value', (source, kept) => {
    expect(exactJson(source)).toBe(kept);
  });

  it.each([
    ['{"a":1,"a":2}'],
    ['{"a":1,"\\u0061":2}'],
    ['[{"x":[{"a":1,"a":2}]}]'],
    ['18446744073709551616'],
    ['-9223372036854775809'],
    ['0.12345678901234567890'],
    ['1e400'],
    ['-0'],
    ['null'],
    ['{'],
  ])('%s is one that BigQuery would change', (source) => {
    expect(exactJson(source)).toBeUndefined();
  });
});
