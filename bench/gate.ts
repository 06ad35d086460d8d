import { type LimitRow, medianOf, rateAlone, type ScenarioResult } from './results.ts';
import type { ScenarioName } from './scenarios.ts';

/** Sluice's rate over that of one of its parts alone: the same machine, the same minute. */
interface Floor {
  readonly scenario: ScenarioName;
  readonly limit: LimitRow['name'];
  readonly ratio: number;
}

/**
 * Below what a machine gives that is busy with other things, too: there the broker gets less of it
 * than a decoder that works from memory. A stage that has lost its overlap falls below all the same.
 */
const FLOORS: readonly Floor[] = [
  { scenario: 'bulk', limit: 'decode', ratio: 0.03 },
  { scenario: 'bulk', limit: 'write', ratio: 0.35 },
  { scenario: 'single', limit: 'decode', ratio: 0.1 },
];

/** One sentence for each ratio below its floor; scenarios that were not run, or do not count, say nothing here. */
export function gateFailures(
  results: readonly ScenarioResult[],
  floors: readonly Floor[] = FLOORS,
): readonly string[] {
  return floors.flatMap(({ scenario, limit, ratio }) => {
    const result = results.find(({ name }) => name === scenario);
    const rate = result && medianOf(result, 'sluice')?.rowsPerSecond;
    if (result === undefined || rate === undefined) return [];
    const alone = rateAlone(result, limit);
    if (alone === undefined) return [`${scenario}: ${limit} alone could not be measured.`];
    if (rate / alone >= ratio) return [];
    return [
      `${scenario}: Sluice reaches ${(rate / alone).toFixed(2)} of what ${limit} alone does; at least ${ratio} is expected.`,
    ];
  });
}
