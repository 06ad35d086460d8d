import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatOffsets, parseOffsets } from '../../src/bigquery/stored-offsets.ts';
import type { PartitionOffset } from '../../src/sink/record-source.ts';
import type { Topic } from '../../src/topic/topic-name.ts';

const offset = fc.record(
  {
    topic: fc.constantFrom('a' as Topic, 'b.c' as Topic),
    partition: fc.nat(5),
    offset: fc.maxSafeNat(),
    topicId: fc.constantFrom('id-1', 'id-2'),
  },
  { requiredKeys: ['topic', 'partition', 'offset'] },
);
const inOrder = (offsets: readonly PartitionOffset[]): readonly string[] =>
  offsets.map((o) => JSON.stringify([o.topic, o.partition, o.offset, o.topicId])).sort();

describe('offsets in the checkpoint', () => {
  it('are what was stored', () => {
    fc.assert(
      fc.property(fc.array(offset), (offsets) => {
        expect(inOrder(parseOffsets(formatOffsets(offsets)))).toEqual(inOrder(offsets));
      }),
    );
  });

  it('of ten thousand partitions leave room in a statement', () => {
    const offsets = Array.from({ length: 10_000 }, (_, index) => ({
      topic: `shop.customers_and_orders.table_${index % 1_000}` as Topic,
      partition: Math.floor(index / 1_000),
      offset: 123_456_789_012,
      topicId: '6ea39949-8beb-4830-9ddd-42d37cb7d7ee',
    }));
    expect(formatOffsets(offsets).length).toBeLessThan(400_000);
  });
});
