import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { pipelineWorkflowId } from '../../src/control/names.ts';
import { SluiceError } from '../../src/errors/error.ts';
import type { PipelineProgress } from '../../src/observability/progress.ts';
import { PipelineClient } from '../../src/temporal/pipeline-client.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';
import {
  eventually,
  failing,
  openStage,
  type Stage,
  untilCancelled,
} from '../support/workflow-stage.ts';

const address = process.env['SLUICE_TEST_TEMPORAL'] ?? '';
const ANA = { by: 'ana', reason: 'maintenance' };

const PROGRESS: PipelineProgress = {
  kind: 'pipeline',
  pipeline: 'shop',
  tables: { 'shop.orders': { c: 3, u: 2, d: 1, r: 0 } },
  transactions: 4,
  bytesPublished: 1_000,
  batches: 2,
  lagMs: 40,
  rowsPerSecond: 6,
};

describe.skipIf(address === '')('the pipeline client with workers', () => {
  let stage: Stage;
  let client: PipelineClient;
  beforeAll(async () => {
    stage = await openStage(address);
    client = new PipelineClient(stage.client);
  }, 60_000);
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  }, 60_000);
  afterEach(() => stage.endAll());
  beforeEach(() => {
    stage.script = untilCancelled(1);
    stage.sinkScript = (_input, { signal }) => untilAborted(signal);
  });

  async function applied(pipeline: string): Promise<void> {
    await client.apply({ spec: aPipelineSpec({ pipeline }) });
    await stage.waitFor(pipeline, ({ tripwire }) => tripwire.hasCommitted);
  }

  it('starts a pipeline once, however often the same file is applied', async () => {
    const spec = aPipelineSpec({ pipeline: 'applied' });
    expect(await client.apply({ spec })).toMatchObject({
      workflowId: 'cdc/applied',
      created: true,
      taken: true,
    });
    expect(await client.apply({ spec })).toMatchObject({
      created: false,
      message: 'The pipeline has this configuration already.',
    });
    await stage.waitFor('applied', ({ tripwire }) => tripwire.hasCommitted);
    expect(stage.streams.filter((stream) => stream.spec.pipeline === 'applied')).toHaveLength(1);
    const changed = { ...spec, stream: { ...spec.stream, idleMs: 99 } };
    expect(await client.apply({ spec: changed })).toMatchObject({ created: false, taken: true });
    await stage.waitFor('applied', (state) => state.spec.stream.idleMs === 99);
    // Those that change nothing are no updates: a run takes two thousand.
    for (let times = 0; times < 3; times += 1) await client.apply({ spec: changed });
    const { events } = await stage.client.workflow.getHandle('cdc/applied').fetchHistory();
    const updates = events?.filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes);
    expect(updates).toHaveLength(2);
  }, 60_000);

  it('says where sinks with a file run, and leaves them there unless the file names another host', async () => {
    const spec = aPipelineSpec({ pipeline: 'placed' });
    const on = (host: string): typeof spec => {
      const [[name, sink] = []] = Object.entries(spec.sinks);
      return { ...spec, sinks: { [String(name)]: { ...sink, host } as never } };
    };
    const first = await client.apply({ spec, unplaced: ['warehouse'] });
    const home = { sink: 'warehouse', host: 'warehouse.example' };
    expect(first.places).toEqual([{ ...home, isServed: true }]);
    const again = await client.apply({ spec: on('laptop'), unplaced: ['warehouse'] });
    expect(again).toMatchObject({
      message: 'The pipeline has this configuration already.',
      places: [{ ...home, isServed: true }],
    });
    await stage.waitForSink('placed', 'warehouse', ({ phase }) => phase === 'RUNNING');
    expect((await client.status('placed')).sinks[0]).not.toHaveProperty('isUnserved');

    const moved = await client.apply({ spec: on('nowhere') });
    expect(moved.places).toEqual([
      { sink: 'warehouse', host: 'nowhere', isServed: false, formerHost: 'warehouse.example' },
    ]);
    await eventually(async () =>
      expect((await client.status('placed')).sinks).toMatchObject([
        {
          isUnserved: true,
          reason: expect.stringContaining('no worker serves host nowhere') as string,
        },
      ]),
    );
  }, 60_000);

  it('refuses another prefix for a running pipeline, because its position is under the old one', async () => {
    await applied('prefixed');
    const spec = aPipelineSpec({ pipeline: 'prefixed' });
    await expect(
      client.apply({ spec: { ...spec, kafka: { ...spec.kafka, prefix: 'other' } } }),
    ).rejects.toMatchObject({ code: 'pipeline.refused', message: /cannot change its prefix/ });
  }, 60_000);

  it('shows live numbers from the newest heartbeat, and the sinks beside them', async () => {
    stage.script = async (input, hooks) => {
      hooks.onProgress(PROGRESS);
      await untilCancelled(1)(input, hooks);
    };
    await applied('live');
    await eventually(async () => {
      expect(await client.status('live')).toMatchObject({
        pipeline: 'live',
        state: 'STREAMING',
        progress: PROGRESS,
        sinks: [{ name: 'warehouse', state: 'RUNNING' }],
      });
    });
    expect((await client.list()).map(({ pipeline }) => pipeline)).toEqual(['live']);
  }, 60_000);

  it('says why stream and sink try again, and no longer once they get on', async () => {
    const [unreachable, locked] = ['kafka:9092 does not answer.', 'shop.duckdb is open elsewhere.'];
    const well = new AbortController();
    stage.script = async (input, hooks) => {
      hooks.onRetrying({ code: 'kafka.unreachable', message: unreachable });
      await untilAborted(well.signal);
      hooks.onProgress(PROGRESS);
      await untilCancelled(1)(input, hooks);
    };
    stage.sinkScript = async ({ sinkName }, { signal, onProgress, onRetrying }) => {
      onRetrying({ code: 'duckdb.locked', message: locked });
      await untilAborted(well.signal);
      const counts = { rows: 1, cutOrdinal: 1, lagMs: 1, tables: {} };
      onProgress({ kind: 'sink', pipeline: 'troubled', sink: sinkName, ...counts });
      await untilAborted(signal);
    };
    await client.apply({ spec: aPipelineSpec({ pipeline: 'troubled' }) });
    await eventually(async () => {
      expect(await client.status('troubled')).toMatchObject({
        state: 'STREAMING',
        reason: unreachable,
        sinks: [{ state: 'RUNNING', reason: locked }],
      });
    });
    const failing = stage.held.all.filter(({ pipeline }) => pipeline === 'troubled');
    expect(failing.map(({ failingSinceMs }) => typeof failingSinceMs)).toEqual([
      'number',
      'number',
    ]);
    well.abort();
    await eventually(async () => {
      const { reason, sinks } = await client.status('troubled');
      expect(sinks).toMatchObject([{ progress: { rows: 1 } }]);
      expect([reason, sinks[0]?.reason]).toEqual([undefined, undefined]);
    });
  }, 60_000);

  it('does not show the failure of an attempt that another one has made good', async () => {
    stage.sinkScript = () => Promise.reject(new SluiceError('duckdb.locked', 'Not yet.'));
    await applied('healed');
    await eventually(async () => {
      expect(await client.status('healed')).toMatchObject({ sinks: [{ reason: 'Not yet.' }] });
    });
    stage.sinkScript = (_input, { signal }) => untilAborted(signal);
    await eventually(async () => {
      const { sinks } = await client.status('healed');
      expect(sinks[0]?.reason).toBeUndefined();
    });
  }, 60_000);

  it('says who paused a pipeline and why', async () => {
    await applied('paused');
    expect(await client.pause('paused', ANA)).toMatchObject({ taken: true });
    expect(await client.status('paused')).toMatchObject({
      state: 'PAUSED',
      reason: 'pause by ana: maintenance',
    });
    await expect(client.pause('paused', ANA)).rejects.toMatchObject({
      code: 'pipeline.refused',
      message: 'pause is not possible while the pipeline is PAUSED.',
    });
    await client.resume('paused', ANA);
    await stage.waitFor('paused', ({ phase }) => phase === 'STREAMING');
  }, 60_000);

  it('says where a pipeline stands that does not stream', async () => {
    const checkpoint = {
      gtidSet: '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-905',
      file: 'binlog.000007',
      pos: 1_234,
      epoch: 2,
      commitOrdinal: 98_765,
      writtenAtMs: 1_700_000_000_000,
    };
    stage.script = async (input, hooks) => {
      hooks.onProgress({ ...PROGRESS, checkpoint });
      await untilCancelled(2)(input, hooks);
    };
    await applied('standing');
    await client.pause('standing', ANA);
    await stage.waitFor('standing', ({ position }) => position !== undefined);
    const view = await client.status('standing');
    expect(view).toMatchObject({ state: 'PAUSED', position: checkpoint });
    expect(view.progress).toBeUndefined();
  }, 60_000);

  it('pauses, resumes and begins anew one sink alone', async () => {
    await applied('alone');
    const ofSink = { ...ANA, sink: 'warehouse' };
    await client.pause('alone', ofSink);
    expect(await client.status('alone')).toMatchObject({
      state: 'STREAMING',
      sinks: [{ name: 'warehouse', state: 'PAUSED', reason: 'pause by ana: maintenance' }],
    });
    await client.resume('alone', ofSink);
    await stage.waitForSink('alone', 'warehouse', ({ phase }) => phase === 'RUNNING');
    expect((await client.resnapshot('alone', ofSink)).message).toContain('empty warehouse');
    await stage.waitForSink('alone', 'warehouse', ({ renewal }) => renewal !== undefined);
    await expect(client.pause('alone', { ...ANA, sink: 'lake' })).rejects.toMatchObject({
      code: 'pipeline.not-found',
      message: 'Pipeline alone runs no sink lake here. sluice status shows what it has.',
    });
  }, 60_000);

  it('lists incidents of pipeline and sinks, and answers each where it belongs', async () => {
    stage.script = failing('binlog.purged');
    stage.sinkScript = failing('sink.schema-conflict');
    await client.apply({ spec: aPipelineSpec({ pipeline: 'both' }) });
    const incidents = await eventually(async () => {
      const found = await client.incidents('both');
      expect(found).toHaveLength(2);
      return found;
    });
    expect(incidents).toMatchObject([
      { code: 'binlog.purged', actions: ['retry', 'resnapshot'] },
      { code: 'sink.schema-conflict', actions: ['retry', 'resnapshot'] },
    ]);
    stage.script = untilCancelled(2);
    stage.sinkScript = (_input, { signal }) => untilAborted(signal);
    for (const { id } of incidents)
      await client.recover('both', { ...ANA, incidentId: id, action: 'retry' });
    await eventually(async () => {
      expect(await client.status('both')).toMatchObject({
        state: 'STREAMING',
        sinks: [{ state: 'RUNNING' }],
      });
    });
    for (const incident of await client.incidents('both'))
      expect(incident).toMatchObject({ closedAtMs: expect.any(Number) as unknown, actions: [] });
  }, 60_000);

  it('asks for a snapshot, cancels it and yields the stream', async () => {
    await applied('asked');
    const { snapshotId } = await client.requestSnapshot('asked', { ...ANA, tables: ['shop.*'] });
    await eventually(async () => {
      expect(stage.streams.at(-1)?.commands).toMatchObject([{ snapshotId, tables: ['shop.*'] }]);
    });
    await client.cancelSnapshot('asked', { ...ANA, snapshotId });
    await client.yieldStream('asked', ANA);
    await stage.waitFor('asked', ({ pending, phase }) => phase === 'STREAMING' && !pending[0]);
  }, 60_000);

  it('shows a dropped pipeline as DROPPED', async () => {
    await applied('gone');
    await client.drop('gone', { ...ANA, deleteTopics: false });
    await eventually(async () => {
      expect(await client.status('gone')).toMatchObject({ state: 'DROPPED' });
    });
    await expect(client.pause('gone', ANA)).rejects.toMatchObject({ code: 'pipeline.not-found' });
  }, 60_000);

  it('knows a pipeline that is not there from one that is', async () => {
    await expect(client.status('nowhere')).rejects.toMatchObject({ code: 'pipeline.not-found' });
    await expect(client.resume('nowhere', ANA)).rejects.toMatchObject({
      code: 'pipeline.not-found',
    });
  }, 60_000);
});

describe.skipIf(address === '')('the pipeline client without a worker', () => {
  let stage: Stage;
  let client: PipelineClient;
  beforeAll(async () => {
    stage = await openStage(address, { workers: false });
    client = new PipelineClient(stage.client, { answerTimeoutMs: 1_000 });
  }, 60_000);
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  }, 60_000);

  it('leaves commands with the server, says so, and has them obeyed once when a worker comes', async () => {
    const spec = aPipelineSpec({ pipeline: 'waiting' });
    expect(await client.apply({ spec })).toMatchObject({ created: true, taken: false });
    expect(await client.pause('waiting', ANA)).toMatchObject({
      taken: false,
      message: expect.stringContaining('waits in the server') as unknown,
    });
    expect(await client.status('waiting')).toMatchObject({
      state: 'STARTING',
      reason: expect.stringContaining('no worker answers') as unknown,
    });
    await expect(client.incidents('waiting')).rejects.toMatchObject({ code: 'pipeline.no-worker' });

    await stage.startWorkers();
    const { refusals } = await stage.waitFor('waiting', ({ phase }) => phase === 'PAUSED');
    expect(refusals).toEqual([]);
    const handle = stage.client.workflow.getHandle(pipelineWorkflowId('waiting'));
    await handle.executeUpdate('resume', { args: [{}] });
    const { commandCount } = await stage.waitFor('waiting', ({ phase }) => phase === 'STREAMING');
    expect(commandCount).toBe(2);
  }, 60_000);
});

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve());
  });
}
