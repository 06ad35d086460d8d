import { WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openIncident } from '../../src/control/incident.ts';
import { pipelineWorkflowId, scheduleId, sinkWorkflowId } from '../../src/control/names.ts';
import { CDC_STATE } from '../../src/temporal/pipeline-phases.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';
import {
  eventually,
  failing,
  openStage,
  type Stage,
  untilCancelled,
} from '../support/workflow-stage.ts';

const address = process.env['SLUICE_TEST_TEMPORAL'] ?? '';

describe.skipIf(address === '')('cdcPipeline on a server', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage(address);
  }, 60_000);
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  }, 60_000);

  const handleOf = (pipeline: string): ReturnType<Stage['client']['workflow']['getHandle']> =>
    stage.client.workflow.getHandle(pipelineWorkflowId(pipeline));

  async function streaming(pipeline: string): Promise<ReturnType<typeof handleOf>> {
    stage.script = untilCancelled(1);
    await stage.start(aPipelineSpec({ pipeline }));
    await stage.waitFor(pipeline, ({ tripwire }) => tripwire.hasCommitted);
    return handleOf(pipeline);
  }

  it('streams, pauses and resumes by update and by signal alike', async () => {
    const handle = await streaming('commands');
    await handle.executeUpdate('pause', { args: [{ by: 'ana' }] });
    await stage.waitFor('commands', ({ phase }) => phase === 'PAUSED');
    await handle.signal('resume');
    await stage.waitFor('commands', ({ phase }) => phase === 'STREAMING');
    await handle.signal('pause', { reason: 'maintenance' });
    await stage.waitFor('commands', ({ phase }) => phase === 'PAUSED');
    const answer = await handle.executeUpdate('resume', { args: [{}] });
    expect(answer).toMatchObject({ message: 'Taken: the stream starts.' });
    await stage.waitFor('commands', ({ phase }) => phase === 'STREAMING');
  }, 60_000);

  it('shows its state as a search attribute', async () => {
    const handle = await streaming('attributes');
    await eventually(async () => {
      const { typedSearchAttributes } = await handle.describe();
      expect(typedSearchAttributes.get(CDC_STATE)).toBe('STREAMING');
    });
  }, 60_000);

  it('goes into GAP with an incident, and out of it only by recover with its id', async () => {
    stage.script = failing('binlog.purged');
    await stage.start(aPipelineSpec({ pipeline: 'gap' }));
    const gap = await stage.waitFor('gap', ({ phase }) => phase === 'GAP');
    const incident = openIncident(gap.incidents);
    expect(incident).toMatchObject({ kind: 'gap', code: 'binlog.purged' });
    const handle = handleOf('gap');
    await expect(handle.executeUpdate('resume', { args: [{}] })).rejects.toThrow(
      WorkflowUpdateFailedError,
    );
    await handle.signal('recover', { incidentId: 'another', action: 'retry' });
    await handle.signal('recover', { incidentId: incident?.id, action: 'reconcile' });
    const refused = await stage.waitFor('gap', ({ refusals }) => refusals.length === 2);
    expect(refused.phase).toBe('GAP');
    expect(refused.refusals.map(({ text }) => text).join()).toMatch(
      /not another.*not in this version/,
    );

    stage.script = untilCancelled(2);
    await handle.signal('recover', { incidentId: incident?.id, action: 'resnapshot', by: 'ana' });
    const healed = await stage.waitFor('gap', ({ tripwire }) => tripwire.epoch === 2);
    expect(healed.pending).toEqual([]);
    expect(stage.streams.findLast(({ spec }) => spec.pipeline === 'gap')?.commands).toMatchObject([
      { kind: 'resnapshot' },
    ]);
  }, 60_000);

  it('is BLOCKED by what a person has to mend, and resumes when it is', async () => {
    stage.script = failing('mysql.access-denied');
    await stage.start(aPipelineSpec({ pipeline: 'blocked' }));
    const blocked = await stage.waitFor('blocked', ({ phase }) => phase === 'BLOCKED');
    expect(openIncident(blocked.incidents)?.code).toBe('mysql.access-denied');
    stage.script = untilCancelled(1);
    await handleOf('blocked').executeUpdate('resume', { args: [{}] });
    const healed = await stage.waitFor('blocked', ({ phase }) => phase === 'STREAMING');
    expect(openIncident(healed.incidents)).toBeUndefined();
  }, 60_000);

  it('hands a requested snapshot to the stream and forgets it when it is finished', async () => {
    const handle = await streaming('snapshots');
    const answer = await handle.executeUpdate('requestSnapshot', {
      args: [{ snapshotId: 'by-hand', tables: ['shop.orders'] }],
    });
    expect(answer).toMatchObject({ snapshotId: 'by-hand' });
    const state = await stage.waitFor(
      'snapshots',
      ({ snapshots, pending }) => snapshots.length + pending.length === 0,
    );
    expect(state.phase).toBe('STREAMING');
  }, 60_000);

  it('runs a snapshot when its schedule is triggered, and the run ends with its result', async () => {
    stage.script = untilCancelled(1);
    const schedules = { nightly: { cron: '0 3 * * *', tables: ['shop.orders'] } };
    const snapshot = { mode: 'initial', chunkRows: 10, schedules } as const;
    await stage.start(aPipelineSpec({ pipeline: 'scheduled', snapshot }));
    await stage.waitFor('scheduled', ({ tripwire }) => tripwire.hasCommitted);
    const schedule = stage.client.schedule.getHandle(scheduleId('scheduled', 'nightly'));
    await schedule.trigger();
    const run = await eventually(async () => {
      const { info } = await schedule.describe();
      const action = info.recentActions[0]?.action;
      if (!action) throw new Error('not started yet');
      return action.workflow.workflowId;
    });
    const result = await stage.client.workflow.getHandle(run).result();
    expect(result).toMatchObject({ outcome: 'finished', tables: 1, rows: 10 });
    await schedule.delete();
  }, 60_000);

  it('keeps its sinks in workflows of their own and ends them on drop', async () => {
    const handle = await streaming('dropped');
    const sink = stage.client.workflow.getHandle(sinkWorkflowId('dropped', 'warehouse'));
    await eventually(async () => {
      expect(await sink.query('status')).toMatchObject({ phase: 'RUNNING' });
    });
    await handle.executeUpdate('drop', { args: [{}] });
    await handle.result();
    expect((await sink.describe()).status.name).toBe('COMPLETED');
  }, 60_000);
});
