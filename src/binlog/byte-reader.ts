import { SluiceError } from '../errors/error.ts';

const TWO_32 = 2 ** 32;

/**
 * A bounded cursor over the bytes of one event. Little-endian. Every read checks the end: the bytes
 * come from a disk and a network.
 *
 * Strings and numbers are copies; `bytes` and `sub` give views into the event's buffer.
 */
export class ByteReader {
  readonly buffer: Buffer;
  readonly end: number;
  at: number;

  constructor(buffer: Buffer, at: number, end: number) {
    this.buffer = buffer;
    this.at = at;
    this.end = end;
  }

  get left(): number {
    return this.end - this.at;
  }

  /**
   * Moves over `count` bytes and answers where they start.
   * @throws {SluiceError} `binlog.truncated`
   */
  take(count: number): number {
    const start = this.at;
    if (count < 0 || start + count > this.end) throw this.truncated(count);
    this.at = start + count;
    return start;
  }

  u8(): number {
    return this.buffer[this.take(1)] ?? 0;
  }
  u16(): number {
    return this.buffer.readUInt16LE(this.take(2));
  }
  u24(): number {
    return this.buffer.readUIntLE(this.take(3), 3);
  }
  u32(): number {
    return this.buffer.readUInt32LE(this.take(4));
  }
  u48(): number {
    return this.buffer.readUIntLE(this.take(6), 6);
  }
  u56(): number {
    const start = this.take(7);
    return this.buffer.readUInt32LE(start) + this.buffer.readUIntLE(start + 4, 3) * TWO_32;
  }
  u64(): bigint {
    return this.buffer.readBigUInt64LE(this.take(8));
  }

  /** A 64-bit length, count, position or transaction number, which no number of ours may exceed. */
  u64Number(): number {
    const start = this.take(8);
    const high = this.buffer.readUInt32LE(start + 4);
    if (high > 0x1fffff)
      throw new SluiceError(
        'binlog.truncated',
        `The number at byte ${start} of an event is beyond 2^53 − 1.`,
      );
    return high * TWO_32 + this.buffer.readUInt32LE(start);
  }

  bytes(count: number): Buffer {
    const start = this.take(count);
    return this.buffer.subarray(start, start + count);
  }

  utf8(count: number): string {
    const start = this.take(count);
    return this.buffer.toString('utf8', start, start + count);
  }

  /**
   * Length-encoded integer: one byte below 0xfb, else 0xfc, 0xfd or 0xfe and 2, 3 or 8 bytes.
   * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_dt_integers.html
   */
  lengthEncoded(): number {
    const first = this.u8();
    if (first < 0xfb) return first;
    switch (first) {
      case 0xfc:
        return this.u16();
      case 0xfd:
        return this.u24();
      case 0xfe:
        return this.u64Number();
      default:
        throw new SluiceError(
          'binlog.truncated',
          `An event has 0x${first.toString(16)} at byte ${this.at - 1}, where a length should be.`,
        );
    }
  }

  lengthEncodedBytes(): Buffer {
    return this.bytes(this.lengthEncoded());
  }

  /** The next `count` bytes as a reader of their own. */
  sub(count: number): ByteReader {
    const start = this.take(count);
    return new ByteReader(this.buffer, start, start + count);
  }

  truncated(wanted: number): SluiceError {
    return new SluiceError(
      'binlog.truncated',
      `A field of ${wanted} bytes at byte ${this.at} does not fit into its event, which has ${this.left} left.`,
    );
  }
}
