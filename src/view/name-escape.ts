/**
 * Begins what Sluice adds to a name that a warehouse cannot have as it is. Read as an escape it is
 * the character 0, which no name of MySQL holds, so what is added is never taken for a part of one.
 */
export const MARK = '_x0_';

/** `_x`, the code point in hex, `_`. */
export function escapeOf(character: string): string {
  return `_x${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}_`;
}

/** The name for one more thing that would be called so: `Clients_x0_2`. */
export const numberedName = (name: string, number: number): string => `${name}${MARK}${number}`;

/** What is added to a name that is cut; `hash` is one of all of it, of 16 hex digits. */
export const markOfCut = (hash: string): string => `${MARK}h${hash}`;

/** What may be added; then an escape. */
const CUT = `${MARK}h[0-9a-f]{16}`;
const NUMBER = `${MARK}\\d+`;
const ANY_ESCAPE = /_x([0-9A-F]+)_/;

/**
 * The name behind one with escapes and with what Sluice has added; `undefined` when only its
 * beginning is left.
 *
 * @param escape  matches an escape, with its code point in hex as the only group
 */
export function unescapedName(name: string, escape: RegExp = ANY_ESCAPE): string | undefined {
  const tokens = new RegExp(`${CUT}|${NUMBER}|${escape.source}`, 'g');
  const isCut = ([token]: RegExpExecArray): boolean => token.startsWith(markOfCut(''));
  if (name.matchAll(tokens).some(isCut)) return undefined;
  return name.replaceAll(tokens, (_, code?: string) =>
    code === undefined ? '' : String.fromCodePoint(Number.parseInt(code, 16)),
  );
}
