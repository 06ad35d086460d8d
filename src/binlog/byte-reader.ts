import { SluiceError } from '../errors/error.ts';

/**
 * A bounded cursor over the bytes of one event. Little-endian unless a name says BE. Every read
 * checks the end: the bytes come from a disk and a network.
 *
 * Strings and numbers are copies; `bytes` gives views into the event's buffer.
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
    return this.buffer.readUIntLE(start, 4) + this.buffer.readUIntLE(start + 4, 3) * 2 ** 32;
  }
  u64(): bigint {
    return this.buffer.readBigUInt64LE(this.take(8));
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
    if (first === 0xfc) return this.u16();
    if (first === 0xfd) return this.u24();
    const wide = this.u64();
    if (wide > BigInt(Number.MAX_SAFE_INTEGER)) throw this.truncated(Number.MAX_SAFE_INTEGER);
    return Number(wide);
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
      `An event ends ${wanted - this.left} bytes before the field at byte ${this.at} does.`,
    );
  }
}
