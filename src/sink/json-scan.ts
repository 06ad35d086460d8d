const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const SCALAR = /[-+.\w]+/y;

/**
 * Calls `visit` with every member of a JSON object: its name, and where the text of its value
 * starts and ends. Values are found, not parsed, so that their digits stay as they were written.
 *
 * @throws {Error} when the text is not one JSON object, as far as finding the members tells
 */
export function scanObject(
  text: string,
  visit: (name: string, start: number, end: number) => void,
): void {
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== OPEN_BRACE) throw malformed(at);
  at = skipSpace(text, at + 1);
  if (text.charCodeAt(at) === CLOSE_BRACE) return endOfText(text, at + 1);
  for (;;) {
    const nameEnd = endOfString(text, at);
    const name = memberName(text, at, nameEnd);
    at = skipSpace(text, nameEnd);
    if (text.charCodeAt(at) !== COLON) throw malformed(at);
    const start = skipSpace(text, at + 1);
    const end = endOfValue(text, start);
    visit(name, start, end);
    at = skipSpace(text, end);
    const code = text.charCodeAt(at);
    if (code === CLOSE_BRACE) return endOfText(text, at + 1);
    if (code !== COMMA) throw malformed(at);
    at = skipSpace(text, at + 1);
  }
}

function memberName(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end - 1);
  return raw.includes('\\') ? (JSON.parse(text.slice(start, end)) as string) : raw;
}

function endOfText(text: string, at: number): void {
  const end = skipSpace(text, at);
  if (end !== text.length) throw malformed(end);
}

/**
 * Where the value that starts at `start` ends.
 * @throws {Error} when it does not
 */
export function endOfValue(text: string, start: number): number {
  switch (text.charCodeAt(start)) {
    case QUOTE:
      return endOfString(text, start);
    case OPEN_BRACE:
    case OPEN_BRACKET:
      return endOfContainer(text, start);
    default:
      return endOfScalar(text, start);
  }
}

function endOfContainer(text: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      continue;
    }
    at += 1;
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth += 1;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  throw malformed(start);
}

/** A quote ends the string unless an odd number of backslashes stands before it. */
function endOfString(text: string, start: number): number {
  if (text.charCodeAt(start) !== QUOTE) throw malformed(start);
  let at = start;
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) throw malformed(start);
    let before = at - 1;
    while (text.charCodeAt(before) === BACKSLASH) before -= 1;
    if ((at - before) % 2 === 1) return at + 1;
  }
}

/** Number, `true`, `false` or `null`. */
function endOfScalar(text: string, start: number): number {
  SCALAR.lastIndex = start;
  if (!SCALAR.test(text)) throw malformed(start);
  return SCALAR.lastIndex;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return at;
    at += 1;
  }
}

function malformed(at: number): Error {
  return new Error(`not a JSON object: unexpected text at ${at}`);
}
