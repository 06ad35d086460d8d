import { WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SinkInput } from '../../src/activities/types.ts';
import type { TableName } from '../../src/change/table.ts';
import { findOpenIncident } from '../../src/control/incident.ts';
import { CONTROL_QUEUE, pipelineWorkflowId, sinkWorkflowId } from '../../src/control/names.ts';
import type { StoppedTables } from '../../src/control/stopped-tables.ts';
import { ensureSinks, stopSinks } from '../../src/temporal/sinks.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';
import {
  aborted,
  eventually,
  failing,
  openStage,
  type SinkScript,
  type Stage,
} from '../support/workflow-stage.ts';

const address = process.env['SLUICE_TEST_TEMPORAL'] ?? '';

const SINK = 'warehouse';
const running: SinkScript = (_input, { signal }) => aborted(signal);

describe.skipIf(address === '')('cdcSink on a server', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage(address);
  }, 60_000);
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  }, 60_000);
  afterEach(() => stage.endAll());
  beforeEach(() => {
    stage.sinkScript = running;
  });

  async function started(pipeline: string): Promise<ReturnType<typeof handleOf>> {
    await ensureSinks(stage.client, { spec: aPipelineSpec({ pipeline }), retired: [] });
    return handleOf(pipeline);
  }
  const handleOf = (pipeline: string): ReturnType<Stage['client']['workflow']['getHandle']> =>
    stage.client.workflow.getHandle(sinkWorkflowId(pipeline, SINK));
  const phaseOf = (pipeline: string, wanted: string): Promise<unknown> =>
    stage.waitForSink(pipeline, SINK, ({ phase }) => phase === wanted);

  it('pauses, resumes and stops by update and by signal alike', async () => {
    const handle = await started('commands');
    await handle.executeUpdate('pause', { args: [{ by: 'ana' }] });
    await phaseOf('commands', 'PAUSED');
    await handle.signal('resume', {});
    await phaseOf('commands', 'RUNNING');
    await handle.signal('pause');
    await phaseOf('commands', 'PAUSED');
    await handle.executeUpdate('resume', { args: [{}] });
    await handle.executeUpdate('stop', { args: [{}] });
    await handle.result();
  }, 60_000);

  it('does nothing with a configuration that breaks a rule of the file, whoever sends it', async () => {
    let fills = 0;
    stage.sinkScript = (input, hooks) => {
      fills += 1;
      return running(input, hooks);
    };
    const handle = await started('tampered');
    await eventually(async () => expect(fills).toBe(1));
    const { sinks, ...good } = aPipelineSpec({ pipeline: 'tampered' });
    const file = '../another.duckdb';
    await handle.signal('applyConfig', {
      spec: { ...good, sinks: { [SINK]: { ...sinks[SINK], file } } },
    });
    const blocked = await stage.waitForSink('tampered', SINK, ({ phase }) => phase === 'BLOCKED');
    expect(findOpenIncident(blocked.incidents)).toMatchObject({
      code: 'config.refused',
      message: expect.stringContaining('sinks.warehouse.file: must be an absolute path') as string,
    });
    expect(fills).toBe(1);
  }, 60_000);

  it('runs on with an incident for a table that stops, until the table returns', async () => {
    let stopped: StoppedTables | undefined = {
      count: 3,
      tables: [
        {
          table: 'shop.orders' as TableName,
          code: 'bigquery.row-refused',
          reason: 'It has no place.',
          position: 'offset 7',
        },
      ],
    };
    stage.sinkScript = async ({ spec, sinkName: sink }, { signal, onProgress }) => {
      const counts = { rows: 0, cutOrdinal: 0, lagMs: 0, tables: {} };
      const progress = { kind: 'sink', pipeline: spec.pipeline, sink, ...counts } as const;
      const reports = setInterval(
        () => onProgress({ ...progress, ...(stopped && { stopped }) }),
        50,
      );
      await aborted(signal).finally(() => clearInterval(reports));
    };
    await started('one-table');
    const state = await stage.waitForSink('one-table', SINK, (sink) => sink.stoppedTables === 3);
    expect(state).toMatchObject({
      phase: 'RUNNING',
      incidents: [{ id: expect.stringMatching(/^warehouse\/table-/) as string }],
    });
    stopped = undefined;
    const healed = await stage.waitForSink('one-table', SINK, (sink) => sink.stoppedTables === 0);
    expect(healed.incidents).toMatchObject([{ answer: { action: 'returned' } }]);
  }, 60_000);

  it('stands still with an incident of its own while capture goes on', async () => {
    stage.sinkScript = failing('sink.schema-conflict');
    await stage.start(aPipelineSpec({ pipeline: 'alone' }));
    const stopped = await stage.waitForSink('alone', SINK, ({ phase }) => phase === 'BLOCKED');
    const incident = findOpenIncident(stopped.incidents);
    expect(incident?.id).toMatch(/^warehouse\/blocked-\d{4}-\d\d-\d\d-01$/);
    await stage.waitFor('alone', ({ tripwire }) => tripwire.hasCommitted);
    expect(await stage.state('alone')).toMatchObject({ phase: 'STREAMING', incidents: [] });

    const handle = handleOf('alone');
    await expect(
      handle.executeUpdate('recover', { args: [{ incidentId: 'other', action: 'retry' }] }),
    ).rejects.toThrow(WorkflowUpdateFailedError);
    stage.sinkScript = running;
    await handle.signal('recover', { incidentId: incident?.id, action: 'retry', by: 'ana' });
    const healed = await stage.waitForSink('alone', SINK, ({ phase }) => phase === 'RUNNING');
    expect(healed.incidents).toMatchObject([{ answer: { action: 'retry', by: 'ana' } }]);
  }, 60_000);

  it('is started once however often it is ensured, and restarts for a new configuration only', async () => {
    let starts = 0;
    stage.sinkScript = async (_input, { signal }) => {
      starts += 1;
      await aborted(signal);
    };
    await started('ensured');
    await phaseOf('ensured', 'RUNNING');
    await started('ensured');
    const spec = aPipelineSpec({ pipeline: 'ensured' });
    const changed = { ...spec, stream: { ...spec.stream, idleMs: 9 } };
    await ensureSinks(stage.client, { spec: changed, retired: [] });
    await stage.waitForSink('ensured', SINK, (state) => state.spec.stream.idleMs === 9);
    await handleOf('ensured').executeUpdate('stop', { args: [{}] });
    await handleOf('ensured').result();
    expect(starts).toBeLessThanOrEqual(2);
  }, 60_000);

  it('runs on when it is put back into the configuration before it has stopped', async () => {
    let starts = 0;
    const lastCommit = Promise.withResolvers<void>();
    stage.sinkScript = async (_input, { signal }) => {
      starts += 1;
      await aborted(signal);
      if (starts === 1) await lastCommit.promise;
    };
    const handle = await started('returning');
    await eventually(() => {
      expect(starts).toBe(1);
      return Promise.resolve();
    });
    await ensureSinks(stage.client, {
      spec: aPipelineSpec({ pipeline: 'returning', sinks: {} }),
      retired: [SINK],
    });
    await phaseOf('returning', 'STOPPED');
    const { runId } = await handle.describe();
    await started('returning');
    await phaseOf('returning', 'RUNNING');
    lastCommit.resolve();
    await eventually(() => {
      expect(starts).toBe(2);
      return Promise.resolve();
    });
    expect(await handle.describe()).toMatchObject({ runId, status: { name: 'RUNNING' } });
  }, 60_000);

  it('begins anew for a resnapshot, and has its pipeline take a snapshot before it goes on', async () => {
    const inputs: SinkInput[] = [];
    let lost = true;
    const renewed = 'sink-w2';
    stage.sinkScript = async (input, { signal }) => {
      inputs.push(input);
      if (lost) return failing('sink.warehouse-lost')();
      if (input.snapshot?.id !== renewed) return { needsSnapshot: renewed };
      await aborted(signal);
      return {};
    };
    await stage.start(aPipelineSpec({ pipeline: 'renewed' }));
    const stopped = await stage.waitForSink('renewed', SINK, ({ phase }) => phase === 'GAP');
    await stage.waitFor('renewed', ({ tripwire }) => tripwire.hasCommitted);
    lost = false;
    const incidentId = findOpenIncident(stopped.incidents)?.id;
    await handleOf('renewed').signal('recover', { incidentId, action: 'resnapshot' });
    await stage.waitForSink('renewed', SINK, ({ snapshot }) => snapshot?.state === 'finished');
    const [asked] = stage.streams.at(-1)?.commands ?? [];
    expect(asked).toMatchObject({ kind: 'snapshot', snapshotId: renewed, tables: [] });
    const { renewal } = inputs[1] ?? {};
    expect(renewal).toMatch(/^resnapshot-/);
    expect(inputs.slice(1)).toMatchObject([
      { renewal },
      { renewal, snapshot: { id: renewed, state: 'asked' } },
    ]);
  }, 60_000);

  it('asks a pipeline that is paused again later, and waits with its rows', async () => {
    const needed = 'sink-w1';
    stage.sinkScript = async (input, { signal }) => {
      if (input.snapshot?.id !== needed) return { needsSnapshot: needed };
      await aborted(signal);
      return {};
    };
    const handle = stage.client.workflow.getHandle(pipelineWorkflowId('deferring'));
    await stage.client.workflow.start('cdcPipeline', {
      workflowId: pipelineWorkflowId('deferring'),
      taskQueue: CONTROL_QUEUE,
      args: [{ spec: aPipelineSpec({ pipeline: 'deferring', sinks: {} }) }],
    });
    await stage.waitFor('deferring', ({ phase }) => phase === 'STREAMING');
    await handle.executeUpdate('pause', { args: [{}] });
    await started('deferring');
    const waiting = await stage.waitForSink(
      'deferring',
      SINK,
      ({ snapshot }) => snapshot?.deferral !== undefined,
    );
    expect(waiting).toMatchObject({
      phase: 'RUNNING',
      snapshot: { state: 'needed', deferral: 'The pipeline is PAUSED.' },
    });
  }, 60_000);

  it('does not hold up a drop when it was terminated by hand', async () => {
    const handle = await started('terminated');
    await phaseOf('terminated', 'RUNNING');
    await handle.terminate('by hand');
    await expect(
      stopSinks(stage.client, aPipelineSpec({ pipeline: 'terminated' })),
    ).resolves.toBeUndefined();
  }, 60_000);

  it('records a signal it cannot take and goes on', async () => {
    const handle = await started('nonsense');
    for (const signal of ['pause', 'recover', 'applyConfig', 'stop'])
      await handle.signal(signal, 'text');
    const { phase } = await stage.waitForSink(
      'nonsense',
      SINK,
      ({ refusals }) => refusals.length === 4,
    );
    expect(phase).toBe('RUNNING');
  }, 60_000);
});
