import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { murmur2, partitionOf } from '../../src/topic/partition.ts';

describe('murmur2', () => {
  // The vectors of org.apache.kafka.common.utils.UtilsTest.testMurmur2.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('hashes %s as the Java client does', (text, expected) => {
    expect(murmur2(Buffer.from(text))).toBe(expected);
  });

  it('hashes only the given length of a larger buffer', () => {
    expect(murmur2(Buffer.from('foobar and more'), 6)).toBe(-790332482);
  });
});

describe('partitionOf', () => {
  const { DefaultPartitioner } = createRequire(import.meta.url)('kafkajs').Partitioners as {
    DefaultPartitioner: () => (args: object) => number;
  };
  const kafkajsPartitioner = DefaultPartitioner();
  const topicOf = (partitions: number) =>
    Array.from({ length: partitions }, (_, partitionId) => ({ partitionId, leader: 0 }));

  it('agrees with the Java-compatible partitioner of kafkajs on any key', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.integer({ min: 1, max: 64 }),
        (key, count) => {
          const message = { key: Buffer.from(key) };
          const partitionMetadata = topicOf(count);
          const expected = kafkajsPartitioner({ topic: 't', partitionMetadata, message });
          expect(partitionOf(key, count)).toBe(key === '' && count === 1 ? 0 : expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('sends records without a key to partition 0', () => {
    expect(partitionOf(null, 12)).toBe(0);
  });

  it('takes keys of any length', () => {
    const key = 'ü'.repeat(10_000);
    const message = { key: Buffer.from(key) };
    const expected = kafkajsPartitioner({ topic: 't', partitionMetadata: topicOf(7), message });
    expect(partitionOf(key, 7)).toBe(expected);
  });
});
