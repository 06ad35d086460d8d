import type { EncodedRecord, OutgoingRecord } from './publisher.ts';
import { varintCharacter, varintSize, writeVarint } from './varint.ts';

/** Lengths, deltas and counts of one record, as varints of at most five bytes and one varlong of ten. */
const FIXED_ROOM = 40;
const HEADER_ROOM = 10;
const LONG_TEXT = 65_536;

/** The record as one that writes itself. */
export function encodedRecord(record: OutgoingRecord): EncodedRecord {
  const { topic, partition, timestampMs } = record;
  return {
    topic,
    partition,
    timestampMs,
    room: recordRoom(record),
    write: (out, at, offsetDelta, timestampDelta) =>
      writeRecord(out, at, record, offsetDelta, timestampDelta),
  };
}

/** Room that certainly holds the record, whatever its texts expand to in UTF-8. */
function recordRoom({ key, value, headers }: OutgoingRecord): number {
  let room = FIXED_ROOM + roomFor(key) + roomFor(value);
  for (const header of headers) {
    room += HEADER_ROOM + 3 * (header[0].length + header[1].length);
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
 * Text is nearly always ASCII, so the record is first written as if it were, with few native calls;
 * the number of bytes they report proves it, and any other record is measured and written again.
 *
 * @param out has {@link recordRoom} bytes behind `at`
 */
function writeRecord(
  out: Buffer,
  at: number,
  record: OutgoingRecord,
  offsetDelta: number,
  timestampDelta: number,
): number {
  const end = writeAscii(out, at, record, offsetDelta, timestampDelta);
  return end >= 0 ? end : writeUtf8(out, at, record, offsetDelta, timestampDelta);
}

/** −1 when a text is not ASCII or a header is long. */
function writeAscii(
  out: Buffer,
  start: number,
  { key, value, headers }: OutgoingRecord,
  offsetDelta: number,
  timestampDelta: number,
): number {
  const headerText = shortHeaders(headers);
  if (headerText === undefined) return -1;
  const keyLength = key === null ? -1 : key.length;
  const valueLength = value === null ? -1 : value.length;
  const rest = value === null ? headerText : value + headerText;
  const length =
    1 +
    varintSize(timestampDelta) +
    varintSize(offsetDelta) +
    sizedLength(keyLength) +
    varintSize(valueLength) +
    rest.length;
  let at = writeStart(out, start, length, timestampDelta, offsetDelta);
  at = writeVarint(out, at, keyLength);
  if (key !== null && out.write(key, at) !== keyLength) return -1;
  at = writeVarint(out, at + Math.max(keyLength, 0), valueLength);
  return out.write(rest, at) === rest.length ? at + rest.length : -1;
}

/** The header section as text, so that it is written together with the value. */
function shortHeaders(headers: OutgoingRecord['headers']): string | undefined {
  let text = varintCharacter(headers.length);
  if (text === undefined) return undefined;
  for (const header of headers) {
    const nameLength = varintCharacter(header[0].length);
    const valueLength = varintCharacter(header[1].length);
    if (nameLength === undefined || valueLength === undefined) return undefined;
    text += nameLength + header[0] + valueLength + header[1];
  }
  return text;
}

function writeUtf8(
  out: Buffer,
  start: number,
  { key, value, headers }: OutgoingRecord,
  offsetDelta: number,
  timestampDelta: number,
): number {
  const texts = [key, value, ...headers.flat()];
  const lengths = texts.map((text) => (text === null ? -1 : Buffer.byteLength(text)));
  const length =
    1 +
    varintSize(timestampDelta) +
    varintSize(offsetDelta) +
    varintSize(headers.length) +
    lengths.reduce((sum, bytes) => sum + sizedLength(bytes), 0);
  let at = writeStart(out, start, length, timestampDelta, offsetDelta);
  for (const [index, text] of texts.entries()) {
    if (index === 2) at = writeVarint(out, at, headers.length);
    at = writeVarint(out, at, lengths[index] ?? -1);
    if (text !== null) at += out.write(text, at);
  }
  return headers.length === 0 ? writeVarint(out, at, 0) : at;
}

/** Length, attributes (none are defined) and the two deltas. */
function writeStart(
  out: Buffer,
  start: number,
  length: number,
  timestampDelta: number,
  offsetDelta: number,
): number {
  let at = writeVarint(out, start, length);
  out[at++] = 0;
  at = writeVarint(out, at, timestampDelta);
  return writeVarint(out, at, offsetDelta);
}

function sizedLength(length: number): number {
  return varintSize(length) + Math.max(length, 0);
}
