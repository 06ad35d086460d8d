import type { EncodedImage, EncodedRow } from '../change/encoded-row.ts';
import { InvariantBroken } from '../errors/error.ts';
import { NEW_KEY_HEADER, OLD_KEY_HEADER, type TableRoute } from './envelope.ts';
import { partitionOfBytes } from './partition.ts';
import type { EncodedRecord, OutgoingBatch } from './publisher.ts';
import { RecordTemplate, ROW_DIGITS } from './record-template.ts';
import { KEY_BEFORE, type RowNotes, withInvalidTexts } from './row-notes.ts';
import type { SourceBlock } from './source-block.ts';
import type { Topic } from './topic-name.ts';
import { varintSize, writeVarint } from './varint.ts';

const BEFORE = Buffer.from('{"before":');
const AFTER = Buffer.from(',"after":');
const NO_BEFORE = Buffer.from('{"before":null,"after":');
const NULL = Buffer.from('null');
const NEW_KEY = Buffer.from(NEW_KEY_HEADER);
const OLD_KEY = Buffer.from(OLD_KEY_HEADER);
const OP = { create: 0x63, update: 0x75, delete: 0x64, read: 0x72 } as const;
const HEX_DIGITS = Buffer.from('0123456789ABCDEF');
const ZERO = 0x30;
/** Tables whose template is kept, of some 2 KB each. */
const MAX_TEMPLATES = 512;
/** The longest length, attributes, deltas, and lengths of key and value. */
const FIXED_ROOM = 5 + 1 + 10 + 5 + 5 + 5;

/** The other key of a key change, in a header. */
interface KeyHeader {
  readonly name: Buffer;
  readonly key: EncodedImage;
}

/** Where the records of one event's rows go, and what they share. */
export interface RowPlace {
  readonly route: TableRoute;
  readonly source: SourceBlock;
  readonly epoch: number;
  readonly commitOrdinal: number;
}

/**
 * The records of row changes whose images are JSON bytes already, as Debezium 3.6 writes them in
 * JSON without schemas:
 *
 * | change | records |
 * | --- | --- |
 * | insert, snapshot row | one |
 * | update, same key | one; its `before` is the key alone where the route says so |
 * | update of the key | delete of the old key, its tombstone, create of the new key |
 * | delete | delete, its tombstone |
 *
 * A table without a key has neither tombstones nor key changes. One object serves a whole capture,
 * and is itself the record being written.
 */
export class RowRecords implements EncodedRecord {
  /** Of the table at hand, kept for its next event. */
  #template = new RecordTemplate();
  readonly #templates = new Map<TableRoute, RecordTemplate>();
  #partitions = 0;
  #bytes: Buffer = NULL;
  #rowOrdinal = 0;
  #rowInEvent = 0;
  #op: number = OP.create;
  #part: 0 | 1 = 1;
  #before: EncodedImage | undefined;
  #after: EncodedImage | undefined;
  #key: EncodedImage | undefined;
  #keyHeader: KeyHeader | undefined;
  #notes: RowNotes | undefined;
  #keyOnlyBefore = false;
  /** The key of the row before, as its image. */
  readonly #keyBefore = { start: 0, end: 0, keyStart: 0, keyEnd: 0 };
  /** −1 for a tombstone. */
  #valueBytes = 0;
  #headerBytes = 0;
  /** Changes of keys among the rows that have been appended; only grows. */
  keyChanges = 0;
  topic = '' as Topic;
  timestampMs = 0;
  partition = 0;
  room = 0;

  /** All rows until the next call belong to one event. */
  begin({ route, source, epoch, commitOrdinal }: RowPlace): void {
    this.#partitions = route.partitions;
    this.topic = route.topic;
    this.timestampMs = source.nowMs;
    this.#keyOnlyBefore = route.beforeImage === 'key' && route.schema.key.length > 0;
    this.#template = this.#templateOf(route);
    this.#template.fill(route, source, epoch, commitOrdinal);
  }

  #templateOf(route: TableRoute): RecordTemplate {
    const known = this.#templates.get(route);
    if (known) return known;
    if (this.#templates.size >= MAX_TEMPLATES) this.#templates.clear();
    const template = new RecordTemplate();
    this.#templates.set(route, template);
    return template;
  }

  /**
   * Appends the records of one change.
   * @throws {SluiceError} `kafka.record-too-large`; records of the same change may then be in the batch already
   */
  append(
    batch: Pick<OutgoingBatch, 'appendEncoded'>,
    row: EncodedRow,
    rowOrdinal: number,
    rowInEvent: number,
  ): void {
    const { before, after } = row;
    this.#bytes = row.bytes;
    this.#rowOrdinal = rowOrdinal;
    this.#rowInEvent = rowInEvent;
    this.#part = 1;
    this.#keyHeader = undefined;
    if (!before) this.#write(batch, OP.create, undefined, this.#present(after));
    else if (!after) this.#delete(batch, before);
    else if (this.#sameKey(before, after)) this.#update(batch, before, after);
    else this.#changeKey(batch, before, after);
  }

  /** Appends the record of a row that was read from its table. */
  appendSnapshot(
    batch: Pick<OutgoingBatch, 'appendEncoded'>,
    { bytes, after }: EncodedRow,
    rowOrdinal: number,
  ): void {
    this.#bytes = bytes;
    this.#rowOrdinal = rowOrdinal;
    this.#rowInEvent = 0;
    this.#part = 1;
    this.#keyHeader = undefined;
    this.#write(batch, OP.read, undefined, this.#present(after));
  }

  #update(
    batch: Pick<OutgoingBatch, 'appendEncoded'>,
    before: EncodedImage,
    after: EncodedImage,
  ): void {
    if (!this.#keyOnlyBefore) {
      this.#write(batch, OP.update, before, after);
      return;
    }
    const key = this.#keyBefore;
    key.start = key.keyStart = before.keyStart;
    key.end = key.keyEnd = before.keyEnd;
    this.#write(batch, OP.update, key, after, KEY_BEFORE);
  }

  #changeKey(
    batch: Pick<OutgoingBatch, 'appendEncoded'>,
    before: EncodedImage,
    after: EncodedImage,
  ): void {
    this.keyChanges += 1;
    this.#part = 0;
    this.#keyHeader = { name: NEW_KEY, key: after };
    this.#delete(batch, before);
    this.#part = 1;
    this.#keyHeader = { name: OLD_KEY, key: before };
    this.#write(batch, OP.create, undefined, after);
  }

  /** The delete and its tombstone, which repeats the delete's sequence. */
  #delete(batch: Pick<OutgoingBatch, 'appendEncoded'>, before: EncodedImage): void {
    this.#write(batch, OP.delete, before, undefined);
    if (before.keyStart < 0) return;
    this.#keyHeader = undefined;
    this.#notes = undefined;
    this.#valueBytes = -1;
    this.#finish(batch);
  }

  #write(
    batch: Pick<OutgoingBatch, 'appendEncoded'>,
    op: number,
    before: EncodedImage | undefined,
    after: EncodedImage | undefined,
    notes?: RowNotes,
  ): void {
    const { headEnd, valueBytes } = this.#template;
    this.#notes =
      before?.invalid || after?.invalid
        ? withInvalidTexts(notes, before?.invalid, after?.invalid)
        : notes;
    this.#op = op;
    this.#before = before;
    this.#after = after;
    this.#key = after ?? before;
    this.#valueBytes =
      BEFORE.length +
      (before ? before.end - before.start : NULL.length) +
      AFTER.length +
      (after ? after.end - after.start : NULL.length) +
      headEnd +
      digitsOf(this.#rowInEvent) +
      valueBytes;
    this.#finish(batch);
  }

  #finish(batch: Pick<OutgoingBatch, 'appendEncoded'>): void {
    const { headEnd, end, valueBytes } = this.#template;
    const { keyStart, keyEnd } = this.#present(this.#key);
    this.partition =
      keyStart < 0 ? 0 : partitionOfBytes(this.#bytes, keyStart, keyEnd, this.#partitions);
    this.#headerBytes = end - headEnd - valueBytes;
    if (this.#keyHeader) {
      const { name, key } = this.#keyHeader;
      const length = key.keyEnd - key.keyStart;
      this.#headerBytes += 1 + name.length + varintSize(length) + length;
    }
    if (this.#notes) this.#headerBytes += this.#notes.bytes.length;
    this.room = FIXED_ROOM + keyEnd - keyStart + Math.max(this.#valueBytes, 0) + this.#headerBytes;
    batch.appendEncoded(this);
  }

  write(out: Buffer, start: number, offsetDelta: number, timestampDelta: number): number {
    const { keyStart, keyEnd } = this.#present(this.#key);
    const keyLength = keyStart < 0 ? -1 : keyEnd - keyStart;
    const valueBytes = this.#valueBytes;
    const length =
      1 +
      varintSize(timestampDelta) +
      varintSize(offsetDelta) +
      varintSize(keyLength) +
      Math.max(keyLength, 0) +
      varintSize(valueBytes) +
      Math.max(valueBytes, 0) +
      this.#headerBytes;
    let at = writeVarint(out, start, length);
    out[at++] = 0;
    at = writeVarint(out, at, timestampDelta);
    at = writeVarint(out, at, offsetDelta);
    at = writeVarint(out, at, keyLength);
    if (keyLength > 0) at += this.#bytes.copy(out, at, keyStart, keyEnd);
    at = writeVarint(out, at, valueBytes);
    if (valueBytes >= 0) at = this.#writeImages(out, at);
    return this.#writeRest(out, at);
  }

  /** The value up to the row's index. */
  #writeImages(out: Buffer, start: number): number {
    const { bytes, headEnd } = this.#template;
    let at = start;
    if (this.#before) {
      out.set(BEFORE, at);
      at = this.#writeImage(out, at + BEFORE.length, this.#before);
      out.set(AFTER, at);
      at += AFTER.length;
    } else {
      out.set(NO_BEFORE, at);
      at += NO_BEFORE.length;
    }
    at = this.#writeImage(out, at, this.#after);
    at += bytes.copy(out, at, 0, headEnd);
    return writeDigits(out, at, this.#rowInEvent);
  }

  #writeImage(out: Buffer, at: number, image: EncodedImage | undefined): number {
    if (image) return at + this.#bytes.copy(out, at, image.start, image.end);
    out.set(NULL, at);
    return at + NULL.length;
  }

  /** The value from behind the row's index, and the headers. */
  #writeRest(out: Buffer, start: number): number {
    const { bytes, headEnd, end, valueBytes, opAt, headers, rowDigitsAt } = this.#template;
    // A tombstone has the headers alone.
    const skipped = this.#valueBytes < 0 ? valueBytes : 0;
    const base = start - skipped;
    let at = start + bytes.copy(out, start, headEnd + skipped, end);
    if (skipped === 0) out[base + opAt] = this.#op;
    writeHex(out, base + rowDigitsAt, 2 * this.#rowOrdinal + this.#part);
    if (!this.#keyHeader && !this.#notes) return at;
    const more = (this.#keyHeader ? 1 : 0) + (this.#notes?.headers ?? 0);
    out[base + valueBytes] = 2 * (headers + more);
    if (this.#keyHeader) at = this.#writeKeyHeader(out, at, this.#keyHeader);
    return this.#notes ? at + this.#notes.bytes.copy(out, at) : at;
  }

  #writeKeyHeader(out: Buffer, start: number, { name, key }: KeyHeader): number {
    let at = writeVarint(out, start, name.length);
    out.set(name, at);
    at = writeVarint(out, at + name.length, key.keyEnd - key.keyStart);
    return at + this.#bytes.copy(out, at, key.keyStart, key.keyEnd);
  }

  /** Without a key there is none that could change. */
  #sameKey(before: EncodedImage, after: EncodedImage): boolean {
    const length = before.keyEnd - before.keyStart;
    if (length !== after.keyEnd - after.keyStart) return false;
    if (before.keyStart < 0) return true;
    const bytes = this.#bytes;
    for (let index = 0; index < length; index += 1)
      if (bytes[before.keyStart + index] !== bytes[after.keyStart + index]) return false;
    return true;
  }

  #present(image: EncodedImage | undefined): EncodedImage {
    if (image) return image;
    throw new InvariantBroken(`a change for ${this.topic} lacks a row image`);
  }
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits += 1;
  return digits;
}

/** Decimal digits; answers the offset behind them. */
function writeDigits(out: Buffer, start: number, value: number): number {
  const end = start + digitsOf(value);
  let rest = value;
  for (let at = end - 1; at >= start; at -= 1) {
    const tenth = Math.floor(rest / 10);
    out[at] = ZERO + rest - 10 * tenth;
    rest = tenth;
  }
  return end;
}

function writeHex(out: Buffer, start: number, value: number): void {
  for (let index = 0; index < ROW_DIGITS; index += 1)
    out[start + index] = HEX_DIGITS[(value >>> (28 - 4 * index)) & 15] ?? ZERO;
}
