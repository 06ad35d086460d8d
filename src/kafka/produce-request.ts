import { createAPI, produceV9, Writer } from '@platformatic/kafka';
import type { PartitionBatches } from '../topic/outgoing-batch.ts';

/** One record batch for each of some partitions of a topic. */
export interface ProduceTopic {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number; readonly batch: Buffer }[];
}

const PRODUCE = 0;
const VERSION = 9;
const ACKS_ALL = -1;
const REPLICATION_TIMEOUT_MS = 20_000;

/**
 * Produce with batches that are already encoded. A request may hold one record batch per partition.
 *
 * Produce Request (version 9): transactional_id COMPACT_NULLABLE_STRING, acks INT16, timeout_ms INT32,
 * [topic: name COMPACT_STRING, [partition: index INT32, records COMPACT_RECORDS]].
 */
export const produceEncoded = createAPI<
  [transactionalId: string, topics: readonly ProduceTopic[]],
  produceV9.ProduceResponse
>(
  PRODUCE,
  VERSION,
  (transactionalId: string, topics: readonly ProduceTopic[]) =>
    Writer.create()
      .appendString(transactionalId)
      .appendInt16(ACKS_ALL)
      .appendInt32(REPLICATION_TIMEOUT_MS)
      .appendArray([...topics], (writer, { topic, partitions }) => {
        writer.appendString(topic).appendArray([...partitions], (inner, { partition, batch }) => {
          inner
            .appendInt32(partition)
            .appendUnsignedVarInt(batch.length + 1)
            .append(batch);
        });
      })
      .appendTaggedFields(),
  produceV9.parseResponse,
);

const MAX_REQUEST_BYTES = 8 << 20;

/**
 * Cuts a transaction into requests of about {@link MAX_REQUEST_BYTES}. The broker takes one record
 * batch per partition and request, so request n holds the n-th batches; sent in this order on one
 * connection they are appended in this order.
 */
export function* produceRequests(
  partitions: readonly PartitionBatches[],
): Generator<readonly ProduceTopic[]> {
  for (let round = 0; ; round++) {
    const due = partitions.filter(({ batches }) => round < batches.length);
    if (due.length === 0) return;
    let request = new Map<string, { partition: number; batch: Buffer }[]>();
    let bytes = 0;
    for (const { topic, partition, batches } of due) {
      const batch = batches[round]?.bytes;
      if (!batch) continue;
      if (bytes > 0 && bytes + batch.length > MAX_REQUEST_BYTES) {
        yield asTopics(request);
        request = new Map();
        bytes = 0;
      }
      const of = request.get(topic);
      if (of) of.push({ partition, batch });
      else request.set(topic, [{ partition, batch }]);
      bytes += batch.length;
    }
    yield asTopics(request);
  }
}

function asTopics(
  request: ReadonlyMap<string, readonly { partition: number; batch: Buffer }[]>,
): readonly ProduceTopic[] {
  return [...request].map(([topic, partitions]) => ({ topic, partitions }));
}
