import type { ScenarioName } from './scenarios.ts';
import { median } from './statistics.ts';

/** What one run of one program gave; `undefined` is what the scenario does not measure. */
export interface Figures {
  /** Of a paced load what its writer reached beside the program. */
  readonly rowsPerSecond: number | undefined;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly peakMemoryMb: number;
  readonly cpuSecondsPerMillionRows: number | undefined;
  /** Of a fleet of tables alone. */
  readonly stages?: Stages | undefined;
}

/** How long a fleet of tables took, in seconds. */
export interface Stages {
  /** From nothing to streaming. */
  readonly streamingSeconds: number;
  /** From nothing until every table is consistent in the warehouse. */
  readonly copiedSeconds: number;
  /** From the resumed pipeline until the warehouse shows what was changed meanwhile. */
  readonly loadedSeconds: number;
}

export type Run =
  | { readonly kind: 'measured'; readonly figures: Figures }
  /** Says why its numbers do not count. */
  | { readonly kind: 'invalid'; readonly reason: string };

export interface ContenderResult {
  readonly name: string;
  readonly runs: readonly Run[];
  /** Of the runs that count; absent when none does. */
  readonly median: Figures | undefined;
}

/** What a part of Sluice does alone with the same data. */
export interface LimitRow {
  readonly name: 'read' | 'decode' | 'write' | 'fixed-table';
  readonly rowsPerSecond: number;
}

export interface MemorySample {
  readonly second: number;
  readonly residentMb: number;
}

export interface ScenarioResult {
  readonly name: ScenarioName;
  readonly data: string;
  /** Rows, or seconds of a paced load. */
  readonly size: number;
  readonly contenders: readonly ContenderResult[];
  readonly limits: readonly LimitRow[];
  /** Of Sluice, where the result is kept. */
  readonly commit?: string;
  /** Sluice's resident size over a paced run. */
  readonly memory?: readonly MemorySample[];
}

export function contenderResult(name: string, runs: readonly Run[]): ContenderResult {
  const figures = runs.flatMap((run) => (run.kind === 'measured' ? [run.figures] : []));
  return { name, runs, median: figures.length > 0 ? medianFigures(figures) : undefined };
}

function medianFigures(runs: readonly Figures[]): Figures {
  const of = (pick: (figures: Figures) => number | undefined): number | undefined => {
    const numbers = runs.map(pick).filter((number) => number !== undefined);
    return numbers.length > 0 ? median(numbers) : undefined;
  };
  return {
    rowsPerSecond: of((run) => run.rowsPerSecond),
    p50Ms: of((run) => run.p50Ms),
    p99Ms: of((run) => run.p99Ms),
    peakMemoryMb: median(runs.map((run) => run.peakMemoryMb)),
    cpuSecondsPerMillionRows: of((run) => run.cpuSecondsPerMillionRows),
    ...medianStages(runs.flatMap(({ stages }) => stages ?? [])),
  };
}

function medianStages(runs: readonly Stages[]): Pick<Figures, 'stages'> {
  if (runs.length === 0) return {};
  return {
    stages: {
      streamingSeconds: median(runs.map((run) => run.streamingSeconds)),
      copiedSeconds: median(runs.map((run) => run.copiedSeconds)),
      loadedSeconds: median(runs.map((run) => run.loadedSeconds)),
    },
  };
}

/** Of the runs of one program that count. */
export const medianOf = (result: ScenarioResult, contender: string): Figures | undefined =>
  result.contenders.find(({ name }) => name === contender)?.median;

/** Rows/s of a part alone; `undefined` where the scenario does not measure it. */
export const rateAlone = (result: ScenarioResult, limit: LimitRow['name']): number | undefined =>
  result.limits.find(({ name }) => name === limit)?.rowsPerSecond;

/** How many times faster Sluice is; `undefined` when either was not measured, or went by a pace. */
export function ratioTo(result: ScenarioResult, other: string): number | undefined {
  const rate = (name: string): number | undefined => {
    const middle = medianOf(result, name);
    return middle?.p50Ms === undefined ? middle?.rowsPerSecond : undefined;
  };
  const ours = rate('sluice');
  const theirs = rate(other);
  return ours === undefined || theirs === undefined ? undefined : ours / theirs;
}

/** The document `--json` prints: the form, with everything else beside it. */
export function jsonScenario(result: ScenarioResult): Readonly<Record<string, unknown>> {
  const { contenders, ...rest } = result;
  const byName = Object.fromEntries(
    contenders.map(({ name, median: middle, runs }) => [
      camelCase(name),
      { ...middle, invalid: runs.flatMap((run) => (run.kind === 'invalid' ? [run.reason] : [])) },
    ]),
  );
  return {
    ...rest,
    ...byName,
    ratio: ratioTo(result, 'debezium'),
    ratioTuned: ratioTo(result, 'debezium-tuned'),
  };
}

const camelCase = (name: string): string =>
  name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
