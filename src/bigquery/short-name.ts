import { createHash } from 'node:crypto';
import { MARK, markOfCut, numberedName } from '../view/name-escape.ts';

const HASH_DIGITS = 16;

/** The name, or its beginning and a hash of all of it, in so many bytes of UTF-8. */
export function shortName(name: string, maxBytes: number): string {
  if (Buffer.byteLength(name) <= maxBytes) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_DIGITS);
  const mark = markOfCut(hash);
  let start = '';
  let room = maxBytes - mark.length;
  for (const [part] of name.matchAll(PARTS)) {
    room -= Buffer.byteLength(part);
    if (room < 0) break;
    start += part;
  }
  return start + mark;
}

/** An escape is not cut: half of one would be read as something else. */
const PARTS = /_x[0-9A-F]+_|./gsu;

/** A name that is one of several, in so many bytes of UTF-8. */
export function shortNumberedName(name: string, number: number, maxBytes: number): string {
  return numberedName(shortName(name, maxBytes - MARK.length - String(number).length), number);
}
