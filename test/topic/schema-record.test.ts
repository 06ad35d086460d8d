import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSequence } from '../../src/change/sequence.ts';
import type { ColumnType, SchemaId, TableName, TableSchema } from '../../src/change/table.ts';
import {
  type ControlRecord,
  formatControlRecord,
  parseControlRecord,
} from '../../src/topic/control-record.ts';
import { canonicalSchema, parseSchemaRecord, schemaIdOf } from '../../src/topic/schema-record.ts';

const digits = fc.nat({ max: 6 });
const columnType: fc.Arbitrary<ColumnType> = fc.oneof(
  fc.record({
    kind: fc.constant('integer' as const),
    bytes: fc.constantFrom(1, 2, 3, 4, 8),
    unsigned: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('decimal' as const), precision: fc.nat(65), scale: fc.nat(30) }),
  fc.record({
    kind: fc.constantFrom('float', 'double', 'year', 'date', 'json', 'geometry', 'vector'),
  }),
  fc.record({ kind: fc.constant('bit' as const), bits: fc.nat(64) }),
  fc.record({ kind: fc.constantFrom('time', 'datetime', 'timestamp'), fractionDigits: digits }),
  fc.record({ kind: fc.constant('text' as const), charset: fc.string() }),
  fc.record({ kind: fc.constant('binary' as const), fixedBytes: fc.nat(255) }),
  fc.record({ kind: fc.constantFrom('enum', 'set'), members: fc.array(fc.string()) }),
);

const schema: fc.Arbitrary<TableSchema> = fc
  .record({
    id: fc.record({ database: fc.string(), table: fc.string() }),
    columns: fc.array(fc.record({ name: fc.string(), type: columnType, nullable: fc.boolean() }), {
      minLength: 1,
    }),
  })
  .chain(({ id, columns }) =>
    fc.subarray([...columns.keys()]).map((key) => ({ id, columns, key })),
  );

/** The same value with its members inserted in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([k, v]) => [k, reversed(v)]),
  );
}

describe('a schema record', () => {
  it('reads back as the schema it was made from', () => {
    fc.assert(
      fc.property(schema, (each) => {
        expect(parseSchemaRecord(canonicalSchema(each))).toEqual(each);
      }),
    );
  });

  it('does not depend on the order in which members were set', () => {
    fc.assert(
      fc.property(schema, (each) => {
        expect(schemaIdOf(reversed(each) as TableSchema)).toBe(schemaIdOf(each));
      }),
    );
  });

  it('has an id that never changes between releases', () => {
    const orders: TableSchema = {
      id: { database: 'shop', table: 'orders' },
      columns: [
        { name: 'id', type: { kind: 'integer', bytes: 8, unsigned: true }, nullable: false },
        { name: 'note', type: { kind: 'text', charset: 'utf8mb4' }, nullable: true },
      ],
      key: [0],
    };
    expect(canonicalSchema(orders)).toBe(
      '{"v":1,"database":"shop","table":"orders","columns":[' +
        '{"name":"id","type":{"kind":"integer","bytes":8,"unsigned":true},"nullable":false},' +
        '{"name":"note","type":{"kind":"text","charset":"utf8mb4"},"nullable":true}],"key":[0]}',
    );
    expect(schemaIdOf(orders)).toMatch(/^[0-9a-f]{16}$/);
    expect(schemaIdOf({ ...orders, key: [] })).not.toBe(schemaIdOf(orders));
  });

  it.each([
    '',
    'null',
    '{}',
    '{"v":2}',
    '{"v":1,"database":"a","table":"b","columns":[],"key":[0]}',
  ])('refuses %j', (text) => {
    expect(() => parseSchemaRecord(text)).toThrow(
      expect.objectContaining({ code: 'kafka.record-unreadable' }),
    );
  });
});

describe('a control record', () => {
  const seq = formatSequence({ epoch: 1, commitOrdinal: 2, row: 3 });
  const table = 'shop.orders' as TableName;
  const records: readonly ControlRecord[] = [
    { kind: 'snapshotBegin', seq, table, snapshotId: 's1' },
    { kind: 'snapshotEnd', seq, table, snapshotId: 's1' },
    { kind: 'snapshotEnd', seq, table, snapshotId: 's1', covers: seq },
    { kind: 'truncate', seq, table },
    { kind: 'tableDropped', seq, table },
    { kind: 'tableGap', seq, table, cause: 'excluded', followed: false },
    {
      kind: 'tableGap',
      seq,
      table,
      cause: 'stopped',
      followed: false,
      code: 'table.no-key',
      reason: 'no key',
    },
    {
      kind: 'columns',
      seq,
      table,
      closed: ['__proto__'],
      renamed: [{ from: 'a', to: 'b' }],
      defaults: [{ name: 'c', value: '"x"' }],
    },
    { kind: 'sweep', seq, table, olderThan: seq },
    { kind: 'schema', seq, table, schemaId: '0123456789abcdef' as SchemaId },
    {
      kind: 'schema',
      seq,
      table,
      schemaId: '0123456789abcdef' as SchemaId,
      comments: { table: `it's "so"\n`, columns: { id: 'the \\ number', constructor: '' } },
    },
    { kind: 'gap', seq, cause: 'binlog.purged', from: 'a:1-5', to: 'a:1-9' },
  ];

  it.each(records.map((record) => [record.kind, record] as const))(
    'of kind %s reads back',
    (_kind, record) => {
      expect(parseControlRecord(formatControlRecord(record))).toEqual(record);
    },
  );

  it.each([
    '',
    '[]',
    '{"kind":"other"}',
    '{"kind":"truncate","seq":"1","table":"a.b"}',
    `{"kind":"truncate","seq":"${seq}"}`,
    `{"kind":"tableGap","seq":"${seq}","table":"a.b","cause":"other","followed":true}`,
    `{"kind":"columns","seq":"${seq}","table":"a.b","closed":[1],"renamed":[],"defaults":[]}`,
    `{"kind":"schema","seq":"${seq}","table":"a.b","schemaId":"0","comments":null}`,
    `{"kind":"schema","seq":"${seq}","table":"a.b","schemaId":"0","comments":{"columns":{"id":1}}}`,
    `{"kind":"schema","seq":"${seq}","table":"a.b","schemaId":"0","comments":{"table":1,"columns":{}}}`,
  ])('refuses %j', (text) => {
    expect(() => parseControlRecord(text)).toThrow(
      expect.objectContaining({ code: 'kafka.record-unreadable' }),
    );
  });
});
