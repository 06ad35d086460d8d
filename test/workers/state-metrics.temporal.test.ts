import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Meter } from '../../src/observability/meter.ts';
import { StateMetrics } from '../../src/workers/state-metrics.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';
import { openStage, type Stage } from '../support/workflow-stage.ts';

const address = process.env['SLUICE_TEST_TEMPORAL'] ?? '';
const SOON = { timeout: 20_000 };

describe.skipIf(address === '')('the metrics of states', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage(address);
  }, 60_000);
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  }, 60_000);

  it('show pipelines and sinks as they are when somebody looks, and no longer once they are gone', async () => {
    const meter = new Meter();
    // Every look is a fresh one.
    let nowMs = Date.now();
    const states = new StateMetrics(stage.client, meter, () => (nowMs += 1_000));
    const isOne = async (...series: readonly string[]): Promise<void> => {
      await states.refresh();
      const { body } = await meter.text();
      for (const one of series) expect(body).toContain(`${one} 1\n`);
    };
    await stage.start(aPipelineSpec({ pipeline: 'watched' }));
    await vi.waitFor(
      () =>
        isOne(
          'sluice_pipeline_state{pipeline="watched",state="STREAMING"}',
          'sluice_sink_state{pipeline="watched",sink="warehouse",state="RUNNING"}',
          'sluice_temporal_reachable',
        ),
      SOON,
    );
    await stage.client.workflow.getHandle('cdc/watched').signal('pause', {});
    await vi.waitFor(() => isOne('sluice_pipeline_state{pipeline="watched",state="PAUSED"}'), SOON);
    expect((await meter.text()).body).toContain(
      'sluice_pipeline_state{pipeline="watched",state="STREAMING"} 0\n',
    );
    await stage.endAll();
    await vi.waitFor(async () => {
      await states.refresh();
      expect((await meter.text()).body).not.toContain('pipeline="watched"');
    }, SOON);
  }, 90_000);
});
