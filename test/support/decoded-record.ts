import type { EncodedRecord, OutgoingRecord } from '../../src/topic/publisher.ts';
import { BATCH, sealBatch, stampBatch } from '../../src/topic/record-batch.ts';
import { decodeRecordBatches } from '../../src/topic/record-batch-reader.ts';

/** What a consumer reads of a record that wrote itself: its bytes in a batch of its own, read back. */
export function decodedRecord(record: EncodedRecord): OutgoingRecord {
  const { topic, partition, room, timestampMs } = record;
  const buffer = Buffer.alloc(BATCH.records + room);
  const end = record.write(buffer, BATCH.records, 0, 0);
  const timestamps = { firstMs: timestampMs, largestMs: timestampMs };
  const batch = sealBatch(buffer.subarray(0, end), 1, timestamps, 'none');
  const noChecksum = () => 0;
  stampBatch(batch, { producerId: 1n, producerEpoch: 0 }, 0, noChecksum);
  const [read] = [...decodeRecordBatches(batch.bytes, noChecksum)].flatMap((of) => [
    ...of.records(),
  ]);
  if (!read) throw new Error('the record cannot be read back');
  return {
    topic,
    partition,
    key: read.key?.toString() ?? null,
    value: read.value?.toString() ?? null,
    headers: [...read.headers],
    timestampMs,
  };
}
