import { createZstdDecompress, zstdDecompressSync } from 'node:zlib';
import { SluiceError } from '../errors/error.ts';
import type { ByteReader } from './byte-reader.ts';

const FIELD = { end: 0, compression: 2, uncompressedSize: 3 } as const;
const COMPRESSION = { zstd: 0, none: 255 } as const;

/** The longest block of a zstd frame. */
const STEP_BYTES = 128 << 10;
/** Up to here one call is cheaper than a stream. */
const AT_ONCE_BYTES = 512 << 10;

/** The events of a compressed transaction, one behind the other, without checksums. */
export interface TransactionPayload {
  /** Of all events together. */
  readonly bytes: number;
  /** Cut anywhere. Only as many are in memory as have been asked for. */
  readonly chunks: Iterable<Buffer> | AsyncIterable<Buffer>;
}

/**
 * What a TRANSACTION_PAYLOAD holds.
 *
 * ```
 * { field lenenc   length lenenc   value }* 0   payload
 * ```
 * Fields are the payload's size (1), its compression (2) and its size without it (3), as lenenc.
 * @see libs/mysql/binlog/event/codecs/binary.cpp: Transaction_payload
 * @throws {SluiceError} `binlog.truncated` | `binlog.unsupported`, at once or from `chunks`
 */
export function decodePayload(body: ByteReader): TransactionPayload {
  let compression: number = COMPRESSION.none;
  let size = -1;
  for (let field = body.lengthEncoded(); field !== FIELD.end; field = body.lengthEncoded()) {
    const value = body.sub(body.lengthEncoded());
    if (field === FIELD.compression) compression = value.lengthEncoded();
    if (field === FIELD.uncompressedSize) size = value.lengthEncoded();
  }
  const payload = body.bytes(body.left);
  switch (compression) {
    case COMPRESSION.none:
      return { bytes: payload.length, chunks: pieces(payload) };
    case COMPRESSION.zstd:
      return {
        bytes: size,
        chunks: size > AT_ONCE_BYTES ? inflated(payload, size) : [inflatedAtOnce(payload, size)],
      };
    default:
      throw new SluiceError(
        'binlog.unsupported',
        `The log holds a transaction compressed by method ${compression}, which this version does not know.`,
      );
  }
}

function* pieces(payload: Buffer): Generator<Buffer, void, undefined> {
  for (let at = 0; at < payload.length; at += STEP_BYTES)
    yield payload.subarray(at, at + STEP_BYTES);
}

function inflatedAtOnce(payload: Buffer, size: number): Buffer {
  try {
    const events = zstdDecompressSync(payload, { maxOutputLength: Math.max(size, 1) });
    checkSize(events.length, size);
    return events;
  } catch (cause) {
    throw notInflated(cause);
  }
}

/** A chunk is inflated when it is asked for, on another thread: the event loop goes on meanwhile. */
async function* inflated(payload: Buffer, size: number): AsyncGenerator<Buffer, void, undefined> {
  const zstd = createZstdDecompress({ chunkSize: STEP_BYTES });
  zstd.end(payload);
  let bytes = 0;
  try {
    for await (const chunk of zstd as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > size) break;
      yield chunk;
    }
    checkSize(bytes, size);
  } catch (cause) {
    throw notInflated(cause);
  }
}

function checkSize(bytes: number, size: number): void {
  if (bytes === size) return;
  throw new SluiceError(
    'binlog.truncated',
    `A compressed transaction has ${bytes > size ? 'more' : bytes} bytes instead of ${size}.`,
  );
}

function notInflated(cause: unknown): SluiceError {
  if (cause instanceof SluiceError) return cause;
  return new SluiceError('binlog.truncated', 'A compressed transaction cannot be decompressed.', {
    cause,
  });
}
