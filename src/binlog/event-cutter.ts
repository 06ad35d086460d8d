import { SluiceError } from '../errors/error.ts';
import { HEADER_BYTES } from './event-header.ts';

/** Where an event lies: header and body, without checksum. */
export interface CutEvent {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** No byte is left behind it. */
  readonly isLast: boolean;
}

const SIZE_AT = 9;

/**
 * Cuts events that follow one another from chunks that may end anywhere. An event that lies whole in
 * its chunk is left there, any other is copied once.
 */
export class EventCutter {
  /** Bytes that are still to be handed out as events. */
  #left: number;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  /** What is being put together: a header, and then the event it belongs to. */
  #part: Buffer = this.#header;
  #filled = 0;

  /** @param bytes  of all events together */
  constructor(bytes: number) {
    this.#left = bytes;
  }

  /**
   * The events that end in the chunk; walk them to the end before the next chunk is given.
   * @throws {SluiceError} `binlog.truncated`
   */
  *cut(chunk: Buffer): Generator<CutEvent, void, undefined> {
    for (let at = 0; at < chunk.length; ) {
      const end = this.#filled === 0 ? this.#endOf(chunk, at) : Infinity;
      if (end <= chunk.length) {
        yield this.#event(chunk, at, end);
        at = end;
        continue;
      }
      const taken = chunk.copy(this.#part, this.#filled, at);
      at += taken;
      this.#filled += taken;
      if (!this.#isWhole()) continue;
      const event = this.#part;
      this.#part = this.#header;
      this.#filled = 0;
      yield this.#event(event, 0, event.length);
    }
  }

  /** @throws {SluiceError} `binlog.truncated` when the last chunk did not end with the last event */
  finish(): void {
    if (this.#left !== 0) throw truncated(`${this.#left} bytes of its events are missing`);
  }

  /** Where the event that begins here ends; infinite when not even its header is whole. */
  #endOf(chunk: Buffer, at: number): number {
    return chunk.length - at < HEADER_BYTES ? Infinity : at + this.#sizeIn(chunk, at);
  }

  #isWhole(): boolean {
    if (this.#filled < this.#part.length) return false;
    if (this.#part !== this.#header) return true;
    const event = Buffer.allocUnsafe(this.#sizeIn(this.#header, 0));
    this.#header.copy(event);
    this.#part = event;
    return event.length === HEADER_BYTES;
  }

  #sizeIn(bytes: Buffer, at: number): number {
    const size = bytes.readUInt32LE(at + SIZE_AT);
    if (size < HEADER_BYTES || size > this.#left)
      throw truncated(`an event in it says it has ${size} bytes, and ${this.#left} are left`);
    return size;
  }

  #event(bytes: Buffer, start: number, end: number): CutEvent {
    this.#left -= end - start;
    return { bytes, start, end, isLast: this.#left === 0 };
  }
}

function truncated(how: string): SluiceError {
  return new SluiceError('binlog.truncated', `A compressed transaction is damaged: ${how}.`);
}
