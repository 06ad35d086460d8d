import type { ProcessUsage } from './process-tree.ts';

export interface UsageSample {
  readonly atMs: number;
  readonly residentMb: number;
  readonly cpuSeconds: number;
}

const KB_PER_MB = 1_024;

/** What a process tree has used, gathered from looks at it; processes that end are remembered. */
export class UsageLog {
  readonly #peaksKb = new Map<number, number>();
  readonly #cpuSeconds = new Map<number, number>();
  readonly samples: UsageSample[] = [];

  add(atMs: number, tree: readonly ProcessUsage[]): void {
    let residentKb = 0;
    for (const { pid, peakKb, residentKb: own, cpuSeconds } of tree) {
      this.#peaksKb.set(pid, Math.max(peakKb, this.#peaksKb.get(pid) ?? 0));
      this.#cpuSeconds.set(pid, cpuSeconds);
      residentKb += own;
    }
    const cpuSeconds = sum(this.#cpuSeconds.values());
    this.samples.push({ atMs, residentMb: residentKb / KB_PER_MB, cpuSeconds });
  }

  /** The largest sizes of all processes together, whether or not they had them at one time. */
  get peakMb(): number {
    return sum(this.#peaksKb.values()) / KB_PER_MB;
  }

  /** CPU time between two moments, interpolated between looks. */
  cpuSecondsBetween(fromMs: number, toMs: number): number {
    return this.#cpuSecondsAt(toMs) - this.#cpuSecondsAt(fromMs);
  }

  #cpuSecondsAt(atMs: number): number {
    const after = this.samples.findIndex((sample) => sample.atMs >= atMs);
    const next = this.samples[after];
    const last = this.samples[after === -1 ? this.samples.length - 1 : after - 1];
    if (!next) return last?.cpuSeconds ?? 0;
    if (!last) return next.cpuSeconds;
    const part = (atMs - last.atMs) / (next.atMs - last.atMs);
    return last.cpuSeconds + part * (next.cpuSeconds - last.cpuSeconds);
  }
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
