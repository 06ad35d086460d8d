/** @throws RangeError for no numbers at all */
export function median(numbers: readonly number[]): number {
  return percentile(numbers, 50);
}

/**
 * The smallest of the numbers that `percent` of them do not exceed; between the middle two for an
 * even median.
 * @throws RangeError for no numbers at all
 */
export function percentile(numbers: readonly number[], percent: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length));
  const at = sorted[rank - 1];
  if (at === undefined) throw new RangeError('there are no numbers to rank');
  const next = sorted[rank];
  const between = percent === 50 && sorted.length % 2 === 0 && next !== undefined;
  return between ? (at + next) / 2 : at;
}
