import type { InvalidText } from '../change/encoded-row.ts';
import { InvariantBroken } from '../errors/error.ts';

const FIRST_BYTES = 16_384;
/** Of a buffer for one row. */
const LARGEST_KEPT_BYTES = 1 << 20;
/** Up to here a loop that copies and checks is faster than a check and a native copy. */
const SHORT_TEXT_BYTES = 48;

const ESCAPED = 1;
const HIGH = 2;
/** What a byte of a text needs: nothing, an escape, or a look at its neighbours. */
const NEEDS = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x80 ? HIGH : byte < 0x20 || byte === 0x22 || byte === 0x5c ? ESCAPED : 0,
);
const ESCAPES: readonly Buffer[] = Array.from({ length: 0x5d }, (_, byte) =>
  Buffer.from(JSON.stringify(String.fromCharCode(byte)).slice(1, -1)),
);
const LONGEST_ESCAPE = 6;

const QUOTE = 0x22;
const ZERO = 0x30;
const MINUS = 0x2d;
const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const PAD = 0x3d;

/**
 * JSON written as bytes, into a buffer that grows and is used again for the next row.
 *
 * Room is asked for by `ensure`, once for everything of bounded size and again before every text:
 * only `ensure` and what says so below checks it. `reserved` is what a text must leave free behind
 * it for the parts that do not ask.
 */
export class JsonBytes {
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  at = 0;
  reserved = 0;
  /** What stands for texts that are none, in the image being written; whoever ends the image takes them. */
  invalid: InvalidText[] | undefined;
  readonly #largestKeptBytes: number;

  /** @param largestKeptBytes  what may be kept for the next use; a buffer that grew beyond is given up */
  constructor(largestKeptBytes = LARGEST_KEPT_BYTES) {
    this.#largestKeptBytes = largestKeptBytes;
  }

  /** Begins again. What was handed out as offsets of `bytes` is void. */
  clear(): void {
    this.at = 0;
    this.invalid = undefined;
    if (this.bytes.length > this.#largestKeptBytes)
      this.bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  }

  ensure(room: number): void {
    if (this.at + room > this.bytes.length) this.#grow(room);
  }

  #grow(room: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, this.at + room));
    this.bytes.copy(grown, 0, 0, this.at);
    this.bytes = grown;
  }

  byte(value: number): void {
    this.bytes[this.at++] = value;
  }

  /** Bytes that are JSON already. */
  raw(json: Buffer): void {
    this.bytes.set(json, this.at);
    this.at += json.length;
  }

  /** ASCII that is JSON already, from another buffer, of about a number's length; makes room itself. */
  verbatim(source: Buffer, start: number, end: number): void {
    this.ensure(end - start + this.reserved);
    const { bytes, at } = this;
    for (let index = start; index < end; index += 1) bytes[at + index - start] = source[index] ?? 0;
    this.at = at + end - start;
  }

  /** A part of what was written before, once more. */
  repeat(start: number, end: number): void {
    this.bytes.copyWithin(this.at, start, end);
    this.at += end - start;
  }

  /** Takes out a few bytes written before. */
  remove(start: number, count: number): void {
    this.bytes.copyWithin(start, start + count, this.at);
    this.at -= count;
  }

  /** ASCII that is JSON already, of a number's length. */
  ascii(json: string): void {
    this.at += this.bytes.write(json, this.at, 'latin1');
  }

  /** A whole number that a double holds exactly, or any other finite number. */
  number(value: number): void {
    if (Number.isSafeInteger(value) && (value !== 0 || !Object.is(value, -0))) {
      if (value < 0) this.byte(MINUS);
      this.digits(Math.abs(value));
      return;
    }
    if (!Number.isFinite(value)) throw new InvariantBroken('a column value is not a finite number');
    this.ascii(Object.is(value, -0) ? '-0' : String(value));
  }

  /** A whole number from 0 to 2^53 − 1. */
  digits(value: number): void {
    if (value < 1e9) {
      this.#digits(value, digitsOf(value));
      return;
    }
    const high = Math.floor(value / 1e9);
    this.#digits(high, digitsOf(high));
    this.#digits(value - high * 1e9, 9);
  }

  /** The last `width` digits, at most nine, with leading zeros. */
  padded(value: number, width: number): void {
    this.#digits(value, width);
  }

  #digits(value: number, width: number): void {
    const { bytes } = this;
    const start = this.at;
    let rest = value | 0;
    for (let at = start + width - 1; at >= start; at -= 1) {
      const tenth = (rest / 10) | 0;
      bytes[at] = ZERO + rest - tenth * 10;
      rest = tenth;
    }
    this.at = start + width;
  }

  /**
   * ASCII or UTF-8 bytes as a JSON text; makes room itself.
   * @returns whether a byte above 0x7f is among them: the caller knows whether that is UTF-8
   */
  text(source: Buffer, start: number, end: number): boolean {
    const length = end - start;
    this.ensure(length + 2 + this.reserved);
    const { bytes, at } = this;
    bytes[at] = QUOTE;
    let needs = 0;
    if (length <= SHORT_TEXT_BYTES) {
      for (let index = 0; index < length; index += 1) {
        const byte = source[start + index] ?? 0;
        bytes[at + 1 + index] = byte;
        needs |= NEEDS[byte] ?? 0;
      }
    } else {
      for (let index = start; index < end; index += 1) needs |= NEEDS[source[index] ?? 0] ?? 0;
      if ((needs & ESCAPED) === 0) source.copy(bytes, at + 1, start, end);
    }
    this.at = at + 1;
    if ((needs & ESCAPED) === 0) this.at += length;
    else this.#escaped(source, start, end);
    this.byte(QUOTE);
    return needs >= HIGH;
  }

  #escaped(source: Buffer, start: number, end: number): void {
    let run = start;
    for (let index = start; index < end; index += 1) {
      const byte = source[index] ?? 0;
      if (NEEDS[byte] !== ESCAPED) continue;
      this.ensure(end - run + LONGEST_ESCAPE + 1 + this.reserved);
      this.#copy(source, run, index);
      this.raw(ESCAPES[byte] ?? Buffer.alloc(0));
      run = index + 1;
    }
    this.ensure(end - run + 1 + this.reserved);
    this.#copy(source, run, end);
  }

  #copy(source: Buffer, start: number, end: number): void {
    source.copy(this.bytes, this.at, start, end);
    this.at += end - start;
  }

  /** Any text as JSON has it; makes room itself. */
  string(text: string): void {
    const json = JSON.stringify(text);
    this.ensure(3 * json.length + this.reserved);
    this.at += this.bytes.write(json, this.at, 'utf8');
  }

  /** Says of the value just written that it stands for one that is no text. */
  note(text: InvalidText): void {
    this.invalid ??= [];
    this.invalid.push(text);
  }

  /** Base64 in quotes; makes room itself. */
  base64(source: Buffer, start: number, end: number): void {
    this.ensure(4 * Math.ceil((end - start) / 3) + 2 + this.reserved);
    this.byte(QUOTE);
    if (end - start <= SHORT_TEXT_BYTES) this.#shortBase64(source, start, end);
    else this.at += this.bytes.write(source.toString('base64', start, end), this.at, 'latin1');
    this.byte(QUOTE);
  }

  #shortBase64(source: Buffer, start: number, end: number): void {
    for (let index = start; index < end; index += 3) {
      const left = end - index;
      const first = source[index] ?? 0;
      const second = left > 1 ? (source[index + 1] ?? 0) : 0;
      const third = left > 2 ? (source[index + 2] ?? 0) : 0;
      this.byte(BASE64[first >> 2] ?? 0);
      this.byte(BASE64[((first & 3) << 4) | (second >> 4)] ?? 0);
      this.byte(left > 1 ? (BASE64[((second & 15) << 2) | (third >> 6)] ?? 0) : PAD);
      this.byte(left > 2 ? (BASE64[third & 63] ?? 0) : PAD);
    }
  }
}

function digitsOf(value: number): number {
  if (value < 1e4) return value < 100 ? (value < 10 ? 1 : 2) : value < 1000 ? 3 : 4;
  if (value < 1e6) return value < 1e5 ? 5 : 6;
  return value < 1e8 ? (value < 1e7 ? 7 : 8) : 9;
}
