import type { HexText, InvalidText } from '../change/encoded-row.ts';

type Image = 'before' | 'after';

/**
 * A header's value: JSON list of what stands for values that are no texts, image by image.
 *
 *     [{"image":"after","column":"note","done":"replaced","was":"0x4181"}]
 *     [{"image":"after","column":"note","done":"bytes"}]
 *
 * `replaced`: the value has U+FFFD in it, and `was` is what it has been. `bytes`: the value is what
 * `was` would be.
 */
export function invalidTextHeader(
  before: readonly InvalidText[] = [],
  after: readonly InvalidText[] = [],
): string {
  const entries = (image: Image, texts: readonly InvalidText[]): readonly object[] =>
    texts.map((text) => ({ image, ...text }));
  return JSON.stringify([...entries('before', before), ...entries('after', after)]);
}

/**
 * What such a header says of one image.
 * @throws {Error} when it is none that Sluice wrote
 */
export function readInvalidTextHeader(json: string, image: Image): readonly InvalidText[] {
  const entries: unknown = JSON.parse(json);
  if (!Array.isArray(entries)) throw new Error('not a list');
  return entries.map(readEntry).flatMap((entry) => (entry.image === image ? [entry.text] : []));
}

function readEntry(entry: unknown): { readonly image: unknown; readonly text: InvalidText } {
  const { image, column, done, was } = Object(entry) as Record<string, unknown>;
  if (typeof column === 'string' && (image === 'before' || image === 'after')) {
    if (done === 'bytes') return { image, text: { column, done } };
    if (done === 'replaced' && isHexText(was)) return { image, text: { column, done, was } };
  }
  throw new Error('not what stands for a text');
}

export function isHexText(value: unknown): value is HexText {
  return typeof value === 'string' && /^0x(?:[0-9A-F]{2})*$/.test(value);
}
