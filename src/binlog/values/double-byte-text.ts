import {
  type Correction,
  DOUBLE_BYTE_CHARSETS,
  type DoubleByteCharset,
  NONE,
} from './double-byte-charsets.ts';

/** Both answers for bytes from `start` to before `end`. */
export interface DoubleByteText {
  /** `undefined` for bytes that are no character. */
  readonly decode: (buffer: Buffer, start: number, end: number) => string | undefined;
  /** U+FFFD for bytes that are no character; a byte that is ASCII by itself stays. */
  readonly replace: (buffer: Buffer, start: number, end: number) => string;
}

/**
 * One of the charsets of one or two (EUC: three, GB 18030: four) bytes a character, as the server
 * converts it; `undefined` for any other charset.
 */
export function doubleByteText(charset: string): DoubleByteText | undefined {
  const definition = DOUBLE_BYTE_CHARSETS[charset];
  if (!definition) return undefined;
  let tables: Tables | undefined;
  return {
    decode: (buffer, start, end) => {
      tables ??= buildTables(charset, definition);
      return decode(buffer, start, end, definition, tables);
    },
    replace: (buffer, start, end) => {
      tables ??= buildTables(charset, definition);
      return replace(buffer, start, end, definition, tables);
    },
  };
}

/** Character by code; 0 where there is none. Codes are a single byte, or a pair big-endian. */
interface Tables {
  readonly pairs: Uint16Array;
  /** The last two bytes of three that begin with 0x8f. */
  readonly triples: Uint16Array;
  readonly decoder: InstanceType<typeof TextDecoder>;
}

function buildTables(charset: string, definition: DoubleByteCharset): Tables {
  const decoder = new TextDecoder(definition.label, { fatal: true, ignoreBOM: true });
  const character = (...bytes: readonly number[]): number => {
    try {
      const text = decoder.decode(Uint8Array.from(bytes));
      return text.length === 1 ? text.charCodeAt(0) : NONE;
    } catch {
      return NONE;
    }
  };
  const pairs = new Uint16Array(0x10000);
  const triples = new Uint16Array(definition.threeBytes ? 0x10000 : 0);
  for (let lead = 0x81; lead <= 0xfe; lead += 1) {
    if (definition.katakana && lead >= 0xa1 && lead <= 0xdf) {
      pairs[lead] = character(lead);
      continue;
    }
    for (let trail = definition.lowestTrail ?? 0x40; trail <= 0xfe; trail += 1) {
      pairs[(lead << 8) | trail] = character(lead, trail);
      if (definition.threeBytes) triples[(lead << 8) | trail] = character(0x8f, lead, trail);
    }
  }
  for (const correction of definition.corrections) apply(correction, pairs, triples);
  if (charset === 'euckr') addUnifiedHangul(pairs);
  return { pairs, triples, decoder };
}

function apply(correction: Correction, pairs: Uint16Array, triples: Uint16Array): void {
  const [first, second, character] = correction;
  const table = first > 0xffff ? triples : pairs;
  const code = first & 0xffff;
  if (typeof second === 'string')
    for (let index = 0; index < second.length; index += 1)
      table[code + index] = second.charCodeAt(index);
  else if (character === NONE) table.fill(NONE, code, (second & 0xffff) + 1);
  else
    for (let offset = 0; first + offset <= second; offset += 1)
      table[code + offset] = (character ?? NONE) + offset;
}

const HANGUL_FIRST = 0xac00;

/**
 * Unified Hangul Code: the syllables that KS X 1001 lacks, in Unicode's order, in the cells that it
 * leaves free: letters and 0x81 upwards as second byte, below 0xa1 from lead byte 0xa1 on.
 */
function addUnifiedHangul(pairs: Uint16Array): void {
  const standard = new Set(pairs.subarray(0xb0a1, 0xc8ff));
  let syllable = HANGUL_FIRST;
  for (let lead = 0x81; lead <= 0xc6; lead += 1) {
    const last = lead === 0xc6 ? 0x52 : lead < 0xa1 ? 0xfe : 0xa0;
    for (let trail = 0x41; trail <= last; trail += 1) {
      if ((trail > 0x5a && trail < 0x61) || (trail > 0x7a && trail < 0x81)) continue;
      while (standard.has(syllable)) syllable += 1;
      pairs[(lead << 8) | trail] = syllable;
      syllable += 1;
    }
  }
}

const THREE_BYTES = 0x8f;

function decode(
  buffer: Buffer,
  start: number,
  end: number,
  { threeBytes = false, fourBytes = false }: DoubleByteCharset,
  { pairs, triples, decoder }: Tables,
): string | undefined {
  let text = '';
  for (let at = start; at < end; ) {
    const lead = buffer[at] ?? 0;
    const trail = at + 1 < end ? (buffer[at + 1] ?? 0) : 0;
    if (fourBytes && lead > 0x7f && trail >= 0x30 && trail <= 0x39) {
      const character = decodeFour(decoder, buffer.subarray(at, Math.min(at + 4, end)));
      if (character === undefined) return undefined;
      text += character;
      at += 4;
      continue;
    }
    let code = lead < 0x80 ? lead : (pairs[lead] ?? NONE);
    let bytes = 1;
    if (lead >= 0x80 && code === NONE) {
      bytes = threeBytes && lead === THREE_BYTES ? 3 : 2;
      if (at + bytes > end) return undefined;
      code =
        (bytes === 2
          ? pairs[(lead << 8) | trail]
          : triples[(trail << 8) | (buffer[at + 2] ?? 0)]) ?? NONE;
      if (code === NONE) return undefined;
    }
    text += String.fromCharCode(code);
    at += bytes;
  }
  return text;
}

/** Stands for bytes that are no character. */
export const REPLACEMENT = '\ufffd';

function replace(
  buffer: Buffer,
  start: number,
  end: number,
  definition: DoubleByteCharset,
  tables: Tables,
): string {
  let text = '';
  for (let at = start; at < end; ) {
    const bytes = buffer.subarray(at, Math.min(at + lengthAt(buffer, at, definition, tables), end));
    const character = decode(bytes, 0, bytes.length, definition, tables);
    text += character ?? REPLACEMENT;
    at += character === undefined && hidesAscii(bytes) ? 1 : bytes.length;
  }
  return text;
}

/** Of the character that the bytes there would be. */
function lengthAt(
  buffer: Buffer,
  at: number,
  { threeBytes = false, fourBytes = false }: DoubleByteCharset,
  { pairs }: Tables,
): number {
  const lead = buffer[at] ?? 0;
  if (fourBytes && lead > 0x7f && isDigit(buffer[at + 1])) return 4;
  if (lead < 0x80 || (pairs[lead] ?? NONE) !== NONE) return 1;
  return threeBytes && lead === THREE_BYTES ? 3 : 2;
}

/** Whether bytes that are no character may have others among them: a damaged one does not take its neighbours along. */
function hidesAscii(bytes: Buffer): boolean {
  const isWholeFour = bytes.length === 4 && (bytes[2] ?? 0) > 0x7f && isDigit(bytes[3]);
  return !isWholeFour && bytes.some((byte) => byte < 0x80);
}

const isDigit = (byte = 0): boolean => byte >= 0x30 && byte <= 0x39;

/** One character from four bytes; the runtime's decoder reads damaged ones as several. */
function decodeFour(decoder: Tables['decoder'], bytes: Buffer): string | undefined {
  try {
    const text = decoder.decode(bytes);
    const isOne = text === String.fromCodePoint(text.codePointAt(0) ?? 0);
    return isOne && bytes.length === 4 ? text : undefined;
  } catch {
    return undefined;
  }
}
