import { SluiceError } from '../errors/error.ts';
import { HEADER_BYTES } from './event-header.ts';

/** Where an event lies until the next one is asked for: header and body, without checksum. */
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
 * its chunk is left there, any other is copied once, into the same buffer again and again: of what is
 * dead at once the collector lets tens of megabytes come together.
 */
export class EventCutter {
  /** Bytes that are still to be handed out as events. */
  #left: number;
  /** What is being put together, from its header on. */
  #part: Buffer = Buffer.alloc(HEADER_BYTES);
  #filled = 0;
  /** What it has to be filled to: the header at first, which then says the rest. */
  #wanted = HEADER_BYTES;

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
      const taken = Math.min(this.#wanted - this.#filled, chunk.length - at);
      chunk.copy(this.#part, this.#filled, at, at + taken);
      at += taken;
      this.#filled += taken;
      if (!this.#isWhole()) continue;
      const size = this.#filled;
      this.#filled = 0;
      this.#wanted = HEADER_BYTES;
      yield this.#event(this.#part, 0, size);
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
    if (this.#filled < this.#wanted) return false;
    if (this.#filled > HEADER_BYTES) return true;
    this.#wanted = this.#sizeIn(this.#part, 0);
    if (this.#wanted > this.#part.length) {
      const header = this.#part;
      this.#part = Buffer.allocUnsafe(this.#wanted);
      header.copy(this.#part, 0, 0, HEADER_BYTES);
    }
    return this.#wanted === HEADER_BYTES;
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
