/** A field as it is on the wire: a number, or the bytes of a text or message. Others are left out. */
export interface ProtoField {
  readonly field: number;
  readonly value: bigint | Buffer;
}

const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

/**
 * The fields of a protobuf message in the order they came.
 * @throws {RangeError} when the message ends amid a field
 */
export function readFields(message: Uint8Array): readonly ProtoField[] {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const fields: ProtoField[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at);
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const [field, kind] = [Math.floor(tag / 8), tag % 8];
    if (kind === 0) fields.push({ field, value: varint() });
    else {
      const length = kind === 2 ? Number(varint()) : FIXED_BYTES[kind];
      if (length === undefined || at + length > bytes.length)
        throw new RangeError(`field ${field} ends beyond its message`);
      if (kind === 2) fields.push({ field, value: bytes.subarray(at, at + length) });
      at += length;
    }
  }
  return fields;
}

/** The last number of a field, as protobuf has it; zero when it is not there. */
export function numberAt(fields: readonly ProtoField[], field: number): bigint {
  const value = fields.findLast((one) => one.field === field)?.value;
  return typeof value === 'bigint' ? BigInt.asIntN(64, value) : 0n;
}

/** The messages or texts of a field, in order. */
export function bytesAt(fields: readonly ProtoField[], field: number): readonly Buffer[] {
  return fields.flatMap((one) =>
    one.field === field && typeof one.value !== 'bigint' ? [one.value] : [],
  );
}
