import type { Client } from '@temporalio/client';
import type { Meter } from '../observability/meter.ts';
import type { LabelsOf } from '../observability/metrics.ts';
import { type Work, type WorkflowState, workOf } from '../temporal/workflow-states.ts';

const NAME = 'sluice_waiting_for_worker_seconds';

/**
 * The series of how long streams and sinks have been waiting for a worker. What is known grows from
 * scrape to scrape also while the server does not answer.
 */
export class WaitingMetric {
  readonly #client: Client;
  readonly #meter: Meter;
  readonly #nowMs: () => number;
  #known: readonly Work[] = [];
  #look: Promise<void> | undefined;

  constructor(client: Client, meter: Meter, nowMs: () => number) {
    this.#client = client;
    this.#meter = meter;
    this.#nowMs = nowMs;
  }

  /**
   * Looks at what the states say is to run, one look at a time; one of a large fleet that takes longer
   * than a scrape waits is for the next.
   */
  async refresh(states: readonly WorkflowState[], patienceMs: number): Promise<void> {
    this.#look ??= workOf(this.#client, states)
      .then(
        (work) => this.#replace(work),
        () => undefined,
      )
      .finally(() => {
        this.#look = undefined;
      });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patienceMs);
    });
    await Promise.race([this.#look, late]);
    clearTimeout(timer);
    this.#show();
  }

  #replace(work: readonly Work[]): void {
    for (const gone of this.#known) this.#meter.remove(NAME, labelsOf(gone));
    this.#known = work;
  }

  #show(): void {
    for (const work of this.#known) {
      const { waitingSinceMs } = work;
      const waitsMs = waitingSinceMs === undefined ? 0 : this.#nowMs() - waitingSinceMs;
      this.#meter.set(NAME, labelsOf(work), Math.max(0, waitsMs) / 1_000);
    }
  }
}

const labelsOf = ({ pipeline, sink = 'stream' }: Work): LabelsOf<typeof NAME> => ({
  pipeline,
  part: sink,
});
