import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { SluiceError } from '../errors/error.ts';
import { ATTRIBUTE, BATCH, CODEC, type Crc32c } from './record-batch.ts';

/** One record as it lies in a batch. Buffers point into the batch, or into its decompressed bytes. */
export interface BatchRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: ReadonlyMap<string, string>;
}

/** A batch whose header was read; its records are decoded on request only. */
export interface DecodedBatch {
  readonly baseOffset: number;
  /** Last offset the batch covers, whether or not compaction has left a record there. */
  readonly lastOffset: number;
  readonly producerId: bigint;
  readonly isTransactional: boolean;
  /** Set for a control batch: the end of a transaction of this producer. */
  readonly marker: 'commit' | 'abort' | undefined;
  /**
   * Decoded one by one as they are asked for, so that each can be dropped before the next is made.
   * @throws {SluiceError} `kafka.record-unreadable`, while they are iterated
   */
  records(): Generator<BatchRecord, void>;
}

/**
 * Reads the whole batches of a fetch answer. A last batch that is cut short by the fetch limit is
 * left out, as the protocol intends.
 *
 * @throws {SluiceError} `kafka.record-unreadable`
 */
export function* decodeRecordBatches(bytes: Buffer, crc32c: Crc32c): Generator<DecodedBatch> {
  let at = 0;
  while (at + BATCH.records <= bytes.length) {
    const end = at + BATCH.leaderEpoch + bytes.readInt32BE(at + BATCH.length);
    if (end > bytes.length) return;
    yield decodeBatch(bytes.subarray(at, end), crc32c);
    at = end;
  }
}

function decodeBatch(batch: Buffer, crc32c: Crc32c): DecodedBatch {
  const baseOffset = Number(batch.readBigInt64BE(0));
  const magic = batch.readInt8(BATCH.magic);
  if (magic !== 2) throw unreadable(`record batch format ${magic} at offset ${baseOffset}`);
  if (crc32c(batch.subarray(BATCH.attributes)) !== batch.readUInt32BE(BATCH.crc)) {
    throw unreadable(`record batch at offset ${baseOffset} fails its checksum`);
  }
  const attributes = batch.readInt16BE(BATCH.attributes);
  const isControl = (attributes & ATTRIBUTE.control) !== 0;
  const records = (): Generator<BatchRecord, void> => decodeRecords(batch, baseOffset, attributes);
  return {
    baseOffset,
    lastOffset: baseOffset + batch.readInt32BE(BATCH.lastOffsetDelta),
    producerId: batch.readBigInt64BE(BATCH.producerId),
    isTransactional: (attributes & ATTRIBUTE.transactional) !== 0,
    marker: isControl ? markerOf(records()) : undefined,
    records,
  };
}

/** Key of a control record: version int16, type int16 (0 abort, 1 commit). */
function markerOf(records: Iterable<BatchRecord>): 'commit' | 'abort' {
  const [record] = records;
  return record?.key?.readInt16BE(2) === 0 ? 'abort' : 'commit';
}

function* decodeRecords(
  batch: Buffer,
  baseOffset: number,
  attributes: number,
): Generator<BatchRecord, void> {
  const baseTimestampMs = Number(batch.readBigInt64BE(BATCH.baseTimestamp));
  const appendTimeMs =
    (attributes & ATTRIBUTE.appendTime) === 0
      ? undefined
      : Number(batch.readBigInt64BE(BATCH.maxTimestamp));
  const cursor = new RecordCursor(decompress(batch, attributes & ATTRIBUTE.compressionMask));
  const count = batch.readInt32BE(BATCH.recordCount);
  for (let index = 0; index < count; index++) {
    cursor.varint(); // length of the record: its fields say the same
    cursor.skip(1); // attributes: none are defined
    const createdMs = baseTimestampMs + cursor.varint();
    const timestampMs = appendTimeMs ?? createdMs;
    const offset = baseOffset + cursor.varint();
    const key = cursor.bytes();
    const value = cursor.bytes();
    const headers = new Map<string, string>();
    for (let left = cursor.varint(); left > 0; left--) {
      const name = cursor.bytes();
      headers.set(name?.toString() ?? '', cursor.bytes()?.toString() ?? '');
    }
    yield { offset, timestampMs, key, value, headers };
  }
}

function decompress(batch: Buffer, codec: number): Buffer {
  const bytes = batch.subarray(BATCH.records);
  switch (codec) {
    case CODEC.none:
      return bytes;
    case CODEC.gzip:
      return gunzipSync(bytes);
    case CODEC.zstd:
      return zstdDecompressSync(bytes);
    default:
      throw unreadable(
        `a record batch is compressed with ${codec === CODEC.snappy ? 'snappy' : codec === CODEC.lz4 ? 'lz4' : `codec ${codec}`}, Sluice reads zstd and gzip`,
      );
  }
}

class RecordCursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  skip(count: number): void {
    this.#at += count;
  }

  varint(): number {
    let zigzag = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw unreadable('a record ends before its fields do');
      zigzag += (byte & 127) * scale;
      if (byte < 128) break;
      scale *= 128;
    }
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }

  /** Length varint and bytes; null for length −1. */
  bytes(): Buffer | null {
    const length = this.varint();
    if (length < 0) return null;
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw unreadable('a record ends before its fields do');
    return this.#bytes.subarray(start, this.#at);
  }
}

function unreadable(what: string): SluiceError {
  return new SluiceError('kafka.record-unreadable', `Cannot read a topic: ${what}.`);
}
