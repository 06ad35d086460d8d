/** A guess further away than this many edits is no help. */
const MAX_DISTANCE = 3;

/** The known key that a misspelt one most likely means, or `undefined` when none is near. */
export function nearestKey(written: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((key) => ({ key, distance: editDistance(plain(written), plain(key)) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  const limit = Math.min(MAX_DISTANCE, Math.floor(written.length / 2));
  return best && best.distance <= limit ? best.key : undefined;
}

/** `max_batch-rows` and `maxBatchRows` are the same words. */
const plain = (key: string): string => key.toLowerCase().replace(/[-_.]/g, '');

/** Levenshtein distance, one row at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [i, char] of Array.from(from).entries()) {
    const next = [i + 1];
    for (const [j, other] of Array.from(to).entries())
      next.push(
        Math.min(
          (row[j] ?? 0) + (char === other ? 0 : 1),
          (row[j + 1] ?? 0) + 1,
          (next[j] ?? 0) + 1,
        ),
      );
    row = next;
  }
  return row.at(-1) ?? 0;
}
