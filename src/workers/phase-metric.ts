import type { Client } from '@temporalio/client';
import { PHASES } from '../control/pipeline-state.ts';
import type { Meter } from '../observability/meter.ts';
import { pipelinePhases } from '../temporal/pipeline-phases.ts';

const INTERVAL_MS = 15_000;

/**
 * Keeps `sluice_pipeline_state` true while the worker runs, also for pipelines that stand still and
 * report nothing. A poll that fails leaves the last known state; the next one corrects it.
 */
export function followPhases(client: Client, meter: Meter): Disposable {
  const poll = async (): Promise<void> => {
    for (const [pipeline, current] of await pipelinePhases(client))
      for (const state of PHASES)
        meter.set('sluice_pipeline_state', { pipeline, state }, state === current ? 1 : 0);
  };
  const run = (): void => {
    poll().catch(() => undefined);
  };
  run();
  const timer = setInterval(run, INTERVAL_MS);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
    },
  };
}
