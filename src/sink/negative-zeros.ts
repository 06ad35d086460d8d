import { endOfValue } from './json-scan.ts';

const NEGATIVE_ZERO = '-0';

/** JSON readers take `-0` for the integer 0; `-0.0` keeps its sign. Strings are left alone. */
export function keepNegativeZeros(json: string): string {
  let zero = json.indexOf(NEGATIVE_ZERO);
  if (zero < 0) return json;
  let kept = '';
  let written = 0;
  let at = 0;
  while (zero >= 0) {
    const quote = json.indexOf('"', at);
    if (quote >= 0 && quote < zero) {
      at = endOfValue(json, quote);
      if (zero < at) zero = json.indexOf(NEGATIVE_ZERO, at);
      continue;
    }
    at = zero + NEGATIVE_ZERO.length;
    if (!continuesNumber(json.charCodeAt(at))) {
      kept += `${json.slice(written, at)}.0`;
      written = at;
    }
    zero = json.indexOf(NEGATIVE_ZERO, at);
  }
  return written === 0 ? json : kept + json.slice(written);
}

/** Digit, point or exponent: the zero is the beginning of another number. */
function continuesNumber(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 46 || code === 69 || code === 101;
}
