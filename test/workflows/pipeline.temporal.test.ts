import { WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TableName } from '../../src/change/table.ts';
import { CASCADES_SELECTOR } from '../../src/change/table-pattern.ts';
import { findOpenIncident } from '../../src/control/incident.ts';
import { COMMAND_KINDS, type CommandKind } from '../../src/control/messages.ts';
import { pipelineWorkflowId, scheduleId, sinkWorkflowId } from '../../src/control/names.ts';
import type { PipelineSpec } from '../../src/control/pipeline-spec.ts';
import type { PipelineState } from '../../src/control/pipeline-state.ts';
import type { StoppedTables, TableStop } from '../../src/control/stopped-tables.ts';
import type { PipelineProgress } from '../../src/observability/progress.ts';
import { CDC_STATE } from '../../src/temporal/workflow-states.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';
import {
  aborted,
  eventually,
  failing,
  neverFinishing,
  openStage,
  type Stage,
  untilCancelled,
} from '../support/workflow-stage.ts';

const address = process.env['SLUICE_TEST_TEMPORAL'] ?? '';

const ORDERS_STOPPED: TableStop = {
  table: 'shop.orders' as TableName,
  code: 'mysql.access-denied',
  reason: 'The account may not read it.',
  position: 'binlog.000004:157',
};

const progressWith = (stopped: StoppedTables | undefined): PipelineProgress => ({
  kind: 'pipeline',
  pipeline: 'shop',
  tables: {},
  transactions: 0,
  bytesPublished: 0,
  batches: 0,
  lagMs: 0,
  rowsPerSecond: 0,
  ...(stopped && { stopped }),
});

const SCHEDULED = {
  mode: 'initial',
  chunkRows: 10,
  schedules: { nightly: { cron: '0 3 * * *', tables: ['shop.orders'] } },
} as const;

describe.skipIf(address === '')('cdcPipeline on a server', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage(address);
  }, 60_000);
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  }, 60_000);
  afterEach(() => stage.endAll());
  beforeEach(() => {
    stage.script = untilCancelled(1);
    stage.provision = () => Promise.resolve();
  });

  const handleOf = (pipeline: string): ReturnType<Stage['client']['workflow']['getHandle']> =>
    stage.client.workflow.getHandle(pipelineWorkflowId(pipeline));

  async function streaming(
    pipeline: string,
    change: Partial<PipelineSpec> = {},
  ): Promise<ReturnType<typeof handleOf>> {
    await stage.start(aPipelineSpec({ pipeline, ...change }));
    await stage.waitFor(pipeline, ({ tripwire }) => tripwire.hasCommitted);
    return handleOf(pipeline);
  }

  async function inGap(pipeline: string): Promise<string> {
    stage.script = failing('binlog.purged');
    await stage.start(aPipelineSpec({ pipeline }));
    const gap = await stage.waitFor(pipeline, ({ phase }) => phase === 'GAP');
    return findOpenIncident(gap.incidents)?.id ?? 'none';
  }

  const streamsOf = (pipeline: string): Stage['streams'] =>
    stage.streams.filter(({ spec }) => spec.pipeline === pipeline);

  it('shows its state as a search attribute and in its details', async () => {
    const handle = await streaming('attributes');
    await eventually(async () => {
      const { typedSearchAttributes } = await handle.describe();
      expect(typedSearchAttributes.get(CDC_STATE)).toBe('STREAMING');
    });
    const metadata = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
    expect(metadata.currentDetails).toContain('**STREAMING** since');
  }, 60_000);

  it('streams on with an incident for a table that stops, until the table returns', async () => {
    let stopped: StoppedTables | undefined = { count: 1, tables: [ORDERS_STOPPED] };
    stage.script = async (input, hooks) => {
      const reports = setInterval(() => hooks.onProgress(progressWith(stopped)), 50);
      await untilCancelled(1)(input, hooks).finally(() => clearInterval(reports));
    };
    const handle = await streaming('one-table');
    const state = await stage.waitFor('one-table', ({ stoppedTables }) => stoppedTables === 1);
    expect(state).toMatchObject({
      phase: 'STREAMING',
      incidents: [{ kind: 'table', facts: { table: 'shop.orders' } }],
    });
    const metadata = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
    expect(metadata.currentDetails).toContain('### 1 table has stopped, the others go on');
    expect(metadata.currentDetails).toContain("sluice snapshot one-table --tables 'shop.orders'");
    await expect(
      handle.executeUpdate('recover', {
        args: [{ incidentId: state.incidents[0]?.id, action: 'retry' }],
      }),
    ).rejects.toThrow(WorkflowUpdateFailedError);

    stopped = undefined;
    const healed = await stage.waitFor('one-table', ({ stoppedTables }) => stoppedTables === 0);
    expect(healed).toMatchObject({
      phase: 'STREAMING',
      incidents: [{ id: state.incidents[0]?.id, answer: { action: 'returned' } }],
    });
    expect(streamsOf('one-table')).toHaveLength(1);
  }, 60_000);

  it('tells the next stream how many tables it has on record, and believes what that one says', async () => {
    stage.script = (input, hooks) => {
      const streams = untilCancelled(1)(input, hooks);
      hooks.onProgress(progressWith({ count: 1, tables: [ORDERS_STOPPED] }));
      return streams;
    };
    const handle = await streaming('on-record');
    await stage.waitFor('on-record', ({ stoppedTables }) => stoppedTables === 1);
    await handle.executeUpdate('pause', { args: [{}] });
    const paused = await stage.waitFor('on-record', ({ phase }) => phase === 'PAUSED');
    expect(paused.stoppedTables).toBe(1);

    const stored = Promise.withResolvers<void>();
    stage.script = async (input, hooks) => {
      // What is said before the start is said without knowing what is stored, and so is this.
      hooks.onProgress(progressWith(undefined));
      hooks.onSnapshotFinished({ snapshotId: 'told behind it', tables: 0, rows: 0 });
      await stored.promise;
      const streams = untilCancelled(1)(input, hooks);
      hooks.onProgress(progressWith(undefined));
      await streams;
    };
    await handle.executeUpdate('resume', { args: [{}] });
    await eventually(async () => {
      const { events } = await handle.fetchHistory();
      const signals = events?.map((e) => e.workflowExecutionSignaledEventAttributes?.signalName);
      expect(signals).toContain('snapshotFinished');
    });
    expect((await stage.state('on-record')).stoppedTables).toBe(1);
    stored.resolve();
    await stage.waitFor('on-record', ({ stoppedTables }) => stoppedTables === 0);
    expect(streamsOf('on-record').map(({ stoppedTables }) => stoppedTables)).toEqual([0, 1]);
  }, 60_000);

  describe('takes every command as an update and as a signal', () => {
    /** Command → its payload, and what the state is when it has been obeyed. */
    const cases: Record<
      CommandKind,
      readonly [payload: object, obeyed: (state: PipelineState, pipeline: string) => boolean]
    > = {
      pause: [{ by: 'ana' }, ({ phase, because }) => phase === 'PAUSED' && because?.by === 'ana'],
      resume: [{}, ({ phase }) => phase === 'STREAMING'],
      applyConfig: [{}, ({ spec, phase }) => phase === 'STREAMING' && spec.stream.idleMs === 77],
      requestSnapshot: [
        { snapshotId: 's1', tables: ['shop.orders'] },
        (_state, pipeline) =>
          streamsOf(pipeline).some(({ commands }) => commands[0]?.kind === 'snapshot'),
      ],
      cancelSnapshot: [
        { snapshotId: 's1' },
        (_state, pipeline) =>
          streamsOf(pipeline).some(({ commands }) => commands[0]?.kind === 'cancelSnapshot'),
      ],
      recover: [
        { action: 'resnapshot', tables: ['shop.orders'] },
        ({ phase, pending }, pipeline) =>
          phase === 'STREAMING' &&
          pending.length === 0 &&
          streamsOf(pipeline).some(({ commands }) => commands[0]?.kind === 'resnapshot'),
      ],
      yieldStream: [{}, (_state, pipeline) => streamsOf(pipeline).length === 2],
      drop: [{}, ({ phase }) => phase === 'DROPPED'],
    };

    it.each(
      COMMAND_KINDS.flatMap((kind) => [[kind, 'update'] as const, [kind, 'signal'] as const]),
    )(
      '%s by %s',
      async (kind, way) => {
        const pipeline = `${kind}-${way}`.toLowerCase();
        const [fields, obeyed] = cases[kind];
        const payload: Record<string, unknown> = { ...fields };
        if (kind === 'recover') payload['incidentId'] = await inGap(pipeline);
        else await streaming(pipeline);
        stage.script = untilCancelled(2);
        const handle = handleOf(pipeline);
        if (kind === 'resume') {
          await handle.signal('pause');
          await stage.waitFor(pipeline, ({ phase }) => phase === 'PAUSED');
        }
        if (kind === 'applyConfig') {
          const spec = aPipelineSpec({ pipeline });
          payload['spec'] = { ...spec, stream: { ...spec.stream, idleMs: 77 } };
        }
        if (way === 'signal') await handle.signal(kind, payload);
        else
          expect(await handle.executeUpdate(kind, { args: [payload] })).toMatchObject({
            message: expect.stringMatching(/^Taken: /) as unknown,
          });
        await stage.waitFor(pipeline, (state) => obeyed(state, pipeline));
      },
      60_000,
    );
  });

  it('records a signal it cannot take, whatever its payload, and goes on', async () => {
    const handle = await streaming('nonsense');
    const signals = [...COMMAND_KINDS, 'captureStarted', 'snapshotFinished'];
    for (const payload of ['text', 7, ['list'], { by: 1 }])
      for (const signal of signals) await handle.signal(signal, payload);
    const { phase, refusals } = await eventually(async () => {
      const state = await stage.state('nonsense');
      expect(state.refusals.at(-1)?.text).toMatch(/snapshotFinished|"by"/);
      return state;
    });
    expect(phase).toBe('STREAMING');
    expect(refusals).toHaveLength(5);
    expect(await handle.executeUpdate('pause', { args: [{}] })).toMatchObject({ state: 'PAUSED' });
  }, 60_000);

  it('rejects an update it cannot take, with the reason', async () => {
    const handle = await streaming('rejections');
    const rejected = handle.executeUpdate('recover', {
      args: [{ incidentId: 'gap-1', action: 'reconcile' }],
    });
    await expect(rejected).rejects.toThrow(WorkflowUpdateFailedError);
    await expect(rejected).rejects.toMatchObject({
      cause: { message: expect.stringMatching(/not in this version, which has retry/) as unknown },
    });
    expect((await stage.state('rejections')).refusals).toEqual([]);
  }, 60_000);

  it('goes into GAP with an incident, and out of it only by recover with its id', async () => {
    const incidentId = await inGap('gap');
    const handle = handleOf('gap');
    const { incidents } = await stage.state('gap');
    expect(incidents).toMatchObject([
      { kind: 'gap', code: 'binlog.purged', facts: { oldest: 'binlog.000007' } },
    ]);
    await expect(handle.executeUpdate('resume', { args: [{}] })).rejects.toThrow(
      WorkflowUpdateFailedError,
    );
    await handle.signal('recover', { incidentId: 'another', action: 'retry' });
    await handle.signal('recover', { incidentId, action: 'reconcile' });
    const refused = await stage.waitFor('gap', ({ refusals }) => refusals.length === 2);
    expect(refused.phase).toBe('GAP');
    expect(refused.refusals.map(({ text }) => text).join()).toMatch(
      /not another.*not in this version/,
    );
    const { currentDetails } = await handle.query<{ currentDetails: string }>(
      '__temporal_workflow_metadata',
    );
    expect(currentDetails).toContain(
      `sluice recover gap --incident ${incidentId} --action resnapshot`,
    );
    expect(currentDetails).toContain(
      `temporal workflow signal -w cdc/gap --name recover --input '`,
    );

    stage.script = untilCancelled(2);
    await handle.signal('recover', { incidentId, action: 'resnapshot', by: 'ana' });
    const healed = await stage.waitFor('gap', ({ tripwire }) => tripwire.epoch === 2);
    expect(healed.pending).toEqual([]);
    expect(healed.incidents).toMatchObject([{ answer: { action: 'resnapshot', by: 'ana' } }]);
    expect(streamsOf('gap').at(-1)).toMatchObject({
      tripwire: { hasCommitted: false, epoch: 0 },
      commands: [{ kind: 'resnapshot' }],
    });
  }, 60_000);

  it('streams under an incident while every attempt fails, until an answer or success ends it', async () => {
    const failures = { incidentAfterMs: 60_000, incidentAfterCount: 3 };
    stage.script = failing('mysql.taken-over');
    await stage.start(aPipelineSpec({ pipeline: 'failing', failures }));
    const known = await stage.waitFor('failing', ({ incidents }) => incidents.length === 1);
    expect(known.phase).toBe('STREAMING');
    const open = findOpenIncident(known.incidents);
    expect(open).toMatchObject({ kind: 'failing', code: 'mysql.taken-over' });
    expect(Number(open?.facts['failures'])).toBeGreaterThanOrEqual(3);
    stage.script = untilCancelled(1);
    await handleOf('failing').signal('recover', { incidentId: open?.id, action: 'retry' });
    const healed = await stage.waitFor('failing', ({ tripwire }) => tripwire.epoch === 1);
    expect(healed.incidents).toMatchObject([{ answer: { action: 'retry' } }]);
    expect(streamsOf('failing').at(-1)?.isKnownToFail).toBe(false);
  }, 60_000);

  it('provisions under an incident while that fails, and streams when it has worked', async () => {
    const failures = { incidentAfterMs: 1_000, incidentAfterCount: 9 };
    stage.provision = failing('mysql.access-denied');
    await stage.start(aPipelineSpec({ pipeline: 'denied', failures }));
    const known = await stage.waitFor('denied', ({ incidents }) => incidents.length === 1);
    expect(known.phase).toBe('PROVISIONING');
    expect(findOpenIncident(known.incidents)).toMatchObject({ code: 'mysql.access-denied' });
    stage.provision = () => Promise.resolve();
    stage.script = untilCancelled(1);
    const healed = await stage.waitFor('denied', ({ phase }) => phase === 'STREAMING');
    expect(healed.incidents).toMatchObject([{ answer: { action: 'works again' } }]);
  }, 60_000);

  it('waits for an answer when a drop cannot be done, and is gone behind it', async () => {
    stage.script = untilCancelled(1);
    await stage.start(aPipelineSpec({ pipeline: 'undroppable' }));
    await stage.waitFor('undroppable', ({ phase }) => phase === 'STREAMING');
    stage.teardown = failing('kafka.refused');
    await handleOf('undroppable').signal('drop', { deleteTopics: true });
    const waiting = await stage.waitFor(
      'undroppable',
      ({ phase, incidents }) => phase === 'DRAINING' && incidents.length === 1,
    );
    const open = findOpenIncident(waiting.incidents);
    expect(open).toMatchObject({ kind: 'failing', code: 'kafka.refused' });
    expect(open?.message).toContain('waits for an answer');
    stage.teardown = () => Promise.resolve();
    await handleOf('undroppable').signal('recover', { incidentId: open?.id, action: 'retry' });
    await handleOf('undroppable').result();
  }, 60_000);

  it('is BLOCKED by what a person has to mend, and resumes when it is', async () => {
    stage.script = failing('mysql.misconfigured');
    await stage.start(aPipelineSpec({ pipeline: 'blocked' }));
    const blocked = await stage.waitFor('blocked', ({ phase }) => phase === 'BLOCKED');
    expect(findOpenIncident(blocked.incidents)?.code).toBe('mysql.misconfigured');
    stage.script = untilCancelled(1);
    await handleOf('blocked').executeUpdate('resume', { args: [{}] });
    const healed = await stage.waitFor('blocked', ({ phase }) => phase === 'STREAMING');
    expect(findOpenIncident(healed.incidents)).toBeUndefined();
  }, 60_000);

  it('is BLOCKED already when the source is not ready, before any stream', async () => {
    stage.provision = failing('source.not-ready');
    await stage.start(aPipelineSpec({ pipeline: 'unready' }));
    await stage.waitFor('unready', ({ phase }) => phase === 'BLOCKED');
    expect(streamsOf('unready')).toEqual([]);
  }, 60_000);

  it('finds a gap also while it is being paused', async () => {
    stage.script = async (_input, hooks) => {
      hooks.onStarted({ epoch: 1, commandIds: [], finished: [] });
      await aborted(hooks.signal);
      await failing('binlog.purged')();
    };
    const handle = await streaming('late-gap');
    await handle.executeUpdate('pause', { args: [{}] });
    await stage.waitFor('late-gap', ({ phase }) => phase === 'GAP');
  }, 60_000);

  it('takes a transient failure while it is being paused for nothing but its end', async () => {
    stage.script = async (_input, hooks) => {
      hooks.onStarted({ epoch: 1, commandIds: [], finished: [] });
      await aborted(hooks.signal);
      await failing('kafka.unreachable')();
    };
    const handle = await streaming('late-outage');
    await handle.executeUpdate('pause', { args: [{}] });
    await handle.executeUpdate('resume', { args: [{}] });
    stage.script = untilCancelled(1);
    const { incidents } = await stage.waitFor('late-outage', ({ phase }) => phase === 'STREAMING');
    expect(incidents).toEqual([]);
  }, 60_000);

  it.each(['kafka.unreachable', 'mysql.taken-over'] as const)(
    'starts again after %s without troubling anybody',
    async (code) => {
      const pipeline = code.replace('.', '-');
      let failures = 2;
      stage.script = async (input, hooks) => {
        if (input.spec.pipeline === pipeline && failures-- > 0) await failing(code)();
        await untilCancelled(1)(input, hooks);
      };
      await streaming(pipeline);
      expect((await stage.state(pipeline)).incidents).toEqual([]);
      expect(streamsOf(pipeline)).toHaveLength(3);
    },
    60_000,
  );

  it('starts a stream again that ended although nobody asked it to', async () => {
    let ends = 1;
    stage.script = async (input, hooks) => {
      if (input.spec.pipeline !== 'ended' || ends-- <= 0) await untilCancelled(1)(input, hooks);
    };
    await streaming('ended');
    expect(streamsOf('ended')).toHaveLength(2);
  }, 60_000);

  it('never runs two streams at once, however commands pile up', async () => {
    const slow = async (...[input, hooks]: Parameters<Stage['script']>): Promise<void> => {
      await untilCancelled(1)(input, hooks);
      await new Promise((resolve) => setTimeout(resolve, 300));
    };
    stage.script = slow;
    const handle = await streaming('pile');
    await handle.signal('yieldStream');
    await handle.signal('pause');
    await handle.signal('resume');
    await handle.signal('requestSnapshot', { tables: ['shop.a'] });
    await handle.signal('yieldStream');
    await eventually(async () => {
      const { phase, refusals, commandCount } = await stage.state('pile');
      expect([phase, commandCount + refusals.length]).toEqual(['STREAMING', 5]);
    });
    expect(stage.mostAtOnce()).toBe(1);
  }, 60_000);

  it('begins a new run with all it knows when it resumes, so that histories stay short', async () => {
    const handle = await streaming('short');
    const first = (await handle.describe()).runId;
    await handle.executeUpdate('pause', { args: [{ commandId: 'mine' }] });
    await handle.executeUpdate('resume', { args: [{}] });
    await stage.waitFor('short', ({ phase }) => phase === 'STREAMING');
    const { runId, historyLength } = await handle.describe();
    expect(runId).not.toBe(first);
    expect(historyLength).toBeLessThan(40);
    const { tripwire, commandIds, commandCount } = await stage.state('short');
    expect(tripwire).toEqual({ hasCommitted: true, epoch: 1 });
    expect([commandIds[0], commandCount]).toEqual(['mine', 2]);
  }, 60_000);

  it('takes a repeated command once, also after a new run has begun', async () => {
    const handle = await streaming('twice');
    const args: [object] = [{ commandId: 'once' }];
    await handle.executeUpdate('pause', { args });
    await handle.executeUpdate('resume', { args: [{}] });
    expect(await handle.executeUpdate('pause', { args })).toMatchObject({
      message: 'This command has been taken already.',
    });
    await stage.waitFor('twice', ({ phase }) => phase === 'STREAMING');
  }, 60_000);

  it('keeps a snapshot that was asked for while PAUSED until the stream has it', async () => {
    const handle = await streaming('parked');
    await handle.executeUpdate('pause', { args: [{}] });
    await handle.executeUpdate('requestSnapshot', {
      args: [{ snapshotId: 'later', tables: ['shop.orders'] }],
    });
    await handle.signal('resume');
    await stage.waitFor('parked', ({ snapshots, phase }) => phase === 'STREAMING' && !snapshots[0]);
    expect(streamsOf('parked').at(-1)?.commands).toMatchObject([{ snapshotId: 'later' }]);
  }, 60_000);

  it('ends in order when it is cancelled', async () => {
    const handle = await streaming('cancelled');
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow(/cancelled/i);
    expect((await handle.describe()).status.name).toBe('CANCELLED');
  }, 60_000);

  describe('with a schedule', () => {
    async function triggered(pipeline: string, name = 'nightly'): Promise<unknown> {
      const schedule = stage.client.schedule.getHandle(scheduleId(pipeline, name));
      await schedule.trigger();
      const run = await eventually(async () => {
        const { info } = await schedule.describe();
        const action = info.recentActions[0]?.action;
        if (!action) throw new Error('not started yet');
        return action.workflow.workflowId;
      });
      return stage.client.workflow.getHandle(run).result();
    }

    it('runs a snapshot when it is triggered, and the run ends with its result', async () => {
      await streaming('scheduled', { snapshot: SCHEDULED });
      expect(await triggered('scheduled')).toMatchObject({
        outcome: 'finished',
        tables: 1,
        rows: 10,
      });
    }, 60_000);

    it('sweeps the child tables of cascading keys by a schedule of its own', async () => {
      const sweep = { cron: '0 4 * * *', tables: [CASCADES_SELECTOR] };
      const schedules = { [CASCADES_SELECTOR]: sweep };
      await streaming('sweeping', { snapshot: { ...SCHEDULED, schedules } });
      expect(await triggered('sweeping', CASCADES_SELECTOR)).toMatchObject({ outcome: 'finished' });
      const commands = streamsOf('sweeping').flatMap((stream) => stream.commands);
      expect(commands).toMatchObject([{ kind: 'snapshot', tables: [CASCADES_SELECTOR] }]);
    }, 60_000);

    it('puts it off while the pipeline is paused, without queueing it up', async () => {
      const handle = await streaming('deferring', { snapshot: SCHEDULED });
      await handle.executeUpdate('pause', { args: [{}] });
      expect(await triggered('deferring')).toMatchObject({
        outcome: 'deferred',
        reason: 'The pipeline is PAUSED.',
      });
      expect((await stage.state('deferring')).pending).toEqual([]);
    }, 60_000);

    it('tells who waits when the snapshot is cancelled', async () => {
      stage.script = neverFinishing(1);
      const handle = await streaming('cancelling', { snapshot: SCHEDULED });
      const result = triggered('cancelling');
      const { snapshots } = await stage.waitFor(
        'cancelling',
        (state) => state.snapshots.length > 0,
      );
      await handle.executeUpdate('cancelSnapshot', {
        args: [{ snapshotId: snapshots[0]?.snapshotId }],
      });
      expect(await result).toMatchObject({ outcome: 'cancelled' });
    }, 60_000);

    it('removes what a new configuration no longer has: schedules and sinks', async () => {
      const handle = await streaming('retiring', { snapshot: SCHEDULED });
      const sink = stage.client.workflow.getHandle(sinkWorkflowId('retiring', 'warehouse'));
      await handle.executeUpdate('applyConfig', {
        args: [{ spec: aPipelineSpec({ pipeline: 'retiring', sinks: {} }) }],
      });
      await sink.result();
      await stage.waitFor('retiring', ({ phase }) => phase === 'STREAMING');
      await expect(
        stage.client.schedule.getHandle(scheduleId('retiring', 'nightly')).describe(),
      ).rejects.toThrow(/not found/i);
      expect((await stage.state('retiring')).retired).toEqual({ sinks: [], schedules: [] });
    }, 60_000);
  });

  it('does nothing with a configuration that breaks a rule of the file, whoever sends it', async () => {
    const handle = await streaming('tampered');
    const good = aPipelineSpec({ pipeline: 'tampered' });
    const password = { file: '../run/secrets/token' };
    const sasl = { mechanism: 'plain', username: 'x', password } as const;
    const tampered = { ...good, kafka: { ...good.kafka, brokers: ['thief'], sasl } };
    const seen = stage.streams.length;
    await handle.signal('applyConfig', { spec: tampered });
    const blocked = await stage.waitFor('tampered', ({ phase }) => phase === 'BLOCKED');
    expect(findOpenIncident(blocked.incidents)).toMatchObject({
      code: 'config.refused',
      message: expect.stringMatching(
        /kafka\.brokers\.0: .*\n {2}kafka\.sasl\.password\.file: must be an absolute path/,
      ) as string,
    });
    expect(stage.streams).toHaveLength(seen);

    await handle.signal('applyConfig', { spec: { v: 1, pipeline: 'tampered', source: 7 } });
    await stage.waitFor('tampered', ({ refusals }) => refusals.length > 0);
    await handle.executeUpdate('applyConfig', { args: [{ spec: good }] });
    await stage.waitFor('tampered', ({ phase }) => phase === 'STREAMING');
  }, 60_000);

  it('takes down sinks and schedules on drop, says so afterwards, and can be applied anew', async () => {
    const handle = await streaming('dropped', { snapshot: SCHEDULED });
    const sink = stage.client.workflow.getHandle(sinkWorkflowId('dropped', 'warehouse'));
    await stage.waitForSink('dropped', 'warehouse', ({ phase }) => phase === 'RUNNING');
    await handle.executeUpdate('drop', { args: [{}] });
    await handle.result();
    const described = await handle.describe();
    expect([described.type, described.status.name]).toEqual(['cdcDrop', 'COMPLETED']);
    expect(described.typedSearchAttributes.get(CDC_STATE)).toBe('DROPPED');
    expect((await sink.describe()).status.name).toBe('COMPLETED');
    await expect(
      stage.client.schedule.getHandle(scheduleId('dropped', 'nightly')).describe(),
    ).rejects.toThrow(/not found/i);
    await streaming('dropped');
  }, 60_000);
});
