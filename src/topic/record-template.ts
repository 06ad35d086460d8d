import { sequencePrefix } from '../change/sequence.ts';
import type { TableRoute } from './envelope.ts';
import { COMMITTED_AT_HEADER, SCHEMA_HEADER, SEQUENCE_HEADER } from './publisher.ts';
import { committedAtHeader, type SourceBlock, sourceText } from './source-block.ts';
import { writeVarint } from './varint.ts';

/** Digits of a sequence that name the row. */
export const ROW_DIGITS = 8;

const FIRST_BYTES = 2048;

/**
 * What the records of one rows event have in common, as bytes in two pieces: the envelope from
 * behind the row images to the row's index, and everything behind that index, headers included.
 *
 * The second piece has places for what differs: the operation, the number of headers, and the last
 * digits of the sequence. Written again for every event.
 */
export class RecordTemplate {
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  /** The first piece is `bytes` up to here, the second lies between here and `end`. */
  headEnd = 0;
  end = 0;
  /** Bytes of the second piece that belong to the record's value. */
  valueBytes = 0;
  /** Offsets within the second piece. */
  opAt = 0;
  rowDigitsAt = 0;
  headers = 0;

  fill(route: TableRoute, source: SourceBlock, epoch: number, commitOrdinal: number): void {
    const { head, tail, end } = sourceText(source);
    const committedAt = committedAtHeader(source);
    this.#room(3 * (head.length + tail.length + end.length + route.schemaId.length) + 200);
    this.end = 0;
    this.#text(head);
    this.headEnd = this.end;
    this.#text(tail);
    this.opAt = this.end - this.headEnd;
    this.#text('c');
    this.#text(end);
    this.valueBytes = this.end - this.headEnd;
    this.headers = committedAt === undefined ? 2 : 3;
    this.#varint(this.headers);
    this.#header(SEQUENCE_HEADER, sequencePrefix(epoch, commitOrdinal), ROW_DIGITS);
    this.rowDigitsAt = this.end - this.headEnd;
    this.end += ROW_DIGITS;
    this.#header(SCHEMA_HEADER, route.schemaId);
    if (committedAt !== undefined) this.#header(COMMITTED_AT_HEADER, committedAt);
  }

  #header(name: string, value: string, more = 0): void {
    this.#varint(name.length);
    this.#text(name);
    this.#varint(value.length + more);
    this.#text(value);
  }

  #varint(value: number): void {
    this.end = writeVarint(this.bytes, this.end, value);
  }

  #text(text: string): void {
    this.end += this.bytes.write(text, this.end);
  }

  #room(bytes: number): void {
    if (bytes > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(2 * bytes);
  }
}
