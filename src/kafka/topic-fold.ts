import type { Crc32c } from '../topic/record-batch.ts';
import type { Topic } from '../topic/topic-name.ts';
import { committedBatches } from './committed-batches.ts';
import type { CommittedReader } from './committed-reader.ts';
import type { FetchLimits } from './fetch-request.ts';
import { Standstill } from './standstill.ts';

const LIMITS: FetchLimits = { maxWaitMs: 500, maxBytes: 8 << 20, maxPartitionBytes: 8 << 20 };

/**
 * The newest committed value of every key of a one-partition topic, up to an end taken now; keys
 * whose newest value is a tombstone are left out. Waits for a transaction that is still open below
 * that end.
 *
 * @throws {SluiceError} `kafka.transaction-hanging` when that one does not end
 * @param upTo `highWatermark` after fencing, when nothing can be open for long; `lastStable` otherwise
 */
export async function foldTopic(
  reader: CommittedReader,
  topic: Topic,
  upTo: 'highWatermark' | 'lastStable',
  crc32c: Crc32c,
): Promise<ReadonlyMap<string, Buffer>> {
  const partition = { topic, partition: 0 };
  const [end] = await reader.endOffsets([partition], upTo);
  const [start] = await reader.earliestOffsets([partition]);
  const newest = new Map<string, Buffer>();
  let offset = start?.offset ?? 0;
  const standstill = new Standstill();
  while (offset < (end?.offset ?? 0)) {
    const before = offset;
    for (const fetched of await reader.fetch([{ ...partition, offset }], LIMITS)) {
      for (const { kind, batch } of committedBatches(fetched, crc32c)) {
        offset = batch.lastOffset + 1;
        if (kind !== 'data') continue;
        for (const { key, value } of batch.records()) {
          if (key === null) continue;
          if (value === null) newest.delete(key.toString());
          else newest.set(key.toString(), value);
        }
      }
    }
    standstill.afterRead(offset > before, [partition]);
  }
  return newest;
}
