import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { hostQueue, presenceQueue } from '../../src/control/names.ts';
import type { PipelineSpec } from '../../src/control/pipeline-spec.ts';
import { Meter } from '../../src/observability/meter.ts';
import { PipelineClient, type SinkView } from '../../src/temporal/pipeline-client.ts';
import { StateMetrics } from '../../src/workers/state-metrics.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';
import { openStage, type Stage } from '../support/workflow-stage.ts';

const address = process.env['SLUICE_TEST_TEMPORAL'] ?? '';
const SOON = { timeout: 30_000, interval: 200 };
const HEARTBEAT_MS = 1_500;

describe.skipIf(address === '')('work that waits for a worker', () => {
  let stage: Stage;
  let client: PipelineClient;
  beforeAll(async () => {
    stage = await openStage(address, { streamSlots: 1 });
    client = new PipelineClient(stage.client);
  }, 60_000);
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  }, 60_000);
  afterEach(() => stage.endAll());

  /** As a worker does that has room; what it is given it never answers, as one that dies. */
  const askOnce = (queue: string): Promise<unknown> =>
    stage.client.connection.withDeadline(Date.now() + 20_000, () =>
      stage.client.workflowService.pollActivityTaskQueue({
        namespace: stage.namespace,
        taskQueue: { name: queue },
        identity: 'a worker by hand',
      }),
    );

  const sinkOf = async (pipeline: string): Promise<SinkView | undefined> =>
    (await client.status(pipeline)).sinks[0];

  it('is a pipeline beyond the slots of all workers: status and a metric say since when, until one takes it', async () => {
    const meter = new Meter();
    // Every look is a fresh one.
    let aheadMs = 0;
    const states = new StateMetrics(stage.client, meter, () => Date.now() + (aheadMs += 1_001));
    const metricOf = async (pipeline: string): Promise<number | undefined> => {
      await states.refresh();
      const series = `sluice_waiting_for_worker_seconds{pipeline="${pipeline}",part="stream"} `;
      const { body } = await meter.text();
      const line = body.split('\n').find((one) => one.startsWith(series));
      return line === undefined ? undefined : Number(line.slice(series.length));
    };
    await stage.start(aPipelineSpec({ pipeline: 'first', sinks: {} }));
    await stage.waitFor('first', ({ tripwire }) => tripwire.hasCommitted);
    const beforeMs = Date.now();
    await stage.start(aPipelineSpec({ pipeline: 'second', sinks: {} }));
    await vi.waitFor(async () => {
      const { state, reason, waitingSinceMs = 0 } = await client.status('second');
      expect([state, reason]).toEqual([
        'STREAMING',
        'none takes it: start another one, or one with more --streams',
      ]);
      expect(Math.abs(waitingSinceMs - beforeMs)).toBeLessThan(5_000);
    }, SOON);
    await vi.waitFor(async () => expect(await metricOf('second')).toBeGreaterThan(2), SOON);
    expect(await metricOf('first')).toBe(0);
    expect(await client.status('first')).not.toHaveProperty('waitingSinceMs');

    await client.pause('first', { by: 'ana' });
    await stage.waitFor('second', ({ tripwire }) => tripwire.hasCommitted);
    await vi.waitFor(async () => {
      expect(await client.status('second')).not.toHaveProperty('waitingSinceMs');
      expect(await metricOf('second')).toBe(0);
      // A pipeline that is not to stream waits for nothing.
      expect(await metricOf('first')).toBeUndefined();
    }, SOON);
  }, 90_000);

  it('is a sink of a host whose worker is full, which serves it all the same', async () => {
    await stage.start(onHost('busy', 'full'));
    await vi.waitFor(async () => expect(await sinkOf('busy')).toHaveProperty('isUnserved'), SOON);
    const asking = askOnce(presenceQueue('full')).catch(() => undefined);
    await vi.waitFor(async () => {
      const sink = await sinkOf('busy');
      expect(sink).not.toHaveProperty('isUnserved');
      expect(sink?.reason).toContain('one with more --sinks');
      expect(sink?.waitingSinceMs).toBeLessThan(Date.now());
    }, SOON);
    await asking;
  }, 60_000);

  it('waits from the missed heartbeat on when the worker that had it has died', async () => {
    await stage.start(onHost('left', 'crashed'));
    await askOnce(hostQueue('crashed'));
    const takenAtMs = Date.now();
    expect(await sinkOf('left')).not.toHaveProperty('waitingSinceMs');
    await vi.waitFor(async () => {
      const { waitingSinceMs = 0 } = (await sinkOf('left')) ?? {};
      expect(waitingSinceMs).toBeGreaterThanOrEqual(takenAtMs + HEARTBEAT_MS - 500);
    }, SOON);
  }, 60_000);
});

function onHost(pipeline: string, host: string): PipelineSpec {
  const spec = aPipelineSpec({ pipeline });
  const [[name, sink] = []] = Object.entries(spec.sinks);
  return {
    ...spec,
    stream: { ...spec.stream, heartbeatTimeoutMs: HEARTBEAT_MS },
    sinks: { [String(name)]: { ...sink, host } as never },
  };
}
