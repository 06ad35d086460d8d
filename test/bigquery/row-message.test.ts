import fc from 'fast-check';
import protobuf from 'protobufjs';
import 'protobufjs/ext/descriptor.js';
import { describe, expect, it } from 'vitest';
import { bigQueryLayout } from '../../src/bigquery/names.ts';
import { rowDescriptor, rowFields } from '../../src/bigquery/row-fields.ts';
import { rowWriter } from '../../src/bigquery/row-line.ts';
import { messageWriter } from '../../src/bigquery/row-message.ts';
import { bigQueryRules } from '../../src/bigquery/table-plan.ts';
import type { ColumnValue } from '../../src/change/column-value.ts';
import { type ColumnType, type TableSchema, tableName } from '../../src/change/table.ts';
import type { ChangeRow } from '../../src/sink/destination.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import { formAfter } from '../../src/view/evolve-table.ts';
import { KnownTables } from '../../src/view/known-tables.ts';
import type { StoredTable } from '../../src/view/stored-table.ts';
import { change, integer, schemaOf, seqAt, varchar } from '../duckdb/warehouse.ts';

const rules = bigQueryRules(
  bigQueryLayout('acme', 'sluice_shop', { dataset: '{database}', table: '{table}' }),
);

const INGESTED_US = Date.UTC(2026, 10, 23, 5) * 1000 + 1;

function storedAs(schema: TableSchema, before?: StoredTable): StoredTable {
  const known = new KnownTables(before ? [before] : [], rules);
  const since = seqAt(before ? 2 : 1);
  const [schemaId, table] = [schemaIdOf(schema), tableName(schema.id)];
  return formAfter(rules, known, { kind: 'schema', table, schemaId, schema, since })!;
}

type Message = Readonly<Record<string, unknown>>;

/** The row as a stream gets it, read by another implementation of protobuf with the descriptor that goes with it. */
function decoded(schema: TableSchema, table: StoredTable, row: ChangeRow): Message {
  const fields = rowFields(table);
  const written = messageWriter(schema, table, fields, INGESTED_US)(row);
  if (written.kind === 'refused') throw new Error(written.reason);
  const type = protobuf.Type.fromDescriptor(rowDescriptor(fields), 'proto2');
  return type.toObject(type.decode(written.row), { longs: String });
}

/** The same row as a load file has it. */
function loaded(schema: TableSchema, table: StoredTable, row: ChangeRow): Message {
  const written = rowWriter(schema, table, INGESTED_US)(row);
  if (written.kind === 'refused') throw new Error(written.reason);
  return JSON.parse(written.line) as Message;
}

/** JSON text of one member of a load file, digits as they are. */
function memberOf(schema: TableSchema, table: StoredTable, row: ChangeRow, name: string): string {
  const written = rowWriter(schema, table, INGESTED_US)(row);
  const line = written.kind === 'line' ? written.line : '';
  return new RegExp(`"${name}":(.*?),"_cdc_seq"`).exec(line)?.[1] ?? '';
}

const utc = (text: string): string => String(BigInt(Date.parse(text)) * 1000n);

/** What a value is in a message, of what it is in a load file. */
function asSent(type: string, value: unknown, json: string): unknown {
  switch (type) {
    case 'JSON':
      return json;
    case 'FLOAT64':
      return Number(json);
    case 'DATE':
      return Date.parse(String(value)) / 86_400_000;
    case 'TIMESTAMP': {
      const [, seconds = '', micros = '0'] = /^(.*?)(?:\.(\d+))?Z$/.exec(String(value)) ?? [];
      return String(BigInt(utc(`${seconds}Z`)) + BigInt(micros.padEnd(6, '0')));
    }
    case 'BYTES':
      return Buffer.from(String(value), 'base64');
    case 'STRUCT<srid INT64, wkb BYTES>': {
      const { srid, wkb } = value as { readonly srid: number; readonly wkb: string };
      return { srid: String(srid), wkb: Buffer.from(wkb, 'base64') };
    }
    default:
      return value;
  }
}

const decimal = (precision: number, scale: number): ColumnType => ({
  kind: 'decimal',
  precision,
  scale,
});

const digits = (scale: number): fc.Arbitrary<string> =>
  fc
    .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 20n }), fc.nat(10 ** scale - 1))
    .map(([minus, whole, rest]) => {
      const fraction = scale === 0 ? '' : `.${String(rest).padStart(scale, '0')}`;
      return `${minus ? '-' : ''}${whole}${fraction}`;
    });

const base64 = fc.uint8Array({ maxLength: 40 }).map((of) => Buffer.from(of).toString('base64'));
const double = fc.double({ noNaN: true, noDefaultInfinity: true });
const float = fc.float({ noNaN: true, noDefaultInfinity: true });
const instant = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.nat(999_999))
  .map(
    ([second, us]) =>
      `${new Date(second * 1000).toISOString().slice(0, 19)}.${String(us).padStart(6, '0')}Z`,
  );

const KINDS: readonly (readonly [ColumnType, fc.Arbitrary<ColumnValue>])[] = [
  [integer, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  [{ kind: 'integer', bytes: 1, unsigned: false }, fc.integer({ min: -128, max: 127 })],
  [{ kind: 'integer', bytes: 8, unsigned: true }, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  [decimal(25, 4), digits(4)],
  [decimal(30, 0), digits(0)],
  [decimal(38, 6), digits(6)],
  [decimal(65, 26), digits(6)],
  [{ kind: 'double' }, double],
  [{ kind: 'float' }, float.map((value) => Number(String(Math.fround(value))))],
  [{ kind: 'bit', bits: 1 }, fc.boolean()],
  [{ kind: 'bit', bits: 12 }, base64],
  [{ kind: 'year' }, fc.integer({ min: 1901, max: 2155 })],
  [{ kind: 'date' }, fc.integer({ min: -719_162, max: 2_932_896 })],
  [{ kind: 'time', fractionDigits: 6 }, fc.integer({ min: 0, max: 86_399_999_999 })],
  [
    { kind: 'datetime', fractionDigits: 6 },
    fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n }),
  ],
  [{ kind: 'timestamp', fractionDigits: 6 }, instant],
  [varchar, fc.string({ unit: 'grapheme', maxLength: 60 })],
  [{ kind: 'set', members: ['a', 'b'] }, fc.constantFrom('', 'a', 'a,b')],
  [{ kind: 'binary', fixedBytes: 0 }, base64],
  [{ kind: 'json' }, fc.json({ maxDepth: 2 })],
  [{ kind: 'geometry' }, fc.record({ srid: fc.nat(), wkb: base64 })],
  [{ kind: 'vector' }, fc.array(float, { maxLength: 20 })],
];

describe('a row on its way into a stream', () => {
  it.each(KINDS.map(([type, values]) => [type.kind, type, values] as const))(
    'of %s is what it is in a load file',
    (_, type, values) => {
      const schema = schemaOf('shop.t', [
        ['id', integer],
        ['v', type],
      ]);
      const table = storedAs(schema);
      const stored = table.columns[1]?.type ?? '';
      fc.assert(
        fc.property(values, (value) => {
          const row = change(schema, 'c', [7n, value], 3);
          const sent = decoded(schema, table, row);
          const line = loaded(schema, table, row);
          expect(sent['id']).toBe('7');
          expect(sent['_cdc_inexact']).toBe(
            'v' in line || !('_cdc_inexact' in line)
              ? undefined
              : JSON.stringify(line['_cdc_inexact']),
          );
          const expected =
            'v' in line ? asSent(stored, line['v'], memberOf(schema, table, row, 'v')) : undefined;
          // An array without elements is one that is not there.
          expect(sent['v']).toEqual(
            Array.isArray(expected) && expected.length === 0 ? undefined : expected,
          );
        }),
      );
    },
  );

  it('says what change it is', () => {
    const schema = schemaOf('shop.t', [['id', integer]]);
    const row = change(schema, 'd', [-1n], 3);
    const table = storedAs(schema);
    expect(decoded(schema, table, row)).toEqual({
      id: '-1',
      _cdc_seq: row.seq,
      _cdc_op: 'd',
      _cdc_committed_at: String(row.committedAtUs),
      _cdc_ingested_at: String(INGESTED_US),
      _cdc_position: row.position,
      _cdc_schema_id: table.schemaId,
    });
  });

  it('has NULL as nothing, and what its type cannot hold in _cdc_inexact', () => {
    const schema = schemaOf('shop.t', [
      ['id', integer],
      ['day', { kind: 'date' }],
      ['note', varchar],
    ]);
    const row = change(schema, 'c', [1n, '2026-02-30', null], 3);
    const sent = decoded(schema, storedAs(schema), row);
    expect('day' in sent || 'note' in sent).toBe(false);
    expect(sent['_cdc_inexact']).toBe('{"day":"2026-02-30"}');
  });

  it('has the bytes of a text that is none in _cdc_inexact, beside what stands for it', () => {
    const schema = schemaOf('shop.t', [
      ['id', integer],
      ['day', { kind: 'date' }],
      ['note', varchar],
    ]);
    const table = storedAs(schema);
    const row = {
      ...change(schema, 'c', [1n, '2026-02-30', 'A\ufffd'], 3),
      invalid: new Map([['note', '0x41FF' as const]]),
    };
    const sent = decoded(schema, table, row);
    expect(sent).toMatchObject({ note: 'A\ufffd' });
    expect(sent['_cdc_inexact']).toBe('{"day":"2026-02-30","note":"0x41FF"}');
    expect(loaded(schema, table, row)).toMatchObject({
      note: 'A\ufffd',
      _cdc_inexact: { day: '2026-02-30', note: '0x41FF' },
    });
  });

  it.each<[ColumnType, ColumnType, ColumnValue, unknown]>([
    [integer, varchar, 7n, '7'],
    [integer, decimal(10, 2), 7n, '7'],
    [{ kind: 'date' }, { kind: 'datetime', fractionDigits: 0 }, 0, '1970-01-01 00:00:00.000000'],
    [{ kind: 'bit', bits: 1 }, integer, true, '1'],
    [{ kind: 'json' }, varchar, '{"a": 1}', '{"a":1}'],
    [{ kind: 'double' }, varchar, -0, '-0.0'],
  ])(
    'of a schema with %o goes into the column that is for %o by now',
    (before, after, value, v) => {
      const [first, second] = [before, after].map((type) =>
        schemaOf('shop.t', [
          ['id', integer],
          ['v', type],
        ]),
      );
      if (!first || !second) return;
      const table = storedAs(second, storedAs(first));
      const name = table.columns[1]?.stored ?? 'v';
      const row = change(first, 'c', [1n, value], 1);
      expect(decoded(first, table, row)[name]).toBe(v);
    },
  );

  it('is refused with half of a character, for the load file’s reason', () => {
    const schema = schemaOf('shop.t', [
      ['id', integer],
      ['v', varchar],
    ]);
    const table = storedAs(schema);
    const row = change(schema, 'c', [1n, '\ud800'], 1);
    const fields = rowFields(table);
    expect(messageWriter(schema, table, fields, 0)(row)).toEqual(rowWriter(schema, table, 0)(row));
  });
});
