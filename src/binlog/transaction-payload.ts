import { zstdDecompressSync } from 'node:zlib';
import { SluiceError } from '../errors/error.ts';
import type { ByteReader } from './byte-reader.ts';

const FIELD = { end: 0, compression: 2, uncompressedSize: 3 } as const;
const COMPRESSION = { zstd: 0, none: 255 } as const;

/**
 * The bytes of a compressed transaction: whole events, one after the other, without checksums.
 *
 * ```
 * { field lenenc   length lenenc   value }* 0   payload
 * ```
 * Fields are the payload's size (1), its compression (2) and its size without it (3), as lenenc.
 * @see libs/mysql/binlog/event/codecs/binary.cpp: Transaction_payload
 * @throws {SluiceError} `binlog.truncated` | `binlog.unsupported`
 */
export function decodePayload(body: ByteReader): Buffer {
  let compression: number = COMPRESSION.none;
  let size = -1;
  for (let field = body.lengthEncoded(); field !== FIELD.end; field = body.lengthEncoded()) {
    const value = body.sub(body.lengthEncoded());
    if (field === FIELD.compression) compression = value.lengthEncoded();
    if (field === FIELD.uncompressedSize) size = value.lengthEncoded();
  }
  const payload = body.bytes(body.left);
  if (compression === COMPRESSION.none) return payload;
  if (compression !== COMPRESSION.zstd)
    throw new SluiceError(
      'binlog.unsupported',
      `The log holds a transaction compressed by method ${compression}, which this version does not know.`,
    );
  const events = decompress(payload, size);
  if (events.length !== size)
    throw new SluiceError(
      'binlog.truncated',
      `A compressed transaction has ${events.length} bytes instead of ${size}.`,
    );
  return events;
}

function decompress(payload: Buffer, size: number): Buffer {
  try {
    return zstdDecompressSync(payload, { maxOutputLength: Math.max(size, 1) });
  } catch (cause) {
    throw new SluiceError('binlog.truncated', 'A compressed transaction cannot be decompressed.', {
      cause,
    });
  }
}
