import { InvariantBroken, SluiceError } from '../errors/error.ts';
import type { EncodedRecord, OutgoingBatch, OutgoingRecord } from './publisher.ts';
import { BATCH, type Compression, type SealedBatch, sealBatch } from './record-batch.ts';
import { encodedRecord } from './record-writer.ts';
import type { Topic } from './topic-name.ts';

export interface BatchLimits {
  readonly compression: Compression;
  /** A record batch is closed before it grows beyond this, uncompressed. A larger record gets its own. */
  readonly sealBytes: number;
  /** What one record batch may take after compression, in topics of which nothing else is known. */
  readonly maxBatchBytes: number;
  /** A topic's own max.message.bytes; `undefined` when it is not known. */
  readonly maxBatchBytesOf?: (topic: Topic) => number | undefined;
}

export const DEFAULT_LIMITS: BatchLimits = {
  compression: 'zstd',
  sealBytes: 1 << 20,
  maxBatchBytes: 16 << 20,
};

/** A request holds one record batch at least, and the broker's socket.request.max.bytes is 100 MiB. */
const MAX_REQUEST_BATCH_BYTES = (100 << 20) - (64 << 10);

/** The sealed batches of one partition, to be sent in this order. */
export interface PartitionBatches {
  readonly topic: Topic;
  readonly partition: number;
  readonly batches: readonly SealedBatch[];
}

/** Of thousands of tables a transaction has a record or two each. */
const SMALLEST_BUFFER_BYTES = 1 << 10;
/** A writer that outgrows its buffer takes one of the next size. */
const GROWTH = 2;

/**
 * Write buffers, reused from transaction to transaction: of `bufferBytes`, in which a record batch is
 * full, and of smaller sizes, since with hundreds of tables a transaction has little for each.
 */
export class BufferPool {
  readonly bufferBytes: number;
  /** By size, which goes up. */
  readonly #idle: ReadonlyMap<number, Buffer[]>;
  readonly #maxIdleBytes: number;
  #idleBytes = 0;

  constructor(bufferBytes: number = DEFAULT_LIMITS.sealBytes, maxIdleBytes = 16 << 20) {
    this.bufferBytes = bufferBytes;
    this.#maxIdleBytes = maxIdleBytes;
    this.#idle = new Map(sizesUpTo(bufferBytes).map((bytes) => [bytes, []]));
  }

  /** A buffer of the smallest size that holds `bytes`, at most {@link bufferBytes}. */
  take(bytes: number): Buffer {
    for (const [size, idle] of this.#idle) {
      if (size < bytes) continue;
      const buffer = idle.pop();
      if (!buffer) return Buffer.allocUnsafeSlow(size);
      this.#idleBytes -= size;
      return buffer;
    }
    throw new InvariantBroken('a write buffer larger than a record batch may grow');
  }

  /** Takes back what {@link take} gave; what does not fit, and a buffer of another size, is left to the collector. */
  give(buffer: Buffer): void {
    const { length } = buffer;
    if (this.#idleBytes + length > this.#maxIdleBytes) return;
    const idle = this.#idle.get(length);
    if (!idle) return;
    idle.push(buffer);
    this.#idleBytes += length;
  }
}

function sizesUpTo(largest: number): readonly number[] {
  const sizes: number[] = [];
  for (let size = SMALLEST_BUFFER_BYTES; size < largest; size *= GROWTH) sizes.push(size);
  return [...sizes, largest];
}

/** One transaction's records in the form they are sent: record batches, compressed as they fill. */
export class RecordBatches implements OutgoingBatch {
  readonly #limits: BatchLimits;
  readonly #pool: BufferPool;
  readonly #topics = new Map<Topic, PartitionWriter[]>();
  readonly #writers: PartitionWriter[] = [];
  readonly #held: Held = { bytes: 0 };
  #records = 0;
  #bytes = 0;
  #latestTopic: Topic | undefined;
  #latestPartitions: PartitionWriter[] = [];

  constructor(limits: BatchLimits, pool: BufferPool) {
    this.#limits = limits;
    this.#pool = pool;
  }

  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get heldBytes(): number {
    return this.#held.bytes;
  }

  append(record: OutgoingRecord): void {
    this.appendEncoded(encodedRecord(record));
  }

  appendEncoded(record: EncodedRecord): void {
    this.#bytes += this.#writerOf(record.topic, record.partition).append(record);
    this.#records++;
  }

  /** Closes the open record batches. Nothing may be appended afterwards. */
  seal(): readonly PartitionBatches[] {
    return this.#writers
      .map((writer) => writer.finish())
      .filter((partition) => partition.batches.length > 0);
  }

  /** Returns the buffers, after which the sealed batches hold garbage. */
  release(): void {
    for (const writer of this.#writers) writer.release();
  }

  #writerOf(topic: Topic, partition: number): PartitionWriter {
    if (topic !== this.#latestTopic) {
      this.#latestPartitions = this.#partitionsOf(topic);
      this.#latestTopic = topic;
    }
    const partitions = this.#latestPartitions;
    const known = partitions[partition];
    if (known) return known;
    const writer = new PartitionWriter(topic, partition, this.#limits, this.#pool, this.#held);
    partitions[partition] = writer;
    this.#writers.push(writer);
    return writer;
  }

  #partitionsOf(topic: Topic): PartitionWriter[] {
    const known = this.#topics.get(topic);
    if (known) return known;
    const partitions: PartitionWriter[] = [];
    this.#topics.set(topic, partitions);
    return partitions;
  }
}

/** What all partitions of a transaction keep in memory together: their buffers whole, however full. */
interface Held {
  bytes: number;
}

class PartitionWriter {
  readonly #topic: Topic;
  readonly #partition: number;
  readonly #limits: BatchLimits;
  readonly #pool: BufferPool;
  readonly #held: Held;
  readonly #sealed: SealedBatch[] = [];
  /** Write buffers that sealed batches still point into. */
  readonly #shared: Buffer[] = [];
  #buffer: Buffer;
  #end: number = BATCH.records;
  #records = 0;
  #firstMs = 0;
  #largestMs = 0;

  constructor(topic: Topic, partition: number, limits: BatchLimits, pool: BufferPool, held: Held) {
    this.#held = held;
    this.#topic = topic;
    this.#partition = partition;
    this.#limits = limits;
    this.#pool = pool;
    this.#buffer = pool.take(0);
    held.bytes += this.#buffer.length;
  }

  /** Answers by how many bytes the partition has grown. */
  append(record: EncodedRecord): number {
    const { room, timestampMs } = record;
    if (this.#end + room > this.#buffer.length && !this.#makeRoom(room))
      return this.#appendAlone(record);
    const before = this.#records === 0 ? 0 : this.#end;
    if (this.#records === 0) {
      this.#firstMs = timestampMs;
      this.#largestMs = timestampMs;
    } else if (timestampMs > this.#largestMs) {
      this.#largestMs = timestampMs;
    }
    const delta = timestampMs - this.#firstMs;
    this.#end = record.write(this.#buffer, this.#end, this.#records, delta);
    this.#records++;
    return this.#end - before;
  }

  /** What was compressed needs its buffer no longer: the next transaction fills it while this one is sent. */
  finish(): PartitionBatches {
    this.#seal();
    this.#pool.give(this.#buffer);
    this.#held.bytes -= this.#buffer.length;
    this.#buffer = NO_BUFFER;
    return { topic: this.#topic, partition: this.#partition, batches: this.#sealed };
  }

  release(): void {
    for (const buffer of this.#shared) this.#pool.give(buffer);
    this.#shared.length = 0;
    this.#sealed.length = 0;
  }

  /** False when no batch of ordinary size can hold the record. */
  #makeRoom(room: number): boolean {
    if (BATCH.records + room > this.#pool.bufferBytes) return false;
    if (this.#end + room > this.#pool.bufferBytes) this.#seal();
    if (this.#end + room > this.#buffer.length) {
      const grown = this.#pool.take(this.#end + room);
      this.#buffer.copy(grown, 0, 0, this.#end);
      this.#held.bytes += grown.length - this.#buffer.length;
      this.#pool.give(this.#buffer);
      this.#buffer = grown;
    }
    return true;
  }

  #seal(): void {
    if (this.#records === 0) return;
    const sealed = sealBatch(
      this.#buffer.subarray(0, this.#end),
      this.#records,
      { firstMs: this.#firstMs, largestMs: this.#largestMs },
      this.#limits.compression,
    );
    this.#sealed.push(sealed);
    if (sealed.bytes.buffer === this.#buffer.buffer) {
      this.#shared.push(this.#buffer);
      this.#buffer = this.#pool.take(0);
      this.#held.bytes += this.#buffer.length;
    } else this.#held.bytes += sealed.bytes.length;
    this.#end = BATCH.records;
    this.#records = 0;
  }

  #appendAlone(record: EncodedRecord): number {
    const buffer = Buffer.allocUnsafeSlow(BATCH.records + record.room);
    const end = record.write(buffer, BATCH.records, 0, 0);
    const timestamps = { firstMs: record.timestampMs, largestMs: record.timestampMs };
    const sealed = sealBatch(buffer.subarray(0, end), 1, timestamps, this.#limits.compression);
    const { maxBatchBytesOf, maxBatchBytes } = this.#limits;
    const allowed = maxBatchBytesOf?.(this.#topic) ?? maxBatchBytes;
    if (sealed.bytes.length > Math.min(allowed, MAX_REQUEST_BATCH_BYTES))
      throw recordTooLarge(this.#topic, sealed.bytes.length, allowed);
    this.#seal();
    this.#sealed.push(sealed);
    this.#held.bytes += sealed.bytes.length;
    return end;
  }
}

const NO_BUFFER = Buffer.alloc(0);

function recordTooLarge(topic: Topic, bytes: number, maxBytes: number): SluiceError {
  const limit =
    maxBytes > MAX_REQUEST_BATCH_BYTES
      ? `a request to a broker may take ${MAX_REQUEST_BATCH_BYTES}`
      : `max.message.bytes of the topic is ${maxBytes}`;
  return new SluiceError(
    'kafka.record-too-large',
    `A record for ${topic} takes ${bytes} bytes after compression; ${limit}.`,
    { facts: { topic, bytes, maxBytes } },
  );
}
