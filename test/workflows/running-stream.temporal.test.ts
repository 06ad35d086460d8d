import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StreamHooks } from '../../src/activities/create-activities.ts';
import type { StreamInput } from '../../src/activities/types.ts';
import { pipelineWorkflowId } from '../../src/control/names.ts';
import type { RunningCommand } from '../../src/control/stream-command.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';
import { aborted, openStage, type Stage, type StreamScript } from '../support/workflow-stage.ts';

const address = process.env['SLUICE_TEST_TEMPORAL'] ?? '';

const started = (commandIds: readonly string[]) => ({ epoch: 1, commandIds, finished: [] });
const idsOf = (commands: readonly { readonly commandId: string }[]): readonly string[] =>
  commands.map(({ commandId }) => commandId);

/** Applies commands also while it runs, a moment after it has got them. */
const takingCommands =
  (take: (commands: readonly RunningCommand[]) => void): StreamScript =>
  async ({ commands }: StreamInput, hooks: StreamHooks) => {
    hooks.takesCommands((more) => {
      take(more);
      setTimeout(() => hooks.onStarted(started(idsOf(more))), 10);
    });
    hooks.onStarted(started(idsOf(commands)));
    await aborted(hooks.signal);
  };

describe.skipIf(address === '')('a stream that says where it runs', () => {
  let stage: Stage;
  let given: string[];

  beforeAll(async () => {
    stage = await openStage(address, { handsOver: true });
  }, 60_000);
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  }, 60_000);
  afterEach(() => stage.endAll());
  beforeEach(() => {
    given = [];
    stage.script = takingCommands((commands) => given.push(...idsOf(commands)));
  });

  const streamsOf = (pipeline: string) =>
    stage.streams.filter(({ spec }) => spec.pipeline === pipeline);

  const streaming = async (pipeline: string) => {
    await stage.start(aPipelineSpec({ pipeline }));
    await stage.waitFor(pipeline, ({ tripwire }) => tripwire.hasCommitted);
    return stage.client.workflow.getHandle(pipelineWorkflowId(pipeline));
  };

  it('is given a snapshot and its end, and runs on', async () => {
    const handle = await streaming('given');
    await handle.executeUpdate('requestSnapshot', {
      args: [{ commandId: 'c1', snapshotId: 's1', tables: ['shop.orders'] }],
    });
    await stage.waitFor('given', ({ pending }) => pending.length === 0);
    await handle.signal('cancelSnapshot', { commandId: 'c2', snapshotId: 's1' });
    await stage.waitFor(
      'given',
      ({ pending, snapshots }) => pending.length + snapshots.length === 0,
    );
    expect(given).toEqual(['c1', 'c2']);
    expect(streamsOf('given')).toHaveLength(1);
  }, 60_000);

  it('ends for a command that its process does not take, and begins with it', async () => {
    stage.script = async ({ commands }, { signal, onStarted }) => {
      onStarted(started(idsOf(commands)));
      await aborted(signal);
    };
    const handle = await streaming('deaf');
    await handle.executeUpdate('requestSnapshot', {
      args: [{ commandId: 'c1', snapshotId: 's1', tables: ['shop.orders'] }],
    });
    await stage.waitFor('deaf', ({ pending }) => pending.length === 0);
    expect(streamsOf('deaf').map(({ commands }) => idsOf(commands))).toEqual([[], ['c1']]);
  }, 60_000);

  it('that dies with a command it has taken gets it again from where it runs then', async () => {
    let lives = 0;
    stage.script = async ({ commands }, hooks) => {
      lives += 1;
      const dying = Promise.withResolvers<void>();
      const isFirst = lives === 1;
      hooks.takesCommands((more) => {
        given.push(...idsOf(more));
        if (isFirst) dying.reject(new Error('died with it'));
        else hooks.onStarted(started(idsOf(more)));
      });
      hooks.onStarted(started(idsOf(commands)));
      await Promise.race([aborted(hooks.signal), dying.promise]);
    };
    const handle = await streaming('dying');
    await handle.executeUpdate('requestSnapshot', {
      args: [{ commandId: 'c1', snapshotId: 's1', tables: ['shop.orders'] }],
    });
    await stage.waitFor('dying', ({ pending }) => pending.length === 0);
    expect(lives).toBe(2);
    expect(given).toEqual(['c1', 'c1']);
    expect(streamsOf('dying').map(({ commands }) => idsOf(commands))).toEqual([[], []]);
  }, 60_000);

  it('ends for a recovery, which decides where the next one begins', async () => {
    const failures = { incidentAfterMs: 60_000, incidentAfterCount: 2 };
    let attempts = 0;
    stage.script = async (input, hooks) => {
      attempts += 1;
      if (attempts > 2) return takingCommands(() => undefined)(input, hooks);
      hooks.onStarted(started([]));
      throw new Error('not yet');
    };
    await stage.start(aPipelineSpec({ pipeline: 'recovered', failures }));
    const { incidents } = await stage.waitFor('recovered', (state) => state.incidents.length > 0);
    const handle = stage.client.workflow.getHandle(pipelineWorkflowId('recovered'));
    await handle.signal('recover', { incidentId: incidents[0]?.id, action: 'resnapshot' });
    await stage.waitFor('recovered', ({ pending }) => pending.length === 0);
    expect(streamsOf('recovered').at(-1)?.commands).toMatchObject([{ kind: 'resnapshot' }]);
  }, 60_000);
});
