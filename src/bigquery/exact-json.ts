/** String, number, word, punctuation or white space; every JSON text is a run of these. */
const TOKEN = /("(?:[^"\\]|\\.)*")|(-?\d[\d.eE+-]*)|[a-z]+|([{}[\],:])|\s+/gy;

const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

/**
 * A JSON text as BigQuery's JSON type holds it, on one line; `undefined` when the type would change
 * it: a name that an object has twice, a number that neither 64 bits nor a double hold, the value
 * `null`, which a load takes for NULL, or what is no JSON at all.
 */
export function exactJson(text: string): string | undefined {
  if (!isJson(text) || text.trim() === 'null') return undefined;
  const objects = new ObjectNames();
  let compact = '';
  for (const [token, string, number, punctuation] of text.matchAll(TOKEN)) {
    if (string !== undefined && !objects.sawString(string)) return undefined;
    if (number !== undefined && !isExactNumber(number)) return undefined;
    if (punctuation !== undefined) objects.saw(punctuation);
    if (!/^\s/.test(token)) compact += token;
  }
  return compact;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The names of every object that is open, to find one that comes twice. */
class ObjectNames {
  readonly #open: (Set<string> | undefined)[] = [];
  #expectsName = false;

  saw(punctuation: string): void {
    if (punctuation === '{') this.#open.push(new Set());
    else if (punctuation === '[') this.#open.push(undefined);
    else if (punctuation === '}' || punctuation === ']') this.#open.pop();
    const inObject = this.#open.at(-1) !== undefined;
    this.#expectsName = inObject && (punctuation === '{' || punctuation === ',');
  }

  /** False for a name that its object has already. */
  sawString(string: string): boolean {
    if (!this.#expectsName) return true;
    this.#expectsName = false;
    const names = this.#open.at(-1);
    const name = JSON.parse(string) as string;
    if (names?.has(name)) return false;
    names?.add(name);
    return true;
  }
}

function isExactNumber(number: string): boolean {
  if (/^-?\d+$/.test(number)) {
    const value = BigInt(number);
    // The sign of -0 is lost in an integer.
    return value >= INT64_MIN && value <= UINT64_MAX && number !== '-0';
  }
  const value = Number(number);
  return Number.isFinite(value) && canonical(String(value)) === canonical(number);
}

/** Digits without zeros at either end, and the place of the first one: equal for equal decimals. */
function canonical(number: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number);
  if (!match) return number;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const place = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${sign}${significant}e${place}`;
}
