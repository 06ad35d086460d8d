const FIRST_BYTES = 4_096;
const MAX_VARINT_BYTES = 10;

const VARINT = 0;
const DOUBLE = 1;
const BYTES = 2;

/**
 * Writes protobuf messages, one after another, into one buffer that grows: the few kinds of fields
 * that the Storage Write API's rows and requests are made of. Numbers of fields are the caller's.
 */
export class ProtoWriter {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #end = 0;

  /** uint32, uint64, bool, enum, and int32 or int64 from zero on. */
  uint(field: number, value: number): this {
    this.#tag(field, VARINT);
    this.#varint(value);
    return this;
  }

  int64(field: number, value: bigint): this {
    if (value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER))
      return this.uint(field, Number(value));
    this.#tag(field, VARINT);
    this.#reserve(MAX_VARINT_BYTES);
    let rest = BigInt.asUintN(64, value);
    for (; rest > 0x7fn; rest >>= 7n) this.#byte(Number(rest & 0x7fn) | 0x80);
    this.#byte(Number(rest));
    return this;
  }

  double(field: number, value: number): this {
    this.#tag(field, DOUBLE);
    this.#reserve(8);
    this.#end = this.#buffer.writeDoubleLE(value, this.#end);
    return this;
  }

  text(field: number, value: string): this {
    const bytes = Buffer.byteLength(value);
    this.head(field, bytes);
    this.#reserve(bytes);
    this.#end += this.#buffer.write(value, this.#end, bytes, 'utf8');
    return this;
  }

  /** What stands before bytes, or before a message, that the caller puts behind it. */
  head(field: number, length: number): this {
    this.#tag(field, BYTES);
    this.#varint(length);
    return this;
  }

  /** Bytes, or a message that was written before. */
  bytes(field: number, value: Uint8Array): this {
    this.head(field, value.length);
    this.#reserve(value.length);
    this.#buffer.set(value, this.#end);
    this.#end += value.length;
    return this;
  }

  /** What was written since the last call, as a copy. */
  take(): Buffer {
    const message = Buffer.from(this.#buffer.subarray(0, this.#end));
    this.#end = 0;
    return message;
  }

  #tag(field: number, kind: number): void {
    this.#varint(field * 8 + kind);
  }

  #varint(value: number): void {
    this.#reserve(MAX_VARINT_BYTES);
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) this.#byte((rest % 0x80) | 0x80);
    this.#byte(rest);
  }

  #byte(value: number): void {
    this.#buffer[this.#end] = value;
    this.#end += 1;
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#end);
    this.#buffer = larger;
  }
}
