import { sequencePrefix } from '../change/sequence.ts';
import { InvariantBroken } from '../errors/error.ts';
import type { TableRoute } from './envelope.ts';
import { COMMITTED_AT_HEADER, SCHEMA_HEADER, SEQUENCE_HEADER } from './publisher.ts';
import { committedAtHeader, type SourceBlock, sourceText } from './source-block.ts';
import { varintCharacter } from './varint.ts';

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
    this.headers = committedAt === undefined ? 2 : 3;
    this.opAt = tail.length;
    this.valueBytes = tail.length + 1 + end.length;
    const value = `${tail}c${end}`;
    const sequence = headerText(SEQUENCE_HEADER, sequencePrefix(epoch, commitOrdinal), ROW_DIGITS);
    const count = varintCharacter(this.headers) ?? '';
    const upToRow = value + count + sequence;
    this.rowDigitsAt = upToRow.length;
    const schema = headerText(SCHEMA_HEADER, route.schemaId);
    const late = committedAt === undefined ? '' : headerText(COMMITTED_AT_HEADER, committedAt);
    const rest = `${upToRow}${NO_DIGITS}${schema}${late}`;
    this.#room(3 * head.length + rest.length);
    this.headEnd = this.bytes.write(head, 0);
    // Digits, hex and our own names: one byte a character.
    this.end = this.headEnd + this.bytes.write(rest, this.headEnd, 'latin1');
  }

  #room(bytes: number): void {
    if (bytes > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(2 * bytes);
  }
}

const NO_DIGITS = '0'.repeat(ROW_DIGITS);

/** A header with its lengths; `more` bytes of the value follow elsewhere. */
function headerText(name: string, value: string, more = 0): string {
  const nameLength = varintCharacter(name.length);
  const valueLength = varintCharacter(value.length + more);
  if (nameLength === undefined || valueLength === undefined)
    throw new InvariantBroken(`header ${name} is longer than any of its kind`);
  return nameLength + name + valueLength + value;
}
