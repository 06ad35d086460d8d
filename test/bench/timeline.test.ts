import { expect, it } from 'vitest';
import {
  type BatchHeader,
  batchHeaders,
  deliveryOf,
  PartitionTimeline,
  rowsPerSecond,
} from '../../bench/timeline.ts';
import { ATTRIBUTE, BATCH } from '../../src/topic/record-batch.ts';

const header = (
  kind: BatchHeader['kind'],
  appendedAtMs: number,
  records = 1,
  producerId = 7n,
): BatchHeader => ({ kind, appendedAtMs, records, producerId, lastOffset: 0 });

function timelineOf(...headers: readonly BatchHeader[]): PartitionTimeline {
  const timeline = new PartitionTimeline();
  for (const each of headers) timeline.add(each);
  return timeline;
}

it('records of a transaction arrive with its commit marker', () => {
  const timeline = timelineOf(
    header('transactional', 100, 5),
    header('transactional', 110, 3),
    header('commit', 150),
  );
  expect(timeline.arrivals).toEqual([{ atMs: 150, records: 8 }]);
  expect(timeline.firstAppendMs).toBe(100);
});

it('records without a transaction arrive as they are appended', () => {
  const timeline = timelineOf(header('plain', 100, 5), header('plain', 120, 2));
  expect(timeline.arrivals).toEqual([
    { atMs: 100, records: 5 },
    { atMs: 120, records: 2 },
  ]);
});

it('aborted and open records never arrive', () => {
  const timeline = timelineOf(
    header('transactional', 100, 5, 1n),
    header('transactional', 101, 4, 2n),
    header('abort', 102, 1, 1n),
    header('transactional', 103, 2, 1n),
    header('commit', 104, 1, 1n),
  );
  expect(timeline.records).toBe(2);
});

it('a rate goes from the first append of any partition to the last arrival of any', () => {
  const partitions = [
    timelineOf(header('transactional', 1_000, 600), header('commit', 2_000)),
    timelineOf(header('transactional', 1_500, 400), header('commit', 3_000)),
    timelineOf(),
  ];
  const delivery = deliveryOf(partitions);
  expect(delivery).toEqual({ records: 1_000, firstMs: 1_000, lastMs: 3_000 });
  expect(rowsPerSecond(1_000, delivery!)).toBe(500);
});

it('nothing arrived is no delivery', () => {
  expect(deliveryOf([timelineOf(header('transactional', 1, 5))])).toBeUndefined();
});

function batch(attributes: number, records: number, controlType = 0): Buffer {
  const bytes = Buffer.alloc(BATCH.records + 16);
  bytes.writeBigInt64BE(40n, 0);
  bytes.writeInt32BE(bytes.length - BATCH.leaderEpoch, BATCH.length);
  bytes.writeInt16BE(attributes, BATCH.attributes);
  bytes.writeInt32BE(records - 1, BATCH.lastOffsetDelta);
  bytes.writeBigInt64BE(1_234n, BATCH.maxTimestamp);
  bytes.writeBigInt64BE(9n, BATCH.producerId);
  bytes.writeInt32BE(records, BATCH.recordCount);
  bytes.writeInt16BE(controlType, BATCH.records + 7);
  return bytes;
}

it('batch headers are read one behind the other, and a batch cut short is left out', () => {
  const transactional = batch(ATTRIBUTE.transactional, 3);
  const commit = batch(ATTRIBUTE.transactional | ATTRIBUTE.control, 1, 1);
  const abort = batch(ATTRIBUTE.transactional | ATTRIBUTE.control, 1, 0);
  const bytes = Buffer.concat([batch(0, 2), transactional, commit, abort, commit.subarray(0, 70)]);
  const common = { appendedAtMs: 1_234, producerId: 9n };
  expect([...batchHeaders(bytes)]).toEqual([
    { ...common, kind: 'plain', records: 2, lastOffset: 41 },
    { ...common, kind: 'transactional', records: 3, lastOffset: 42 },
    { ...common, kind: 'commit', records: 1, lastOffset: 40 },
    { ...common, kind: 'abort', records: 1, lastOffset: 40 },
  ]);
});
