import type { Gtid } from '../change/gtid.ts';
import { SluiceError } from '../errors/error.ts';
import type { ByteReader } from './byte-reader.ts';
import type { BinlogEvent, BinlogEventBody, EventHeader } from './event.ts';
import { readSignedVariable, readVariable } from './serialization.ts';

type GtidBody = Extract<BinlogEventBody, { kind: 'gtid' }>;
type GtidEvent = Extract<BinlogEvent, { kind: 'gtid' }>;

const UUID_BYTES = 16;

/**
 * GTID: flags1 uuid16 number8 2 last_committed8 sequence8 immediate_commit7 (bit 55 set: original_commit7).
 * Servers append more with every version; those before 8.0.1 end before the commit times.
 * @see libs/mysql/binlog/event/control_events.h: Gtid_event
 */
export function decodeGtid(header: EventHeader, reader: ByteReader): GtidEvent {
  reader.take(1);
  const source = uuidAt(reader.buffer, reader.take(UUID_BYTES));
  const gtid = gtidOf(source, '', reader.u64Number());
  return { kind: 'gtid', header, gtid, committedAtUs: readCommitTime(reader) };
}

const TWO_55 = 2 ** 55;

function readCommitTime(reader: ByteReader): number {
  if (reader.left < 17 + 7) return 0;
  reader.take(17);
  const immediate = reader.u56();
  if (immediate < TWO_55) return immediate;
  return reader.u56();
}

/** Ids of the fields of a GTID_TAGGED event; each may be left out. */
const FIELD = {
  uuid: 1,
  number: 2,
  tag: 3,
  immediateCommit: 6,
  originalCommit: 7,
  last: 11,
} as const;

/**
 * GTID_TAGGED (8.3 and newer): a serialised message: version, size, last field that may not be
 * ignored, then field id and value pairs in order of id.
 * @see libs/mysql/binlog/event/control_events.h: Gtid_event::define_fields
 */
export function decodeTaggedGtid(reader: ByteReader): GtidBody {
  readVariable(reader);
  readVariable(reader);
  const lastNeeded = Number(readVariable(reader)) - 1;
  if (lastNeeded > FIELD.last)
    throw new SluiceError(
      'binlog.unsupported',
      `The log holds a GTID event whose field ${lastNeeded} must not be ignored, and this version does not know it.`,
    );
  let uuid = '';
  let tag = '';
  let number = 0n;
  let immediate = 0n;
  let original: bigint | undefined;
  while (reader.left > 0) {
    const field = Number(readVariable(reader));
    // Whatever a later version appends may be of any shape.
    if (field > FIELD.last) break;
    switch (field) {
      case FIELD.uuid:
        uuid = uuidText(
          Uint8Array.from({ length: UUID_BYTES }, () => Number(readVariable(reader))),
        );
        break;
      case FIELD.number:
        number = readSignedVariable(reader);
        break;
      case FIELD.tag:
        tag = reader.utf8(Number(readVariable(reader)));
        break;
      case FIELD.immediateCommit:
        immediate = readVariable(reader);
        break;
      case FIELD.originalCommit:
        original = readVariable(reader);
        break;
      default:
        readVariable(reader);
    }
  }
  if (uuid === '') throw new SluiceError('binlog.truncated', 'A GTID event has no source uuid.');
  const gtid = gtidOf(uuid, tag, Number(number));
  return { kind: 'gtid', gtid, committedAtUs: Number(original ?? immediate) };
}

let latestUuid: Uint8Array = new Uint8Array(0);
let latestUuidText = '';

/** Nearly all transactions of a log have one source. */
function uuidAt(buffer: Buffer, at: number): string {
  if (!isLatestUuid(buffer, at)) {
    latestUuid = Uint8Array.from(buffer.subarray(at, at + UUID_BYTES));
    latestUuidText = uuidText(latestUuid);
  }
  return latestUuidText;
}

/** A loop, since calling `compare` takes longer than comparing. */
function isLatestUuid(buffer: Buffer, at: number): boolean {
  for (let index = 0; index < UUID_BYTES; index += 1)
    if (buffer[at + index] !== latestUuid[index]) return false;
  return true;
}

/** 16 bytes as the server prints them. */
export function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** `GtidSet` ends its intervals one behind, so the largest safe integer is too large. */
function gtidOf(uuid: string, tag: string, number: number): Gtid {
  if (number < 1 || number >= Number.MAX_SAFE_INTEGER)
    throw new SluiceError(
      'binlog.unsupported',
      `Transaction number ${number} of ${uuid} is outside what Sluice can count.`,
    );
  return (tag === '' ? `${uuid}:${number}` : `${uuid}:${tag}:${number}`) as Gtid;
}
