import { medianOf, rateAlone, ratioTo, type ScenarioResult } from '../results.ts';
import { BARS, count } from './bars.ts';

const PEERS = [
  { name: 'debezium', called: 'shipped', bound: 'timesShipped' },
  { name: 'debezium-tuned', called: 'tuned', bound: 'timesTuned' },
] as const;

/**
 * Of each ratio that a scenario misses: the rate it asks for, beside what Sluice's writer reaches
 * when the records are ready and nobody else wants the cores.
 */
export function missedRatios(result: ScenarioResult): readonly string[] {
  const { name } = result;
  const ours = medianOf(result, 'sluice')?.rowsPerSecond;
  if (ours === undefined) return [];
  const writer = rateAlone(result, 'write');
  return PEERS.flatMap(({ name: peer, called, bound }) => {
    const wanted = BARS[name][bound];
    const reached = ratioTo(result, peer);
    const theirs = medianOf(result, peer)?.rowsPerSecond;
    if (wanted === undefined || theirs === undefined || reached === undefined) return [];
    if (reached >= wanted) return [];
    const asked = wanted * theirs;
    const gap = `- **${name}**: ${wanted} × ${called} is ${count(asked)} rows/s in this run; Sluice has ${count(ours)}.`;
    return [writer === undefined ? gap : `${gap} ${writerText(writer, ours, asked)}`];
  });
}

function writerText(writer: number, reached: number, asked: number): string {
  const alone = `Ready records alone are appended, compressed and committed at ${count(writer)}`;
  if (writer < asked)
    return `${alone}: the broker and our writer leave no room for it on these cores.`;
  const share = Math.round((100 * reached) / writer);
  return `${alone}; Sluice, which also reads and decodes on these cores, is at ${share} % of that.`;
}
