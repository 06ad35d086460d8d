import type { Client } from '@temporalio/client';
import { PHASES } from '../control/pipeline-state.ts';
import { SINK_PHASES } from '../control/sink-state.ts';
import type { Meter } from '../observability/meter.ts';
import { type WorkflowState, workflowStates } from '../temporal/workflow-states.ts';
import { WaitingMetric } from './waiting-metric.ts';

/** A scrape waits this long for the server, and then tells what is known. */
const PATIENCE_MS = 2_000;
/** Scrapes closer to each other share one look. */
const FRESH_MS = 1_000;

/**
 * The series of the states of pipelines and sinks, also of those that stand still and report
 * nothing. They are looked up when somebody asks: a state that is a poll old is a wrong one. A look
 * that fails leaves what was known, and says so in a series of its own.
 */
export class StateMetrics {
  readonly #client: Client;
  readonly #meter: Meter;
  readonly #nowMs: () => number;
  readonly #waiting: WaitingMetric;
  #known: readonly WorkflowState[] = [];
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(client: Client, meter: Meter, nowMs: () => number = Date.now) {
    this.#client = client;
    this.#meter = meter;
    this.#nowMs = nowMs;
    this.#waiting = new WaitingMetric(client, meter, nowMs);
  }

  async refresh(): Promise<void> {
    const nowMs = this.#nowMs();
    if (nowMs - this.#lookedAtMs < FRESH_MS) return;
    this.#lookedAtMs = nowMs;
    try {
      this.#show(await workflowStates(this.#client, nowMs + PATIENCE_MS));
      this.#meter.set('sluice_temporal_reachable', {}, 1);
    } catch {
      this.#meter.set('sluice_temporal_reachable', {}, 0);
    }
    await this.#waiting.refresh(this.#known, PATIENCE_MS);
  }

  #show(states: readonly WorkflowState[]): void {
    const isKnown = new Set(states.map(seriesOf));
    for (const gone of this.#known.filter((former) => !isKnown.has(seriesOf(former))))
      this.#set(gone, undefined);
    for (const now of states) this.#set(now, now.state);
    this.#known = states;
  }

  /** 1 for one state and 0 for the others; no series at all for a workflow that is gone. */
  #set({ pipeline, sink }: WorkflowState, current: string | undefined): void {
    const meter = this.#meter;
    for (const state of sink === undefined ? PHASES : SINK_PHASES) {
      const value = state === current ? 1 : 0;
      if (sink === undefined) {
        if (current === undefined) meter.remove('sluice_pipeline_state', { pipeline, state });
        else meter.set('sluice_pipeline_state', { pipeline, state }, value);
      } else if (current === undefined)
        meter.remove('sluice_sink_state', { pipeline, sink, state });
      else meter.set('sluice_sink_state', { pipeline, sink, state }, value);
    }
  }
}

const seriesOf = ({ pipeline, sink = '' }: WorkflowState): string => `${pipeline}/${sink}`;
