/** Control characters, C1 included, and those that make a terminal show text in another order than it has. */
const UNSEEN = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;
const OF_LINES = new Set(['\n', '\t']);

const NAMED: ReadonlyMap<string, string> = new Map([
  ['\t', '\\t'],
  ['\n', '\\n'],
  ['\r', '\\r'],
]);

/** Lines as a terminal can show them: what means something to it but a new line or a tab is escaped, as in JSON. */
export function visibleLines(text: string): string {
  return text.replaceAll(UNSEEN, (sign) => (OF_LINES.has(sign) ? sign : unicodeEscape(sign)));
}

/** A text of the source or of a row inside a line: it can neither end the line nor change the terminal. */
export function visibleInLine(text: string): string {
  return text.replaceAll(UNSEEN, (sign) => NAMED.get(sign) ?? unicodeEscape(sign));
}

const unicodeEscape = (sign: string): string =>
  `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
