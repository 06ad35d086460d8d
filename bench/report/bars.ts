import { type Figures, medianOf, ratioTo, type ScenarioResult } from '../results.ts';
import type { ScenarioName } from '../scenarios.ts';

/** What Sluice means to reach in a scenario; every bound that is given must hold. */
export interface Bar {
  readonly timesShipped?: number;
  readonly timesTuned?: number;
  readonly rowsPerSecond?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly streamingSeconds?: number;
  readonly peakMemoryMb: number;
}

const CAPTURE_MB = 400;
const SINK_MB = 600;

export const BARS: Readonly<Record<ScenarioName, Bar>> = {
  bulk: { timesTuned: 5, timesShipped: 9, rowsPerSecond: 320_000, peakMemoryMb: CAPTURE_MB },
  single: { timesShipped: 5, rowsPerSecond: 130_000, peakMemoryMb: CAPTURE_MB },
  'update-delete': { timesTuned: 4, peakMemoryMb: CAPTURE_MB },
  wide: { timesTuned: 2, peakMemoryMb: CAPTURE_MB },
  'many-tables': { timesTuned: 4, peakMemoryMb: CAPTURE_MB },
  'huge-transaction': { timesTuned: 4, peakMemoryMb: CAPTURE_MB },
  snapshot: { timesShipped: 5, rowsPerSecond: 180_000, peakMemoryMb: CAPTURE_MB },
  latency: { rowsPerSecond: 39_000, p99Ms: 150, p50Ms: 40, peakMemoryMb: CAPTURE_MB },
  sink: { rowsPerSecond: 80_000, peakMemoryMb: SINK_MB },
  memory: { peakMemoryMb: CAPTURE_MB },
  'fleet-of-tables': { streamingSeconds: 180, peakMemoryMb: SINK_MB },
};

export interface Verdict {
  readonly text: string;
  /** `undefined` when the run has not measured it. */
  readonly holds: boolean | undefined;
}

/** Each bound of a scenario's bar against what was measured. */
export function verdicts(result: ScenarioResult): readonly Verdict[] {
  const bar = BARS[result.name];
  const ours = medianOf(result, 'sluice');
  const least = (
    what: string,
    bound: number | undefined,
    value: number | undefined,
  ): readonly Verdict[] =>
    bound === undefined
      ? []
      : [{ text: what, holds: value === undefined ? undefined : value >= bound }];
  const most = (
    what: string,
    bound: number | undefined,
    pick: (of: Figures) => number | undefined,
  ) => {
    const value = ours && pick(ours);
    return bound === undefined
      ? []
      : [{ text: what, holds: value === undefined ? undefined : value <= bound }];
  };
  return [
    ...least(`${bar.timesTuned} × tuned`, bar.timesTuned, ratioTo(result, 'debezium-tuned')),
    ...least(`${bar.timesShipped} × shipped`, bar.timesShipped, ratioTo(result, 'debezium')),
    ...least(`${count(bar.rowsPerSecond ?? 0)} rows/s`, bar.rowsPerSecond, ours?.rowsPerSecond),
    ...most(`p50 ${bar.p50Ms} ms`, bar.p50Ms, ({ p50Ms }) => p50Ms),
    ...most(`p99 ${bar.p99Ms} ms`, bar.p99Ms, ({ p99Ms }) => p99Ms),
    ...most(`streaming within ${bar.streamingSeconds} s`, bar.streamingSeconds, ({ stages }) => {
      return stages?.streamingSeconds;
    }),
    ...most(`${bar.peakMemoryMb} MB`, bar.peakMemoryMb, ({ peakMemoryMb }) => peakMemoryMb),
  ];
}

export const count = (number: number): string => Math.round(number).toLocaleString('en-US');
