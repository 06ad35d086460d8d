import { type GtidSet, parseGtidSet } from '../change/gtid-set.ts';
import { SluiceError } from '../errors/error.ts';
import type { ByteReader } from './byte-reader.ts';
import { uuidText } from './gtid-event.ts';
import { readVariable } from './serialization.ts';

/**
 * A GTID set as COM_BINLOG_DUMP_GTID wants it and PREVIOUS_GTIDS holds it.
 *
 * ```
 * plain:  sources8 { uuid16 intervals8 { start8 end8 }* }*            end is exclusive
 * tagged: (1 << 56 | sources << 8 | 1)8 { uuid16 tag intervals8 { start8 end8 }* }*
 * tag:    length as a serialised integer, bytes
 * ```
 * The tagged form is written only when a tag is there: older servers know the plain one.
 * @see sql/rpl_gtid_set.cc: Gtid_set::encode
 */
export function encodeGtidSet(set: GtidSet): Buffer {
  const sources = set.sources();
  const tagged = sources.some(([source]) => source.includes(':'));
  const head = Buffer.alloc(8);
  const count = BigInt(sources.length);
  head.writeBigUInt64LE(tagged ? (1n << 56n) | (count << 8n) | 1n : count);
  const parts: Buffer[] = [head];
  for (const [source, intervals] of sources) {
    const [uuid = '', tag = ''] = source.split(':');
    parts.push(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
    // A tag is at most 32 bytes, so its length fits the one-byte form: length << 1.
    if (tagged) parts.push(Buffer.from([tag.length << 1]), Buffer.from(tag, 'ascii'));
    const runs = Buffer.alloc(8 + 16 * intervals.length);
    runs.writeBigUInt64LE(BigInt(intervals.length));
    intervals.forEach(({ start, end }, index) => {
      runs.writeBigUInt64LE(BigInt(start), 8 + 16 * index);
      runs.writeBigUInt64LE(BigInt(end), 16 + 16 * index);
    });
    parts.push(runs);
  }
  return Buffer.concat(parts);
}

/**
 * Either form; `reader` ends with the set.
 * @throws {SluiceError} `binlog.truncated`
 */
export function decodeGtidSet(reader: ByteReader): GtidSet {
  const head = reader.u64();
  const tagged = head >> 56n === 1n;
  const count = tagged ? (head >> 8n) & 0xffffffffffffn : head;
  const texts: string[] = [];
  for (let source = 0n; source < count; source += 1n) {
    const uuid = uuidText(reader.bytes(16));
    const tag = tagged ? reader.utf8(Number(readVariable(reader))) : '';
    for (let left = reader.u64Number(); left > 0; left -= 1)
      texts.push(
        `${uuid}:${tag === '' ? '' : `${tag}:`}${reader.u64Number()}-${reader.u64Number() - 1}`,
      );
  }
  try {
    return parseGtidSet(texts.join(','));
  } catch (cause) {
    throw new SluiceError('binlog.truncated', 'A GTID set in the log has an impossible form.', {
      cause,
    });
  }
}
