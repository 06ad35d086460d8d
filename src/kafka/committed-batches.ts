import type { Crc32c } from '../topic/record-batch.ts';
import { type DecodedBatch, decodeRecordBatches } from '../topic/record-batch-reader.ts';
import type { FetchedPartition } from './fetch-request.ts';

/** A batch of a read_committed fetch: data that counts, a marker, or data of an aborted transaction. */
export type FetchedBatch =
  | { readonly kind: 'data'; readonly batch: DecodedBatch }
  | { readonly kind: 'marker'; readonly batch: DecodedBatch; readonly marker: 'commit' | 'abort' }
  | { readonly kind: 'aborted'; readonly batch: DecodedBatch };

/**
 * Sorts the batches of one answer by the rule of the Java consumer: a producer's transactional
 * batches are aborted from the first offset listed for it up to its next abort marker.
 */
export function* committedBatches(
  { bytes, aborted }: FetchedPartition,
  crc32c: Crc32c,
): Generator<FetchedBatch> {
  const upcoming = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const abortedProducers = new Set<bigint>();
  for (const batch of decodeRecordBatches(bytes, crc32c)) {
    while (upcoming[0] && upcoming[0].firstOffset <= batch.lastOffset) {
      abortedProducers.add(upcoming[0].producerId);
      upcoming.shift();
    }
    if (batch.marker) {
      if (batch.marker === 'abort') abortedProducers.delete(batch.producerId);
      yield { kind: 'marker', batch, marker: batch.marker };
    } else if (batch.isTransactional && abortedProducers.has(batch.producerId)) {
      yield { kind: 'aborted', batch };
    } else {
      yield { kind: 'data', batch };
    }
  }
}
