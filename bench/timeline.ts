import { ATTRIBUTE, BATCH } from '../src/topic/record-batch.ts';

/** What the header of a record batch says. Times are the broker's: topics here are LogAppendTime. */
export interface BatchHeader {
  readonly lastOffset: number;
  readonly appendedAtMs: number;
  readonly records: number;
  readonly producerId: bigint;
  readonly kind: 'plain' | 'transactional' | 'commit' | 'abort';
}

/** The batches of a fetch answer by their headers alone; one that is cut short is left out. */
export function* batchHeaders(bytes: Buffer): Generator<BatchHeader> {
  let at = 0;
  while (at + BATCH.records <= bytes.length) {
    const end = at + BATCH.leaderEpoch + bytes.readInt32BE(at + BATCH.length);
    if (end > bytes.length) return;
    yield headerOf(bytes.subarray(at, end));
    at = end;
  }
}

function headerOf(batch: Buffer): BatchHeader {
  const attributes = batch.readInt16BE(BATCH.attributes);
  return {
    lastOffset: Number(batch.readBigInt64BE(0)) + batch.readInt32BE(BATCH.lastOffsetDelta),
    appendedAtMs: Number(batch.readBigInt64BE(BATCH.maxTimestamp)),
    records: batch.readInt32BE(BATCH.recordCount),
    producerId: batch.readBigInt64BE(BATCH.producerId),
    kind:
      (attributes & ATTRIBUTE.control) !== 0
        ? endMarker(batch)
        : (attributes & ATTRIBUTE.transactional) !== 0
          ? 'transactional'
          : 'plain',
  };
}

/**
 * A control batch holds one record, uncompressed: length, attributes, two deltas and the key's
 * length in a byte each, then the key: version int16, type int16 (0 abort, 1 commit).
 */
function endMarker(batch: Buffer): 'commit' | 'abort' {
  return batch.readInt16BE(BATCH.records + 5 + 2) === 0 ? 'abort' : 'commit';
}

/** Records that became readable together. */
export interface Arrival {
  readonly atMs: number;
  readonly records: number;
}

/** Says for one partition when which records became readable for read_committed consumers. */
export class PartitionTimeline {
  readonly arrivals: Arrival[] = [];
  #firstAppendMs: number | undefined;
  readonly #open = new Map<bigint, number>();

  /** When the first record that counts reached the broker. */
  get firstAppendMs(): number | undefined {
    return this.#firstAppendMs;
  }

  get records(): number {
    return this.arrivals.reduce((sum, { records }) => sum + records, 0);
  }

  add({ kind, records, producerId, appendedAtMs }: BatchHeader): void {
    const open = this.#open.get(producerId) ?? 0;
    switch (kind) {
      case 'plain':
        this.#firstAppendMs ??= appendedAtMs;
        this.arrivals.push({ atMs: appendedAtMs, records });
        return;
      case 'transactional':
        this.#firstAppendMs ??= appendedAtMs;
        this.#open.set(producerId, open + records);
        return;
      case 'commit':
        this.#open.delete(producerId);
        if (open > 0) this.arrivals.push({ atMs: appendedAtMs, records: open });
        return;
      case 'abort':
        this.#open.delete(producerId);
        return;
    }
  }
}

/** All partitions of a run together. */
export interface Delivery {
  readonly records: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** From the first record at the broker to the last one readable; `undefined` when nothing arrived. */
export function deliveryOf(partitions: readonly PartitionTimeline[]): Delivery | undefined {
  const firsts = partitions.flatMap(({ firstAppendMs }) => firstAppendMs ?? []);
  const lasts = partitions.flatMap(({ arrivals }) => arrivals.at(-1)?.atMs ?? []);
  if (firsts.length === 0 || lasts.length === 0) return undefined;
  return {
    records: partitions.reduce((sum, { records }) => sum + records, 0),
    firstMs: Math.min(...firsts),
    lastMs: Math.max(...lasts),
  };
}

/** Rows per second of a delivery that holds `rows` changes; a run within one millisecond counts as that. */
export function rowsPerSecond(rows: number, { firstMs, lastMs }: Delivery): number {
  return (rows * 1_000) / Math.max(1, lastMs - firstMs);
}
