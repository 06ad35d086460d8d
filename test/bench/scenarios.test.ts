import { expect, it } from 'vitest';
import { connectOffsets } from '../../bench/connect-offsets.ts';
import { flawIn } from '../../bench/envelope-check.ts';
import { expectedOrder, insertOrders, insertOrdersFrom } from '../../bench/order-data.ts';
import { SCENARIOS } from '../../bench/scenarios.ts';
import type { BatchRecord } from '../../src/topic/record-batch-reader.ts';

it('orders are cut into transactions, the last one smaller', () => {
  const statements = [...insertOrders('orders', 2_500, 1_000)];
  expect(statements).toEqual([
    insertOrdersFrom('orders', 1, 1_000),
    insertOrdersFrom('orders', 1_001, 1_000),
    insertOrdersFrom('orders', 2_001, 500),
  ]);
});

it('a delete counts as one change and two records', () => {
  const { rows, records, load } = SCENARIOS['update-delete'].workload(1_000);
  expect({ rows, records }).toEqual({ rows: 1_000, records: 1_500 });
  const statements = [...load];
  expect(statements.filter((sql) => sql.startsWith('UPDATE'))).toHaveLength(5);
  expect(statements.filter((sql) => sql.startsWith('DELETE'))).toHaveLength(5);
});

it('many-tables writes the same statements every time, into nearly all tables', () => {
  const statements = (): readonly string[] => [...SCENARIOS['many-tables'].workload(20_000).load];
  expect(statements()).toEqual(statements());
  const written = new Set(statements().map((sql) => /orders_\d+/.exec(sql)?.[0]));
  expect(written.size).toBeGreaterThan(180);
});

it('every scenario has less to do when it is quick', () => {
  for (const { size } of Object.values(SCENARIOS)) {
    expect(size.quick).toBeLessThan(size.full);
    expect(size.tiny).toBeLessThan(size.quick);
  }
});

const record = (envelope: unknown): BatchRecord => ({
  offset: 5,
  timestampMs: 0,
  key: null,
  value: envelope === null ? null : Buffer.from(JSON.stringify(envelope)),
  headers: new Map(),
});

it('a sample is good when its rows are the ones that were written', () => {
  const sample = [
    record({ op: 'c', before: null, after: expectedOrder(7) }),
    record({ op: 'u', before: expectedOrder(8), after: { id: 8, status: 'changed' } }),
    record({ op: 'd', before: { id: 9 }, after: null }),
    record(null),
    record({ op: 'r', after: { id: 3, body: 'random' } }),
  ];
  expect(flawIn(sample)).toBeUndefined();
});

it.each([
  ['another value', { op: 'c', after: { ...expectedOrder(7), status: 'lost' } }],
  ['no row', { op: 'c', after: null }],
  ['an update of another row', { op: 'u', before: { ...expectedOrder(7), customer_id: 1 } }],
])('a sample with %s is no good', (_, envelope) => {
  expect(flawIn([record(envelope)])).toContain('offset 5');
});

it('a sample of nothing is no good', () => {
  expect(flawIn([])).toBe('no record could be read back');
});

// new ObjectOutputStream(file).writeObject(new HashMap<byte[], byte[]>(Map.of(key, value)))
it('offsets are written as Java reads a map of byte arrays', () => {
  const bytes = connectOffsets(['c', { server: 'p' }], { pos: 4 });
  expect(bytes.subarray(0, 4).toString('hex')).toBe('aced0005');
  expect(bytes.toString('latin1')).toContain('java.util.HashMap');
  const key = '["c",{"server":"p"}]';
  const at = bytes.indexOf(key);
  expect(bytes.readInt32BE(at - 4)).toBe(key.length);
  expect(bytes.subarray(at + key.length, at + key.length + 10).toString('hex')).toBe(
    '7571007e000200000009',
  );
  expect(bytes.subarray(-10).toString()).toBe('{"pos":4}x');
});
