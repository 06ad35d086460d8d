import { SluiceError } from '../errors/error.ts';
import type { ByteReader } from './byte-reader.ts';
import type { BinlogEventBody, EventHeader } from './event.ts';
import { FLAG } from './event-header.ts';

/** Events about the log itself. @see libs/mysql/binlog/event/control_events.h */

type BodyOf<Kind extends BinlogEventBody['kind']> = Extract<BinlogEventBody, { kind: Kind }>;

/** version2 server_version50 created4 header_length1 post_header_lengths checksum1 */
export function decodeFormatDescription(
  body: ByteReader,
  checksums: boolean,
): BodyOf<'formatDescription'> {
  body.take(2);
  const version = body.utf8(50);
  const [serverVersion = ''] = version.split('\0', 1);
  return { kind: 'formatDescription', serverVersion, checksum: checksums ? 'crc32' : 'none' };
}

/** position8 file */
export function decodeRotate(header: EventHeader, body: ByteReader): BodyOf<'rotate'> {
  return {
    kind: 'rotate',
    pos: body.u64Number(),
    file: body.utf8(body.left),
    artificial: (header.flags & FLAG.artificial) !== 0 || header.timestampS === 0,
  };
}

/** { type lenenc, length lenenc, value }* 0: 1 is the file name, 2 the position as lenenc. */
export function decodeHeartbeatV2(body: ByteReader): BodyOf<'heartbeat'> {
  let file = '';
  let pos = 0;
  while (body.left > 0) {
    const field = body.lengthEncoded();
    if (field === 0) break;
    const value = body.sub(body.lengthEncoded());
    if (field === 1) file = value.utf8(value.left);
    if (field === 2) pos = value.lengthEncoded();
  }
  if (file === '')
    throw new SluiceError('binlog.truncated', 'A heartbeat does not name the file it is in.');
  return { kind: 'heartbeat', file, pos, isWhole: true };
}

/** code2 length1 message */
export function decodeIncident(body: ByteReader): BodyOf<'incident'> {
  body.take(2);
  return { kind: 'incident', message: body.utf8(body.u8()) };
}
