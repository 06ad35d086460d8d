import { SluiceError } from '../errors/error.ts';
import { crc32 } from './crc32.ts';
import type { EventHeader } from './event.ts';

export const HEADER_BYTES = 19;
export const CHECKSUM_BYTES = 4;

/** Header flags. @see libs/mysql/binlog/event/binlog_event.h */
export const FLAG = { inUse: 0x01, artificial: 0x20, ignorable: 0x80 } as const;

/**
 * timestamp4 type1 server_id4 size4 log_pos4 flags2
 * @throws {SluiceError} `binlog.truncated` when `event` is shorter than the header, or than it says
 */
export function readHeader(event: Buffer, at: number, end: number): EventHeader {
  if (end - at < HEADER_BYTES)
    throw new SluiceError(
      'binlog.truncated',
      `An event has ${end - at} bytes, fewer than its header.`,
    );
  const header = {
    timestampS: event.readUInt32LE(at),
    type: event.readUInt8(at + 4),
    serverId: event.readUInt32LE(at + 5),
    size: event.readUInt32LE(at + 9),
    logPos: event.readUInt32LE(at + 13),
    flags: event.readUInt16LE(at + 17),
  };
  if (header.size < HEADER_BYTES || header.size > end - at)
    throw new SluiceError(
      'binlog.truncated',
      `An event of type ${header.type} says it has ${header.size} bytes, but ${end - at} are there.`,
    );
  return header;
}

/** Whether the last four bytes of an event are the CRC32 of everything before them. */
export function hasValidChecksum(
  bytes: Buffer,
  start: number,
  end: number,
  flags: number,
): boolean {
  const summedEnd = end - CHECKSUM_BYTES;
  if (summedEnd - start < HEADER_BYTES) return false;
  const checksum = bytes.readUInt32LE(summedEnd);
  // The server sets the flag in a file it is writing, after it has computed the checksum.
  if ((flags & FLAG.inUse) === 0) return crc32(bytes, start, summedEnd) === checksum;
  const before = Buffer.from(bytes.subarray(start, summedEnd));
  before.writeUInt16LE(flags & ~FLAG.inUse, 17);
  return crc32(before, 0, before.length) === checksum;
}
