import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColumnValue } from '../../src/change/column-value.ts';
import {
  type ColumnType,
  type SchemaId,
  type TableSchema,
  tableName,
} from '../../src/change/table.ts';
import { partitionOf } from '../../src/topic/partition.ts';
import type { OutgoingRecord } from '../../src/topic/publisher.ts';
import { ENVELOPE_VERSION, type SourceBlock } from '../../src/topic/source-block.ts';
import type { Topic } from '../../src/topic/topic-name.ts';
import { appendChange, type Change, type ChangeContext } from '../support/append-change.ts';
import { encodeKey, encodeRow } from '../support/row-json.ts';

const TEXT: ColumnType = { kind: 'text', charset: 'utf8mb4' };
const BIGINT: ColumnType = { kind: 'integer', bytes: 8, unsigned: false };

function schemaOf(
  columns: Readonly<Record<string, ColumnType>>,
  key: readonly number[],
): TableSchema {
  return {
    id: { database: 'shop', table: 'orders' },
    columns: Object.entries(columns).map(([name, type]) => ({ name, type, nullable: true })),
    key,
  };
}

const orders = schemaOf({ id: BIGINT, note: TEXT }, [0]);

const source: SourceBlock = {
  pipeline: 'shop',
  tsUs: 1_795_398_669_490_123,
  snapshot: false,
  database: 'shop',
  table: 'orders',
  serverId: 1,
  gtid: '3e11fa47-71ca-11e1-9e33-c80aa9429562:905',
  file: 'binlog.000002',
  pos: 12345,
  threadId: null,
  nowMs: 1_795_398_670_000,
};

function recordsOf(
  change: Partial<Change>,
  context: Partial<ChangeContext>,
  schema = orders,
  partitions = 3,
): readonly OutgoingRecord[] {
  const records: OutgoingRecord[] = [];
  const batch = {
    records: 0,
    bytes: 0,
    append: (record: OutgoingRecord) => void records.push(record),
  };
  appendChange(
    batch,
    {
      table: tableName(schema.id),
      topic: 'shop.shop.orders' as Topic,
      partitions,
      schema,
      schemaId: '0123456789abcdef' as SchemaId,
    },
    { before: undefined, after: undefined, ...change },
    {
      epoch: 1,
      commitOrdinal: 7,
      rowOrdinal: 4,
      op: 'c',
      source,
      rowInEvent: 2,
      timestampMs: 99,
      ...context,
    },
  );
  return records;
}

function shape({ key, value, headers }: OutgoingRecord) {
  const envelope = JSON.parse(value ?? '{"op":"tombstone"}') as Readonly<Record<string, unknown>>;
  const { op, before, after } = envelope;
  return { key, op, before, after, headers: Object.fromEntries(headers) };
}

const SCHEMA = { '__sluice.schema': '0123456789abcdef' };
const PART_0 = { '__sluice.seq': '00000001/0000000000000007/00000008', ...SCHEMA };
const PART_1 = { '__sluice.seq': '00000001/0000000000000007/00000009', ...SCHEMA };

describe('the records of a change', () => {
  it('writes an insert as Debezium does, byte for byte', () => {
    const [record, ...others] = recordsOf({ after: [1, 'a'] }, {});
    expect(others).toEqual([]);
    expect(record).toEqual({
      topic: 'shop.shop.orders',
      partition: partitionOf('{"id":1}', 3),
      key: '{"id":1}',
      value:
        '{"before":null,"after":{"id":1,"note":"a"},"source":{"version":"0.1.0","connector":"mysql",' +
        '"name":"shop","ts_ms":1795398669490,"snapshot":"false","db":"shop","sequence":null,' +
        '"ts_us":1795398669490123,"ts_ns":1795398669490123000,"table":"orders","server_id":1,' +
        '"gtid":"3e11fa47-71ca-11e1-9e33-c80aa9429562:905","file":"binlog.000002","pos":12345,' +
        '"row":2,"thread":null,"query":null},"transaction":null,"op":"c","ts_ms":1795398670000,' +
        '"ts_us":1795398670000000,"ts_ns":1795398670000000000}',
      headers: [
        ['__sluice.seq', '00000001/0000000000000007/00000009'],
        ['__sluice.schema', '0123456789abcdef'],
      ],
      timestampMs: 99,
    });
  });

  it('names the version of this package in the source block', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(ENVELOPE_VERSION).toBe(version);
  });

  it('writes one record for an update that keeps the key', () => {
    expect(recordsOf({ before: [1, 'a'], after: [1, 'b'] }, { op: 'u' }).map(shape)).toEqual([
      {
        key: '{"id":1}',
        op: 'u',
        before: { id: 1, note: 'a' },
        after: { id: 1, note: 'b' },
        headers: PART_1,
      },
    ]);
  });

  it('writes delete, tombstone and create for an update of the key', () => {
    expect(recordsOf({ before: [1, 'a'], after: [2, 'a'] }, { op: 'u' }).map(shape)).toEqual([
      {
        key: '{"id":1}',
        op: 'd',
        before: { id: 1, note: 'a' },
        after: null,
        headers: { ...PART_0, '__debezium.newkey': '{"id":2}' },
      },
      { key: '{"id":1}', op: 'tombstone', before: undefined, after: undefined, headers: PART_0 },
      {
        key: '{"id":2}',
        op: 'c',
        before: null,
        after: { id: 2, note: 'a' },
        headers: { ...PART_1, '__debezium.oldkey': '{"id":1}' },
      },
    ]);
  });

  it('writes a delete and a tombstone with the same sequence', () => {
    expect(recordsOf({ before: [1, 'a'] }, { op: 'd' }).map(shape)).toEqual([
      { key: '{"id":1}', op: 'd', before: { id: 1, note: 'a' }, after: null, headers: PART_1 },
      { key: '{"id":1}', op: 'tombstone', before: undefined, after: undefined, headers: PART_1 },
    ]);
  });

  it('keeps a table without a key in partition 0, without tombstones', () => {
    const keyless = schemaOf({ id: BIGINT, note: TEXT }, []);
    const records = [
      ...recordsOf({ before: [1, 'a'], after: [2, 'a'] }, { op: 'u' }, keyless),
      ...recordsOf({ before: [2, 'a'] }, { op: 'd' }, keyless),
    ];
    expect(records.map(({ key, partition }) => [key, partition])).toEqual([
      [null, 0],
      [null, 0],
    ]);
    expect(records.map((record) => shape(record).op)).toEqual(['u', 'd']);
  });

  it('takes the source block by identity, so a new one is a new text', () => {
    const [first] = recordsOf({ after: [1, 'a'] }, { source });
    const [second] = recordsOf({ after: [1, 'a'] }, { source: { ...source, pos: 99 } });
    const [third] = recordsOf({ after: [1, 'a'] }, { source });
    expect(JSON.parse(second?.value ?? '').source.pos).toBe(99);
    expect(third).toEqual(first);
  });

  it('writes large row ordinals and commit ordinals in full width', () => {
    const [record] = recordsOf(
      { after: [1, 'a'] },
      { commitOrdinal: 2 ** 40, rowOrdinal: 2 ** 31 - 1 },
    );
    expect(record?.headers[0]?.[1]).toBe('00000001/0000010000000000/FFFFFFFF');
  });

  it('refuses a change without the image it needs', () => {
    expect(() => recordsOf({}, { op: 'd' })).toThrow(/lacks a row image/);
  });
});

describe('the key of a row', () => {
  it('holds the key columns in key order', () => {
    const schema = schemaOf({ a: BIGINT, b: TEXT, c: BIGINT }, [2, 1]);
    expect(encodeKey(schema, [1, 'x"y', 3])).toBe('{"c":3,"b":"x\\"y"}');
  });

  it('cannot be made from a row that lacks a key column', () => {
    expect(() => encodeKey(orders, [undefined, 'a'])).toThrow(/lacks a key column/);
  });
});

describe('a row as JSON', () => {
  const one = (value: ColumnValue, type: ColumnType = TEXT) =>
    encodeRow(schemaOf({ v: type }, []), [value]);

  it.each<[string, ColumnValue, string]>([
    ['null', null, 'null'],
    ['true', true, 'true'],
    ['negative zero', -0, '-0'],
    ['a bigint beyond 2^53', 18_446_744_073_709_551_615n, '18446744073709551615'],
    ['the smallest double', 5e-324, '5e-324'],
    ['a large double', 1.7976931348623157e308, '1.7976931348623157e+308'],
    ['geometry', { srid: 4326, wkb: 'AQE=' }, '{"srid":4326,"wkb":"AQE="}'],
    ['a vector', [1.5, -0, 3], '[1.5,-0,3]'],
  ])('writes %s', (_title, value, expected) => {
    expect(one(value)).toBe(`{"v":${expected}}`);
  });

  it('keeps the sign of zero through JSON.parse', () => {
    expect(Object.is(JSON.parse(one(-0)).v, -0)).toBe(true);
  });

  it('leaves absent columns out, also the first', () => {
    const schema = schemaOf({ a: BIGINT, b: TEXT, c: TEXT }, []);
    expect(encodeRow(schema, [undefined, 'x', undefined])).toBe('{"b":"x"}');
    expect(encodeRow(schema, [undefined, undefined, undefined])).toBe('{}');
    expect(encodeRow(schema, [1, undefined, 'y'])).toBe('{"a":1,"c":"y"}');
  });

  it('escapes texts and column names exactly as JSON.stringify does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (name, value) => {
        expect(encodeRow(schemaOf({ [name]: TEXT }, []), [value])).toBe(
          JSON.stringify({ [name]: value }),
        );
      }),
    );
    expect(one('\ud800"\u0000\u2028')).toBe(JSON.stringify({ v: '\ud800"\u0000\u2028' }));
  });

  it('writes numbers that JSON.parse reads back as the same double', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Object.is(JSON.parse(one(value, { kind: 'double' })).v, value)).toBe(true);
      }),
    );
  });

  it('refuses a number that JSON has no text for', () => {
    expect(() => one(Number.NaN)).toThrow(/not a finite number/);
  });
});
