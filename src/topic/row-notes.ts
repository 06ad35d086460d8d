import type { InvalidText } from '../change/encoded-row.ts';
import { invalidTextHeader } from './invalid-text-header.ts';
import { BEFORE_HEADER, INVALID_TEXT_HEADER } from './publisher.ts';
import { varintSize, writeVarint } from './varint.ts';

/** Headers that few records have, as they are in a record. */
export interface RowNotes {
  readonly headers: number;
  readonly bytes: Buffer;
}

/** Of an update whose `before` is its key. */
export const KEY_BEFORE: RowNotes = noteOf(BEFORE_HEADER, 'key');

/**
 * What a record says of values in its images that stand for texts which are none.
 * @param known  what it says besides
 */
export function withInvalidTexts(
  known: RowNotes | undefined,
  before: readonly InvalidText[] | undefined,
  after: readonly InvalidText[] | undefined,
): RowNotes {
  const note = noteOf(INVALID_TEXT_HEADER, invalidTextHeader(before, after));
  if (!known) return note;
  return {
    headers: known.headers + note.headers,
    bytes: Buffer.concat([known.bytes, note.bytes]),
  };
}

function noteOf(name: string, value: string): RowNotes {
  const [nameBytes, valueBytes] = [Buffer.from(name), Buffer.from(value)];
  const bytes = Buffer.alloc(
    varintSize(nameBytes.length) +
      nameBytes.length +
      varintSize(valueBytes.length) +
      valueBytes.length,
  );
  let at = writeVarint(bytes, 0, nameBytes.length);
  at += nameBytes.copy(bytes, at);
  at = writeVarint(bytes, at, valueBytes.length);
  valueBytes.copy(bytes, at);
  return { headers: 1, bytes };
}
