import { sequencePrefix } from '../change/sequence.ts';
import { InvariantBroken } from '../errors/error.ts';
import type { TableRoute } from './envelope.ts';
import { COMMITTED_AT_HEADER, SCHEMA_HEADER, SEQUENCE_HEADER } from './publisher.ts';
import {
  committedAtHeader,
  pieceText,
  type SourceBlock,
  type SourcePiece,
  sourcePieces,
  type VaryingNumber,
} from './source-block.ts';
import { varintCharacter } from './varint.ts';

/** Digits of a sequence that name the row. */
export const ROW_DIGITS = 8;

const FIRST_BYTES = 2048;
const ORDINAL_DIGITS = 16;
const HEX_DIGITS = Buffer.from('0123456789ABCDEF');
const ZERO = 0x30;

const VARYING: readonly VaryingNumber[] = ['tsMs', 'tsUs', 'pos', 'nowMs', 'committedAtUs'];

/** A number in the bytes, by its index in {@link VARYING}: with as many digits it is written again in its place. */
interface Slot {
  readonly at: number;
  readonly number: number;
  readonly digits: number;
}

/**
 * What the records of one rows event have in common, as bytes in two pieces: the envelope from
 * behind the row images to the row's index, and everything behind that index, headers included.
 *
 * The second piece has places for what differs: the operation, the number of headers, and the last
 * digits of the sequence. For the next event of the same table only the digits that have changed are
 * written; where anything else did, or a number has more digits, all of it is made anew.
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
  #made:
    | { readonly route: TableRoute; readonly source: SourceBlock; readonly epoch: number }
    | undefined;
  #late = false;
  #slots: Slot[] = [];
  /** As the event at hand has the {@link VARYING} numbers, and as the bytes have them. */
  readonly #values = new Float64Array(VARYING.length);
  readonly #written = new Float64Array(VARYING.length);
  /** From here to below there each keeps its digits. */
  readonly #from = new Float64Array(VARYING.length);
  readonly #below = new Float64Array(VARYING.length);
  #gtidAt = 0;
  /** The GTID up to its transaction number. */
  #gtidSource = '';
  #ordinalAt = 0;

  fill(route: TableRoute, source: SourceBlock, epoch: number, commitOrdinal: number): void {
    setValues(this.#values, source);
    if (this.#isLike(route, source, epoch)) this.#renew(source.gtid);
    else this.#make(route, source, epoch);
    this.#writeOrdinal(commitOrdinal);
  }

  /** Whether the bytes for this event differ from those at hand in digits alone. */
  #isLike(route: TableRoute, source: SourceBlock, epoch: number): boolean {
    const made = this.#made;
    if (made?.route !== route || made.epoch !== epoch) return false;
    const before = made.source;
    return (
      source.file === before.file &&
      source.table === before.table &&
      source.database === before.database &&
      source.serverId === before.serverId &&
      source.threadId === before.threadId &&
      source.snapshot === before.snapshot &&
      source.pipeline === before.pipeline &&
      source.connector === before.connector &&
      this.#sameGtidSource(source.gtid, before.gtid) &&
      isLate(source) === this.#late &&
      this.#fit()
    );
  }

  #sameGtidSource(gtid: string | null, before: string | null): boolean {
    if (gtid === null || before === null) return gtid === before;
    return (
      gtid.length === before.length &&
      gtid.startsWith(this.#gtidSource) &&
      gtid.lastIndexOf(':') < this.#gtidSource.length
    );
  }

  #fit(): boolean {
    for (let number = 0; number < VARYING.length; number += 1) {
      const value = this.#values[number] ?? 0;
      if (value < (this.#from[number] ?? 0) || value >= (this.#below[number] ?? 0)) return false;
    }
    return true;
  }

  #renew(gtid: string | null): void {
    for (const { at, number, digits } of this.#slots) {
      const value = this.#values[number] ?? 0;
      if (this.#written[number] !== value) writeDigits(this.bytes, at, digits, value);
    }
    this.#written.set(this.#values);
    if (gtid === null) return;
    for (let index = this.#gtidSource.length; index < gtid.length; index += 1)
      this.bytes[this.#gtidAt + index] = gtid.charCodeAt(index);
  }

  #make(route: TableRoute, source: SourceBlock, epoch: number): void {
    const { head, tail, end } = sourcePieces(source);
    const late = committedAtHeader(source);
    this.#slots = [];
    this.#late = late !== undefined;
    this.#written.set(this.#values);
    this.#from.fill(-Infinity);
    this.#below.fill(Infinity);
    this.end = 0;
    for (const piece of head) this.#append(piece);
    this.headEnd = this.end;
    this.#append(tail);
    this.opAt = this.end - this.headEnd;
    this.#append('c');
    for (const piece of end) this.#append(piece);
    this.valueBytes = this.end - this.headEnd;
    this.headers = late === undefined ? 2 : 3;
    this.#append(varintCharacter(this.headers) ?? '');
    this.#append(headerText(SEQUENCE_HEADER, sequencePrefix(epoch, 0), ROW_DIGITS));
    this.#ordinalAt = this.end - 1 - ORDINAL_DIGITS;
    this.rowDigitsAt = this.end - this.headEnd;
    this.#append(NO_DIGITS + headerText(SCHEMA_HEADER, route.schemaId));
    if (late !== undefined) {
      this.#append(headerText(COMMITTED_AT_HEADER, '', late.length));
      this.#append({ number: 'committedAtUs', value: source.committedAtUs ?? 0, zeros: '' });
    }
    this.#made = { route, source, epoch };
  }

  #append(piece: SourcePiece): void {
    const text = pieceText(piece);
    this.#room(3 * text.length);
    if (typeof piece !== 'string') this.#place(piece);
    this.end += this.bytes.write(text, this.end);
  }

  #place(piece: Exclude<SourcePiece, string>): void {
    if ('gtid' in piece) {
      this.#gtidAt = this.end + '"'.length;
      this.#gtidSource = piece.gtid.slice(0, piece.gtid.lastIndexOf(':') + 1);
      return;
    }
    const { value } = piece;
    const number = VARYING.indexOf(piece.number);
    const digits = String(value).length;
    this.#slots.push({ at: this.end, number, digits });
    // Zero is zero in every unit, other numbers have more digits in a finer one.
    const [from, below] = value === 0 ? [0, 1] : [10 ** (digits - 1), 10 ** digits];
    this.#from[number] = from;
    this.#below[number] = below;
  }

  #writeOrdinal(commitOrdinal: number): void {
    const high = Math.floor(commitOrdinal / 2 ** 32);
    for (let digit = 0; digit < ORDINAL_DIGITS / 2; digit += 1) {
      const shift = 28 - 4 * digit;
      const at = this.#ordinalAt + digit;
      this.bytes[at] = HEX_DIGITS[(high >>> shift) & 15] ?? ZERO;
      this.bytes[at + ORDINAL_DIGITS / 2] = HEX_DIGITS[(commitOrdinal >>> shift) & 15] ?? ZERO;
    }
  }

  #room(bytes: number): void {
    if (this.end + bytes <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(2 * (this.end + bytes));
    this.bytes.copy(grown, 0, 0, this.end);
    this.bytes = grown;
  }
}

function isLate(source: SourceBlock): boolean {
  return source.committedAtUs !== undefined && source.committedAtUs > source.tsUs;
}

/** In the order of {@link VARYING}. */
function setValues(values: Float64Array, source: SourceBlock): void {
  values[0] = Math.floor(source.tsUs / 1000);
  values[1] = source.tsUs;
  values[2] = source.pos;
  values[3] = source.nowMs;
  values[4] = source.committedAtUs ?? 0;
}

/** A whole number of exactly so many digits, which may be beyond 2^31. */
function writeDigits(out: Buffer, start: number, digits: number, value: number): void {
  if (digits <= 9) {
    let rest = value | 0;
    for (let at = start + digits - 1; at >= start; at -= 1) {
      const tenth = (rest / 10) | 0;
      out[at] = ZERO + rest - 10 * tenth;
      rest = tenth;
    }
    return;
  }
  const high = Math.floor(value / 1e9);
  writeDigits(out, start, digits - 9, high);
  writeDigits(out, start + digits - 9, 9, value - 1e9 * high);
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
