import { readFileSync } from 'node:fs';
import { crc32, zstdCompressSync } from 'node:zlib';

const MAGIC_BYTES = 4;

/** The events of a log file as a server wrote it, each with header and checksum. */
export function eventsOfFile(name: string): readonly Buffer[] {
  const file = readFileSync(new URL(`../fixtures/binlog/${name}`, import.meta.url));
  const events: Buffer[] = [];
  for (let at = MAGIC_BYTES; at < file.length; ) {
    const size = file.readUInt32LE(at + 9);
    events.push(Buffer.from(file.subarray(at, at + size)));
    at += size;
  }
  return events;
}

/** An event of our own making; `hex` may have spaces. Ends with a checksum unless told otherwise. */
export function rawEvent(
  type: number,
  hex: string,
  { flags = 0, timestampS = 1, checksum = true } = {},
): Buffer {
  const body = Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
  const event = Buffer.alloc(19 + body.length + (checksum ? 4 : 0));
  event.writeUInt32LE(timestampS, 0);
  event.writeUInt8(type, 4);
  event.writeUInt32LE(1, 5);
  event.writeUInt32LE(1000, 13);
  event.writeUInt16LE(flags, 17);
  body.copy(event, 19);
  return checksum ? sealed(event) : resized(event);
}

/** The same event with its size and checksum made right again. */
export function sealed(event: Buffer): Buffer {
  const copy = resized(event);
  copy.writeUInt32LE(crc32(copy.subarray(0, -4)), copy.length - 4);
  return copy;
}

function resized(event: Buffer): Buffer {
  const copy = Buffer.from(event);
  copy.writeUInt32LE(copy.length, 9);
  return copy;
}

/** `events` as a server writes them into one TRANSACTION_PAYLOAD when it does not compress them. */
export function payloadOf(events: readonly Buffer[]): Buffer {
  return rawEvent(40, `02 03 fcff00 00 ${innerEvents(events).toString('hex')}`);
}

/** `events` as a server compresses them; says that they are so many bytes longer than they are. */
export function compressedPayloadOf(events: readonly Buffer[], more = 0): Buffer {
  const inner = innerEvents(events);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(inner.length + more));
  const head = `02 01 00 03 09 fe${size.toString('hex')} 00`;
  return rawEvent(40, `${head} ${zstdCompressSync(inner).toString('hex')}`);
}

/** Header and body of each, without checksum. */
export function innerEvents(events: readonly Buffer[]): Buffer {
  return Buffer.concat(events.map((event) => resized(event.subarray(0, -4))));
}

/** `event` cut to `bytes` of body, whole again otherwise. */
export function cutShort(event: Buffer, bytes: number): Buffer {
  return sealed(Buffer.concat([event.subarray(0, 19 + bytes), Buffer.alloc(4)]));
}
