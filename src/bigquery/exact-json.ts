import { endOfValue } from '../sink/json-scan.ts';

const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;
/** Of the smallest 64-bit integer; a longer one is beyond them, since JSON has no leading zeros. */
const MAX_INTEGER_LENGTH = 20;

const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const SPACE = 32;

/**
 * A JSON text as BigQuery's JSON type holds it, on one line; `undefined` when the type would change
 * it: a name that an object has twice, a number that neither 64 bits nor a double hold, the value
 * `null`, which a load takes for NULL, or what is no JSON at all. The text is walked once, whatever
 * its length.
 */
export function exactJson(text: string): string | undefined {
  if (!isJson(text) || text.trim() === 'null') return undefined;
  const objects = new ObjectNames();
  let compact = '';
  let written = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfValue(text, at);
      if (objects.expectsName && !objects.takes(text.slice(at, end))) return undefined;
      at = end;
    } else if (code === MINUS || isDigit(code)) {
      const end = endOfValue(text, at);
      if (!isExactNumber(text.slice(at, end))) return undefined;
      at = end;
    } else if (code <= SPACE) {
      compact += text.slice(written, at);
      at += 1;
      written = at;
    } else {
      objects.saw(code);
      at += 1;
    }
  }
  return written === 0 ? text : compact + text.slice(written);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** The names of every object that is open, to find one that comes twice. */
class ObjectNames {
  readonly #open: (Set<string> | undefined)[] = [];
  /** Whether a string that comes now is the name of a member. */
  expectsName = false;

  saw(code: number): void {
    if (code === OPEN_BRACE) this.#open.push(new Set());
    else if (code === OPEN_BRACKET) this.#open.push(undefined);
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) this.#open.pop();
    else if (code !== COMMA) return;
    const inObject = this.#open.at(-1) !== undefined;
    this.expectsName = inObject && (code === OPEN_BRACE || code === COMMA);
  }

  /** False for a name, as JSON, that its object has already. */
  takes(string: string): boolean {
    this.expectsName = false;
    const names = this.#open.at(-1);
    const name = JSON.parse(string) as string;
    if (names?.has(name)) return false;
    names?.add(name);
    return true;
  }
}

function isExactNumber(number: string): boolean {
  if (isInteger(number)) {
    if (number.length > MAX_INTEGER_LENGTH) return false;
    const value = BigInt(number);
    // The sign of -0 is lost in an integer.
    return value >= INT64_MIN && value <= UINT64_MAX && number !== '-0';
  }
  const value = Number(number);
  return Number.isFinite(value) && canonical(String(value)) === canonical(number);
}

function isInteger(number: string): boolean {
  for (let at = number.charCodeAt(0) === MINUS ? 1 : 0; at < number.length; at += 1)
    if (!isDigit(number.charCodeAt(at))) return false;
  return true;
}

/** Digits without zeros at either end, and the place of the first one: equal for equal decimals. */
function canonical(number: string): string {
  const [mantissa = '', exponent = '0'] = number.toLowerCase().split('e');
  const sign = mantissa.startsWith('-') ? '-' : '';
  const [whole = '', fraction = ''] = mantissa.slice(sign.length).split('.');
  const digits = whole + fraction;
  const start = leadingZeros(digits);
  if (start === digits.length) return '0';
  const end = digits.length - trailingZeros(digits);
  const place = Number(exponent) - fraction.length + (digits.length - end);
  return `${sign}${digits.slice(start, end)}e${place}`;
}

function leadingZeros(digits: string): number {
  let count = 0;
  while (digits.charAt(count) === '0') count += 1;
  return count;
}

function trailingZeros(digits: string): number {
  let count = 0;
  while (digits.charAt(digits.length - 1 - count) === '0') count += 1;
  return count;
}
