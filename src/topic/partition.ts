const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;
const ROTATION = 24;

/** The Java client's murmur2 (org.apache.kafka.common.utils.Utils.murmur2), as a signed 32-bit number. */
export function murmur2(bytes: Uint8Array, length: number = bytes.length, start = 0): number {
  let hash = SEED ^ length;
  const wholeWords = start + (length & ~3);
  for (let at = start; at < wholeWords; at += 4) {
    let word =
      byteAt(bytes, at) |
      (byteAt(bytes, at + 1) << 8) |
      (byteAt(bytes, at + 2) << 16) |
      (byteAt(bytes, at + 3) << 24);
    word = Math.imul(word, MULTIPLIER);
    word = Math.imul(word ^ (word >>> ROTATION), MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ word;
  }
  const rest = length & 3;
  if (rest > 2) hash ^= byteAt(bytes, wholeWords + 2) << 16;
  if (rest > 1) hash ^= byteAt(bytes, wholeWords + 1) << 8;
  if (rest > 0) hash = Math.imul(hash ^ byteAt(bytes, wholeWords), MULTIPLIER);
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}

let scratch = Buffer.allocUnsafe(4096);

/**
 * The partition the Java client's default partitioner picks for a key's UTF-8 bytes. A record
 * without a key goes to partition 0, so that a table without a primary key keeps its order.
 */
export function partitionOf(key: string | null, partitions: number): number {
  if (key === null || partitions === 1) return 0;
  if (scratch.length < key.length * 3) scratch = Buffer.allocUnsafe(key.length * 3);
  const length = scratch.write(key, 0);
  return (murmur2(scratch, length) & 0x7fffffff) % partitions;
}

/** {@link partitionOf} for a key that is bytes already. */
export function partitionOfBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  partitions: number,
): number {
  if (partitions === 1) return 0;
  return (murmur2(bytes, end - start, start) & 0x7fffffff) % partitions;
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
