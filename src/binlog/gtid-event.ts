import type { Gtid } from '../change/gtid.ts';
import { SluiceError } from '../errors/error.ts';
import type { ByteReader } from './byte-reader.ts';
import type { BinlogEventBody } from './event.ts';
import { readSignedVariable, readVariable } from './serialization.ts';

type GtidBody = Extract<BinlogEventBody, { kind: 'gtid' }>;

/**
 * GTID: flags1 uuid16 number8 2 last_committed8 sequence8 immediate_commit7 (bit 55 set: original_commit7).
 * Older servers end before the commit times.
 * @see libs/mysql/binlog/event/control_events.h: Gtid_event
 */
export function decodeGtid(reader: ByteReader): GtidBody {
  reader.take(1);
  const uuid = uuidText(reader.bytes(16));
  const gtid = gtidOf(uuid, '', reader.u64());
  return { kind: 'gtid', gtid, committedAtUs: readCommitTime(reader) };
}

function readCommitTime(reader: ByteReader): number {
  if (reader.left < 17 + 7) return 0;
  reader.take(17);
  const immediate = reader.bytes(7);
  const hasOriginal = ((immediate[6] ?? 0) & 0x80) !== 0;
  if (hasOriginal && reader.left >= 7) return reader.u56();
  return immediate.readUIntLE(0, 4) + (immediate.readUIntLE(4, 3) & 0x7fffff) * 2 ** 32;
}

const FIELD = {
  flags: 0,
  uuid: 1,
  number: 2,
  tag: 3,
  immediateCommit: 6,
  originalCommit: 7,
} as const;

/**
 * GTID_TAGGED (8.3 and newer): a serialised message: version, size, last field that may not be
 * ignored, then field id and value pairs in order.
 * @see libs/mysql/binlog/event/control_events.h: Gtid_event::define_fields
 */
export function decodeTaggedGtid(reader: ByteReader): GtidBody {
  for (let header = 0; header < 3; header += 1) readVariable(reader);
  let uuid = '';
  let tag = '';
  let number = 0n;
  let immediate = 0n;
  let original: bigint | undefined;
  while (reader.left > 0) {
    const field = Number(readVariable(reader));
    switch (field) {
      case FIELD.uuid:
        uuid = uuidText(
          Buffer.from(Array.from({ length: 16 }, () => Number(readVariable(reader)))),
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
  return {
    kind: 'gtid',
    gtid: gtidOf(uuid, tag, number),
    committedAtUs: Number(original ?? immediate),
  };
}

export function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function gtidOf(uuid: string, tag: string, number: bigint): Gtid {
  if (number < 1n || number > BigInt(Number.MAX_SAFE_INTEGER))
    throw new SluiceError(
      'binlog.unsupported',
      `Transaction number ${number} of ${uuid} is outside what Sluice can count.`,
    );
  return `${uuid}:${tag === '' ? '' : `${tag}:`}${number}` as Gtid;
}
