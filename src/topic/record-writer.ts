import type { OutgoingRecord } from './publisher.ts';
import { varintSize, writeVarint } from './varint.ts';

/** Lengths, deltas and counts of one record, as varints of at most five bytes and one varlong of ten. */
const FIXED_ROOM = 40;
const HEADER_ROOM = 10;
const LONG_TEXT = 65_536;
const SHORT_TEXT = 48;

/** Room that certainly holds the record, whatever its texts expand to in UTF-8. */
export function recordRoom({ key, value, headers }: OutgoingRecord): number {
  let room = FIXED_ROOM + roomFor(key) + roomFor(value);
  for (let index = 0; index < headers.length; index++) {
    const header = headers[index];
    if (header) room += HEADER_ROOM + 3 * (header[0].length + header[1].length);
  }
  return room;
}

function roomFor(text: string | null): number {
  if (text === null) return 0;
  return text.length < LONG_TEXT ? text.length * 3 : Buffer.byteLength(text);
}

/**
 * Writes one record at `at` and returns the offset behind it:
 *
 * length varint, attributes int8, timestamp delta varlong, offset delta varint, key (length varint,
 * −1 for null; bytes), value (the same), header count varint, per header name and value (length
 * varint; bytes).
 *
 * Text is nearly always ASCII, so lengths are first taken for what ASCII needs; writing proves
 * them, and only a record that holds other text is measured and written again.
 *
 * @param out has {@link recordRoom} bytes behind `at`
 */
export function writeRecord(
  out: Buffer,
  at: number,
  record: OutgoingRecord,
  offsetDelta: number,
  timestampDelta: number,
): number {
  const { key, value } = record;
  const end = tryWrite(out, at, record, offsetDelta, timestampDelta, {
    key: key === null ? -1 : key.length,
    value: value === null ? -1 : value.length,
    headers: headersLength(record.headers, asciiLength),
    of: asciiLength,
  });
  if (end >= 0) return end;
  return tryWrite(out, at, record, offsetDelta, timestampDelta, {
    key: key === null ? -1 : utf8Length(key),
    value: value === null ? -1 : utf8Length(value),
    headers: headersLength(record.headers, utf8Length),
    of: utf8Length,
  });
}

type LengthOf = (text: string) => number;
const asciiLength: LengthOf = (text) => text.length;
const utf8Length: LengthOf = (text) => Buffer.byteLength(text);

/** What the texts of a record are taken to need. */
interface Lengths {
  /** −1 for null. */
  readonly key: number;
  readonly value: number;
  readonly headers: number;
  readonly of: LengthOf;
}

function headersLength(headers: OutgoingRecord['headers'], lengthOf: LengthOf): number {
  let length = varintSize(headers.length);
  for (let index = 0; index < headers.length; index++) {
    const header = headers[index];
    if (header) length += sizedLength(lengthOf(header[0])) + sizedLength(lengthOf(header[1]));
  }
  return length;
}

function sizedLength(length: number): number {
  return varintSize(length) + Math.max(length, 0);
}

/** −1 when a text turns out longer than it was taken for. */
function tryWrite(
  out: Buffer,
  start: number,
  { key, value, headers }: OutgoingRecord,
  offsetDelta: number,
  timestampDelta: number,
  lengths: Lengths,
): number {
  const length =
    1 +
    varintSize(timestampDelta) +
    varintSize(offsetDelta) +
    sizedLength(lengths.key) +
    sizedLength(lengths.value) +
    lengths.headers;
  let at = writeVarint(out, start, length);
  out[at++] = 0;
  at = writeVarint(out, at, timestampDelta);
  at = writeVarint(out, at, offsetDelta);
  at = writeText(out, at, key, lengths.key);
  if (at < 0) return -1;
  at = writeText(out, at, value, lengths.value);
  if (at < 0) return -1;
  at = writeVarint(out, at, headers.length);
  for (let index = 0; index < headers.length; index++) {
    const header = headers[index];
    if (!header) continue;
    at = writeText(out, at, header[0], lengths.of(header[0]));
    if (at < 0) return -1;
    at = writeText(out, at, header[1], lengths.of(header[1]));
    if (at < 0) return -1;
  }
  return at;
}

/** Length varint and UTF-8 bytes; −1 when `length` is not what the text needs. */
function writeText(out: Buffer, at: number, text: string | null, length: number): number {
  const body = writeVarint(out, at, length);
  if (text === null) return body;
  if (text.length > SHORT_TEXT) return out.write(text, body) === length ? body + length : -1;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    // A native call costs more than this loop, until a character needs more than one byte.
    if (unit > 127) return out.write(text, body) === length ? body + length : -1;
    out[body + index] = unit;
  }
  return text.length === length ? body + length : -1;
}
