import { ratioTo, type ScenarioResult, type Stages } from '../results.ts';
import { count, verdicts } from './bars.ts';

/** The heads and lines of the one table, for terminal and page alike. */
export const HEADS = [
  'scenario',
  'program',
  'rows/s',
  'p50 / p99',
  'peak memory',
  'CPU s per million',
  'streaming / copied / loaded',
  'Sluice is',
] as const;

/** One line a program, and one for each part of Sluice alone. */
export function tableRows(result: ScenarioResult): readonly (readonly string[])[] {
  const programs = result.contenders.map(({ name, median: middle, runs }) => {
    if (!middle) {
      const [run] = runs;
      const reason = run?.kind === 'invalid' ? (run.reason.split('\n')[0] ?? '') : '';
      return [name, 'does not count', '', '', '', '', reason];
    }
    const { rowsPerSecond, p50Ms, p99Ms, peakMemoryMb, cpuSecondsPerMillionRows, stages } = middle;
    const ratio = name === 'sluice' ? undefined : ratioTo(result, name);
    return [
      name,
      rowsPerSecond === undefined ? '' : count(rowsPerSecond),
      p50Ms === undefined || p99Ms === undefined
        ? ''
        : `${p50Ms.toFixed(0)} / ${p99Ms.toFixed(0)} ms`,
      `${count(peakMemoryMb)} MB`,
      cpuSecondsPerMillionRows === undefined ? '' : cpuSecondsPerMillionRows.toFixed(1),
      stages === undefined ? '' : stagesText(stages),
      ratio === undefined ? '' : `${ratio.toFixed(1)} ×`,
    ];
  });
  const limits = result.limits.map(({ name, rowsPerSecond }) => [
    name === 'fixed-table' ? 'fixed table, one thread' : `${name} alone`,
    count(rowsPerSecond),
    '',
    '',
    '',
    '',
    '',
  ]);
  return [...programs, ...limits].map((cells, index) => [index === 0 ? result.name : '', ...cells]);
}

function stagesText({ streamingSeconds, copiedSeconds, loadedSeconds }: Stages): string {
  const seconds = [streamingSeconds, copiedSeconds, loadedSeconds];
  return `${seconds.map((each) => each.toFixed(0)).join(' / ')} s`;
}

/** The bar in words: what holds, and what does not. */
export function barText(result: ScenarioResult): string {
  return verdicts(result)
    .map(
      ({ text, holds }) =>
        `${text}: ${holds === undefined ? 'not measured' : holds ? 'yes' : 'NO'}`,
    )
    .join(', ');
}
