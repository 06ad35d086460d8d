import { ratioTo, type ScenarioResult } from '../results.ts';
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
  const { name, contenders, limits } = result;
  const rateOf = (contender: string): number =>
    contenders.find((each) => each.name === contender)?.median?.rowsPerSecond ?? 0;
  const writer = limits.find((limit) => limit.name === 'write')?.rowsPerSecond;
  return PEERS.flatMap(({ name: peer, called, bound }) => {
    const wanted = BARS[name][bound];
    const reached = ratioTo(result, peer);
    if (wanted === undefined || reached === undefined || reached >= wanted) return [];
    const asked = wanted * rateOf(peer);
    const gap = `- **${name}**: ${wanted} × ${called} is ${count(asked)} rows/s in this run; Sluice has ${count(rateOf('sluice'))}.`;
    return [writer === undefined ? gap : `${gap} ${writerText(writer, rateOf('sluice'), asked)}`];
  });
}

function writerText(writer: number, reached: number, asked: number): string {
  const alone = `Ready records alone are appended, compressed and committed at ${count(writer)}`;
  if (writer < asked)
    return `${alone}: the broker and our writer leave no room for it on these cores.`;
  const share = Math.round((100 * reached) / writer);
  return `${alone}; Sluice, which also reads and decodes on these cores, is at ${share} % of that.`;
}
