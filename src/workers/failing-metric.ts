import type { Meter } from '../observability/meter.ts';
import type { LabelsOf } from '../observability/metrics.ts';
import type { Held, HeldWork } from './held-work.ts';

const NAME = 'sluice_failing_seconds';

/** The series of how long the work of this process has been failing, set when they are asked for. */
export class FailingMetric {
  readonly #held: HeldWork;
  readonly #meter: Meter;
  readonly #nowMs: () => number;
  #shown: readonly LabelsOf<typeof NAME>[] = [];

  constructor(held: HeldWork, meter: Meter, nowMs: () => number = Date.now) {
    this.#held = held;
    this.#meter = meter;
    this.#nowMs = nowMs;
  }

  refresh(): void {
    for (const labels of this.#shown) this.#meter.remove(NAME, labels);
    this.#shown = this.#held.all.map((held) => {
      const labels = labelsOf(held);
      const lastsMs = this.#nowMs() - (held.failingSinceMs ?? this.#nowMs());
      this.#meter.set(NAME, labels, Math.max(0, lastsMs) / 1_000);
      return labels;
    });
  }
}

const labelsOf = ({ pipeline, sink = 'stream' }: Held): LabelsOf<typeof NAME> => ({
  pipeline,
  part: sink,
});
