/** Bytes a zigzag varint takes; any integer whose double is exact. */
export function varintSize(value: number): number {
  let zigzag = value < 0 ? -2 * value - 1 : 2 * value;
  if (zigzag < 128) return 1;
  if (zigzag < 16_384) return 2;
  let size = 3;
  for (zigzag = Math.floor(zigzag / 2_097_152); zigzag > 0; zigzag = Math.floor(zigzag / 128))
    size++;
  return size;
}

/** Writes a zigzag varint (varlong when it needs more than five bytes) and returns the offset behind it. */
export function writeVarint(out: Buffer, at: number, value: number): number {
  let next = at;
  let zigzag = value < 0 ? -2 * value - 1 : 2 * value;
  for (; zigzag >= 0x80000000; zigzag = Math.floor(zigzag / 128))
    out[next++] = (zigzag % 128) | 128;
  for (; zigzag >= 128; zigzag >>>= 7) out[next++] = (zigzag & 127) | 128;
  out[next++] = zigzag;
  return next;
}

const LONGEST_SHORT_LENGTH = 63;
/** The varint of a small length or count is one byte, and an ASCII character. */
const VARINT_CHARACTERS = Array.from({ length: LONGEST_SHORT_LENGTH + 1 }, (_, value) =>
  String.fromCharCode(2 * value),
);

/** A varint as text, so that it is written together with what follows; `undefined` when it takes more than a byte. */
export function varintCharacter(value: number): string | undefined {
  return VARINT_CHARACTERS[value];
}
