import { constants, zstdCompressSync } from 'node:zlib';

/**
 * Record batch, magic 2, all integers big-endian:
 *
 * | offset | field |
 * | --- | --- |
 * | 0 | base offset, int64: 0, the broker assigns it |
 * | 8 | length of what follows this field, int32 |
 * | 12 | partition leader epoch, int32: −1 |
 * | 16 | magic, int8: 2 |
 * | 17 | CRC32C of everything from offset 21, uint32 |
 * | 21 | attributes, int16: bits 0–2 compression, bit 3 the broker set the timestamp, bit 4 transactional, bit 5 control |
 * | 23 | last offset delta, int32 |
 * | 27 | base timestamp, int64 |
 * | 35 | largest timestamp, int64 |
 * | 43 | producer id, int64 |
 * | 51 | producer epoch, int16 |
 * | 53 | base sequence, int32 |
 * | 57 | number of records, int32 |
 * | 61 | records, compressed together |
 */
export const BATCH = {
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  records: 61,
} as const;

export const ATTRIBUTE = {
  compressionMask: 7,
  appendTime: 8,
  transactional: 16,
  control: 32,
} as const;
export const CODEC = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

export type Compression = 'zstd' | 'none';
export type Crc32c = (bytes: Uint8Array) => number;

/** A complete batch but for the producer's fields and the checksum: see {@link stampBatch}. */
export interface SealedBatch {
  readonly bytes: Buffer;
  readonly records: number;
}

/** Who sends a batch, as InitProducerId answered. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** Its window is 512 KiB and its hash table 64 KB. */
const ZSTD_LEVEL_1 = { [constants.ZSTD_c_compressionLevel]: 1 };
/** 128 KiB: whoever reads a batch, the broker first, sets aside its window and goes through it. */
const ZSTD_NEAR = { ...ZSTD_LEVEL_1, [constants.ZSTD_c_windowLog]: 17 };
/** A table of 16 KB, which the nearest cache holds. */
const ZSTD_NEAREST = { ...ZSTD_NEAR, [constants.ZSTD_c_hashLog]: 12 };
/** On average; what repeats from record to record is found in few places then. */
const SMALL_RECORD_BYTES = 2 << 10;
/** On average; a larger record may repeat what stood 128 KiB before, as an image after an update does. */
const LARGE_RECORD_BYTES = 16 << 10;
/** Of level 1: a record beyond may repeat what stood farther back. */
const WINDOW_BYTES = 512 << 10;
/** 128 MiB, the largest that a reader takes without being told. */
const LARGEST_WINDOW_LOG = 27;
const LARGEST_CHUNK_BYTES = 256 << 10;
const SMALLEST_CHUNK_BYTES = 4 << 10;

/** Of the last batch, compressed: the next one is much like it. */
let latestPart = 1 / 3;
const CHUNK_RESERVE = 1.25;

/**
 * The output is made in chunks. With small ones, as 16 KiB by default, most of the time of a large
 * batch goes into collecting them; one far larger than the output is memory taken for nothing: it
 * counts when a transaction holds small batches of many partitions, and has the collector run. What
 * does not fit takes more chunks.
 *
 * What repeats in small records is the envelope, which a small hash table finds as well, in four
 * fifths of the time; long texts repeat farther apart.
 */
function compress(records: Buffer, count: number): Buffer {
  const params = zstdParams(records.length / count);
  const expected = Math.ceil(records.length * latestPart * CHUNK_RESERVE);
  const chunkSize = Math.max(SMALLEST_CHUNK_BYTES, Math.min(LARGEST_CHUNK_BYTES, expected));
  const compressed = zstdCompressSync(records, { chunkSize, params });
  latestPart = compressed.length / records.length;
  return compressed;
}

function zstdParams(recordBytes: number): Record<number, number> {
  if (recordBytes > WINDOW_BYTES) return zstdFar(recordBytes);
  if (recordBytes < SMALL_RECORD_BYTES) return ZSTD_NEAREST;
  return recordBytes < LARGE_RECORD_BYTES ? ZSTD_NEAR : ZSTD_LEVEL_1;
}

/**
 * A window as large as the record: the image after an update repeats that before it, large values
 * that have not changed included. The hash table of level 1 has forgotten them by then.
 */
function zstdFar(recordBytes: number): Record<number, number> {
  return {
    ...ZSTD_LEVEL_1,
    [constants.ZSTD_c_enableLongDistanceMatching]: 1,
    [constants.ZSTD_c_windowLog]: Math.min(LARGEST_WINDOW_LOG, Math.ceil(Math.log2(recordBytes))),
  };
}

/**
 * Fills in the batch header over `bytes`, whose records begin at {@link BATCH.records}, compressing
 * them where that makes them smaller. The result shares `bytes` when nothing was compressed.
 */
export function sealBatch(
  bytes: Buffer,
  records: number,
  timestamps: { readonly firstMs: number; readonly largestMs: number },
  compression: Compression,
): SealedBatch {
  let batch = bytes;
  let codec: number = CODEC.none;
  if (compression === 'zstd') {
    const compressed = compress(bytes.subarray(BATCH.records), records);
    if (compressed.length < bytes.length - BATCH.records) {
      batch = Buffer.allocUnsafeSlow(BATCH.records + compressed.length);
      compressed.copy(batch, BATCH.records);
      codec = CODEC.zstd;
    }
  }
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - BATCH.leaderEpoch, BATCH.length);
  batch.writeInt32BE(-1, BATCH.leaderEpoch);
  batch.writeInt8(2, BATCH.magic);
  batch.writeInt16BE(ATTRIBUTE.transactional | codec, BATCH.attributes);
  batch.writeInt32BE(records - 1, BATCH.lastOffsetDelta);
  batch.writeBigInt64BE(BigInt(timestamps.firstMs), BATCH.baseTimestamp);
  batch.writeBigInt64BE(BigInt(timestamps.largestMs), BATCH.maxTimestamp);
  batch.writeInt32BE(records, BATCH.recordCount);
  return { bytes: batch, records };
}

/** Writes the producer's fields and then the checksum, in place. */
export function stampBatch(
  batch: SealedBatch,
  producer: ProducerIdentity,
  baseSequence: number,
  crc32c: Crc32c,
): void {
  const { bytes } = batch;
  bytes.writeBigInt64BE(producer.producerId, BATCH.producerId);
  bytes.writeInt16BE(producer.producerEpoch, BATCH.producerEpoch);
  bytes.writeInt32BE(baseSequence, BATCH.baseSequence);
  bytes.writeUInt32BE(crc32c(bytes.subarray(BATCH.attributes)), BATCH.crc);
}

const LARGEST_SEQUENCE = 0x7fffffff;

/** The sequence number `records` later; 2³¹ − 1 is followed by 0. */
export function sequenceAfter(sequence: number, records: number): number {
  return sequence > LARGEST_SEQUENCE - records
    ? records - (LARGEST_SEQUENCE - sequence) - 1
    : sequence + records;
}
