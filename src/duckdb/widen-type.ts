interface IntegerRange {
  readonly min: bigint;
  readonly max: bigint;
  /** Decimal digits of the largest value. */
  readonly digits: number;
}

const range = (bits: number, unsigned: boolean): IntegerRange => {
  const min = unsigned ? 0n : -(1n << BigInt(bits - 1));
  const max = (1n << BigInt(unsigned ? bits : bits - 1)) - 1n;
  return { min, max, digits: String(max).length };
};

/** Smallest first, so that the first that holds two ranges is the one to take. */
const INTEGERS: ReadonlyMap<string, IntegerRange> = new Map([
  ['TINYINT', range(8, false)],
  ['UTINYINT', range(8, true)],
  ['SMALLINT', range(16, false)],
  ['USMALLINT', range(16, true)],
  ['INTEGER', range(32, false)],
  ['UINTEGER', range(32, true)],
  ['BIGINT', range(64, false)],
  ['UBIGINT', range(64, true)],
  ['HUGEINT', range(128, false)],
]);

/** Digits of the integers that a DOUBLE holds without exception: 2^53 has 16. */
const DOUBLE_DIGITS = 15;

/** Types whose values have one text each that says all of them. */
const TEXT_HOLDS =
  /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(.*\)|FLOAT|DOUBLE|DATE|TIMESTAMP|TIMESTAMPTZ|JSON|VARCHAR)$/;

/**
 * The type that holds every value of both types exactly, for a column that was stored as `stored`
 * and whose source type is now stored as `wanted`; `undefined` when there is none.
 */
export function widenType(stored: string, wanted: string): string | undefined {
  if (stored === wanted) return stored;
  return (
    widerInteger(stored, wanted) ??
    widerDecimal(stored, wanted) ??
    widerFloat(stored, wanted) ??
    widerDate(stored, wanted) ??
    widerText(stored, wanted)
  );
}

function widerInteger(a: string, b: string): string | undefined {
  const left = integer(a);
  const right = integer(b);
  if (!left || !right) return undefined;
  const holds = (range: IntegerRange): boolean =>
    [left, right].every(({ min, max }) => range.min <= min && range.max >= max);
  return [...INTEGERS].find(([, candidate]) => holds(candidate))?.[0];
}

/** A bit is an integer of its own when the other one is. */
function integer(type: string): IntegerRange | undefined {
  return type === 'BOOLEAN' ? { min: 0n, max: 1n, digits: 1 } : INTEGERS.get(type);
}

function widerDecimal(a: string, b: string): string | undefined {
  const left = decimal(a);
  const right = decimal(b);
  if (!left || !right) return undefined;
  const scale = Math.max(left.scale, right.scale);
  const precision = Math.max(left.whole, right.whole) + scale;
  return precision <= 38 ? `DECIMAL(${precision},${scale})` : undefined;
}

function decimal(type: string): { readonly whole: number; readonly scale: number } | undefined {
  const digits = INTEGERS.get(type)?.digits;
  if (digits !== undefined) return { whole: digits, scale: 0 };
  const match = /^DECIMAL\((\d+),(\d+)\)$/.exec(type);
  return match
    ? { whole: Number(match[1]) - Number(match[2]), scale: Number(match[2]) }
    : undefined;
}

function widerFloat(a: string, b: string): string | undefined {
  const fits = (type: string): boolean =>
    type === 'FLOAT' || type === 'DOUBLE' || (INTEGERS.get(type)?.digits ?? 99) <= DOUBLE_DIGITS;
  const some = [a, b].some((type) => type === 'FLOAT' || type === 'DOUBLE');
  return some && fits(a) && fits(b) ? 'DOUBLE' : undefined;
}

function widerDate(a: string, b: string): string | undefined {
  const pair = [a, b].sort().join(' ');
  return pair === 'DATE TIMESTAMP' ? 'TIMESTAMP' : undefined;
}

function widerText(a: string, b: string): string | undefined {
  const some = a === 'VARCHAR' || b === 'VARCHAR';
  return some && TEXT_HOLDS.test(a) && TEXT_HOLDS.test(b) ? 'VARCHAR' : undefined;
}
