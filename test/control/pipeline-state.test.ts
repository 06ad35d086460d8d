import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TableName } from '../../src/change/table.ts';
import { findOpenIncident } from '../../src/control/incident.ts';
import type { PipelineSpec, SinkSpec } from '../../src/control/pipeline-spec.ts';
import {
  initialState,
  type PipelineEvent,
  type PipelineState,
  reduce,
  refusalOf,
} from '../../src/control/pipeline-state.ts';
import { withRefusal } from '../../src/control/refusal.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';

const NOW = Date.UTC(2026, 10, 23);
const spec = aPipelineSpec();

const play = (events: readonly PipelineEvent[], from = initialState(spec, NOW)): PipelineState =>
  events.reduce((state, event) => reduce(state, event, NOW).state, from);

const GAP: PipelineEvent = { kind: 'gap', code: 'binlog.purged', message: 'purged', facts: {} };
const BLOCKED: PipelineEvent = {
  kind: 'blocked',
  code: 'mysql.access-denied',
  message: 'no',
  facts: {},
};

const anyEvent = (commandIds: fc.Arbitrary<string>): fc.Arbitrary<PipelineEvent> =>
  fc.oneof(
    fc.constantFrom<PipelineEvent>(
      { kind: 'pause' },
      { kind: 'resume' },
      { kind: 'applyConfig', spec },
      { kind: 'yieldStream' },
      { kind: 'provisioned' },
      { kind: 'drained' },
      GAP,
      BLOCKED,
    ),
    fc.constant<PipelineEvent>({ kind: 'drop', deleteTopics: false }),
    fc.uniqueArray(fc.nat(40), { maxLength: 30 }).map(
      (tables): PipelineEvent => ({
        kind: 'stoppedTables',
        count: tables.length,
        tables: tables.map((table) => ({
          table: `shop.t${table}` as TableName,
          code: 'mysql.access-denied',
          reason: 'No.',
          position: 'binlog.000004:157',
        })),
      }),
    ),
    commandIds.map(
      (commandId): PipelineEvent => ({ kind: 'requestSnapshot', commandId, tables: [] }),
    ),
    commandIds.map((snapshotId): PipelineEvent => ({ kind: 'cancelSnapshot', snapshotId })),
    fc.record({ epoch: fc.nat(9), id: commandIds }).map(
      ({ epoch, id }): PipelineEvent => ({
        kind: 'captureStarted',
        epoch,
        commandIds: [id],
        finished: [],
      }),
    ),
    fc.constantFrom<PipelineEvent>(
      { kind: 'recover', incidentId: 'gap-2026-11-23-01', action: 'resnapshot', tables: [] },
      { kind: 'recover', incidentId: 'gap-2026-11-23-02', action: 'retry', tables: [] },
      { kind: 'recover', incidentId: 'blocked-2026-11-23-01', action: 'retry', tables: [] },
    ),
  );

const eventSequences = fc.array(anyEvent(fc.constantFrom('a', 'b', 'c', 'd')), { maxLength: 60 });

describe('the pipeline reducer', () => {
  it('leaves GAP only by recover with the id of the open incident, or by drop', () => {
    fc.assert(
      fc.property(eventSequences, (events) => {
        let state = initialState(spec, NOW);
        for (const event of events) {
          const next = reduce(state, event, NOW).state;
          if (state.phase === 'GAP' && next.phase !== 'GAP')
            expect(
              event.kind === 'drop' ||
                (event.kind === 'recover' &&
                  event.incidentId === findOpenIncident(state.incidents)?.id),
            ).toBe(true);
          state = next;
        }
      }),
    );
  });

  it('has an open incident exactly while it is in GAP or BLOCKED', () => {
    fc.assert(
      fc.property(eventSequences, (events) => {
        let state = initialState(spec, NOW);
        for (const event of events) {
          state = reduce(state, event, NOW).state;
          const stopped = state.phase === 'GAP' || state.phase === 'BLOCKED';
          if (stopped) expect(findOpenIncident(state.incidents)).toBeDefined();
        }
      }),
    );
  });

  it('keeps a command for the stream until the stream reports it applied', () => {
    fc.assert(
      fc.property(eventSequences, (events) => {
        let state = initialState(spec, NOW);
        for (const event of events) {
          const next = reduce(state, event, NOW).state;
          const applied = event.kind === 'captureStarted' ? event.commandIds : [];
          for (const { commandId } of state.pending)
            if (!applied.includes(commandId))
              expect(next.pending.map((command) => command.commandId)).toContain(commandId);
          state = next;
        }
      }),
    );
  });

  it('never comes back from DROPPED, and never lowers the tripwire', () => {
    fc.assert(
      fc.property(eventSequences, (events) => {
        let state = initialState(spec, NOW);
        for (const event of events) {
          const next = reduce(state, event, NOW).state;
          if (state.phase === 'DROPPED') expect(next.phase).toBe('DROPPED');
          expect(next.tripwire.epoch).toBeGreaterThanOrEqual(state.tripwire.epoch);
          state = next;
        }
      }),
    );
  });

  it('stays small enough to be carried over, whatever happens', () => {
    fc.assert(
      fc.property(eventSequences, (events) => {
        const { pending: _, ...state } = play([...events, ...events, ...events]);
        expect(JSON.stringify(state).length).toBeLessThan(32 * 1024);
      }),
    );
  });

  it('takes a command with a known id once', () => {
    const request: PipelineEvent = {
      kind: 'requestSnapshot',
      commandId: 'x',
      tables: ['shop.orders'],
    };
    const state = play([{ kind: 'provisioned' }, request, request]);
    expect(state.pending).toHaveLength(1);
  });

  it('hands a resnapshot to the stream when recover asks for it', () => {
    const state = play([
      { kind: 'provisioned' },
      { kind: 'captureStarted', epoch: 3, commandIds: [], finished: [] },
      GAP,
      {
        kind: 'recover',
        incidentId: 'gap-2026-11-23-01',
        action: 'resnapshot',
        tables: [],
        by: 'ana',
      },
    ]);
    expect(state.phase).toBe('PROVISIONING');
    expect(state.pending).toEqual([
      { kind: 'resnapshot', commandId: 'recover-20261123T000000000Z-1', tables: [] },
    ]);
    expect(state.incidents[0]).toMatchObject({
      closedAtMs: NOW,
      answer: { action: 'resnapshot', by: 'ana' },
    });
  });

  it('says why a command is refused and which incident is open', () => {
    const state = play([{ kind: 'provisioned' }, GAP]);
    expect(reduce(state, { kind: 'resume' }, NOW)).toMatchObject({
      state,
      answer: { message: expect.stringContaining('gap-2026-11-23-01') as unknown },
    });
  });

  it('tells the workflow that asked when its snapshot is finished', () => {
    const state = play([
      { kind: 'provisioned' },
      {
        kind: 'requestSnapshot',
        snapshotId: 'nightly',
        tables: [],
        replyTo: 'cdc/shop/nightly/run',
      },
    ]);
    const reduced = reduce(
      state,
      { kind: 'snapshotFinished', snapshotId: 'nightly', tables: 2, rows: 7 },
      NOW,
    );
    expect(reduced.replies).toEqual([
      {
        workflowId: 'cdc/shop/nightly/run',
        done: { outcome: 'finished', snapshotId: 'nightly', tables: 2, rows: 7 },
      },
    ]);
    expect(reduced.state.snapshots).toEqual([]);
  });

  it('tells it at the next start when the notice itself was lost, unless it is asked for again', () => {
    const finished = [{ snapshotId: 'nightly', tables: 2, rows: 7 }];
    const asked: PipelineEvent = {
      kind: 'requestSnapshot',
      snapshotId: 'nightly',
      commandId: 'ask-1',
      tables: [],
      replyTo: 'cdc/shop/nightly/run',
    };
    const state = play([{ kind: 'provisioned' }, asked]);
    const started = (commandIds: readonly string[]): PipelineEvent => ({
      kind: 'captureStarted',
      epoch: 1,
      commandIds,
      finished,
    });
    expect(reduce(state, started([]), NOW).replies).toEqual([]);
    const { replies, state: after } = reduce(state, started(['ask-1']), NOW);
    expect(replies).toMatchObject([{ done: { outcome: 'finished', tables: 2, rows: 7 } }]);
    expect(after).toMatchObject({ snapshots: [], pending: [] });
  });
});

describe('the pipeline reducer and those who wait for a snapshot', () => {
  const REQUEST: PipelineEvent = {
    kind: 'requestSnapshot',
    snapshotId: 'nightly',
    tables: [],
    replyTo: 'cdc/shop/sched/nightly-1',
  };
  const repliesTo = (event: PipelineEvent, ...before: readonly PipelineEvent[]): unknown =>
    reduce(play(before), event, NOW).replies;

  it.each<[string, readonly PipelineEvent[]]>([
    ['PAUSED', [{ kind: 'pause' }]],
    ['GAP', [GAP]],
    ['BLOCKED', [BLOCKED]],
    ['DRAINING', [{ kind: 'drop', deleteTopics: false }]],
  ])('puts a schedule off while %s, and queues nothing', (phase, before) => {
    expect(repliesTo(REQUEST, ...before)).toMatchObject([
      { done: { outcome: 'deferred', reason: `The pipeline is ${phase}.` } },
    ]);
    expect(play([...before, REQUEST]).pending).toEqual([]);
  });

  it('puts a schedule off that asks for more than the stream can be handed at once', () => {
    const long: PipelineEvent = { ...REQUEST, tables: ['shop.'.padEnd(1_900, 'x')] };
    const before: readonly PipelineEvent[] = [
      { kind: 'provisioned' },
      { ...long, commandId: 'a' },
      { ...long, commandId: 'b' },
    ];
    expect(repliesTo({ ...long, commandId: 'c' }, ...before)).toMatchObject([
      { done: { outcome: 'deferred', reason: expect.stringContaining('Too many') as unknown } },
    ]);
  });

  it('tells them when it is cancelled or the pipeline is dropped', () => {
    const cancel: PipelineEvent = { kind: 'cancelSnapshot', snapshotId: 'nightly' };
    const drop: PipelineEvent = { kind: 'drop', deleteTopics: true };
    for (const event of [cancel, drop])
      expect(repliesTo(event, { kind: 'provisioned' }, REQUEST)).toMatchObject([
        { workflowId: 'cdc/shop/sched/nightly-1', done: { outcome: 'cancelled' } },
      ]);
  });
});

describe('the pipeline reducer and configurations', () => {
  const changed = { ...spec, sinks: {}, stream: { ...spec.stream, idleMs: 99 } };

  it('remembers what a configuration no longer has until it has been removed', () => {
    const streaming: readonly PipelineEvent[] = [{ kind: 'provisioned' }];
    const state = play([...streaming, { kind: 'applyConfig', spec: changed }]);
    expect(state).toMatchObject({ phase: 'PROVISIONING', retired: { sinks: ['warehouse'] } });
    expect(reduce(state, { kind: 'provisioned' }, NOW).state.retired.sinks).toEqual([]);
    const back = reduce(state, { kind: 'applyConfig', spec }, NOW).state;
    expect(back.retired.sinks).toEqual([]);
  });

  it('lets a stream run on when the configuration is the one it has', () => {
    const state = play([{ kind: 'provisioned' }]);
    const reduced = reduce(state, { kind: 'applyConfig', spec: structuredClone(spec) }, NOW);
    expect([reduced.state, reduced.interrupt]).toEqual([state, false]);
    expect(reduced.answer.message).toContain('this configuration already');
  });

  it('leaves a sink on the host it has, unless the file names another', () => {
    const on = (host: string): PipelineSpec => ({
      ...spec,
      sinks: { warehouse: { ...spec.sinks['warehouse'], host } as SinkSpec },
    });
    const state = play([{ kind: 'provisioned' }]);
    const unplaced = ['warehouse', 'constructor'];
    const same = reduce(state, { kind: 'applyConfig', spec: on('laptop'), unplaced }, NOW);
    expect([same.state, same.interrupt]).toEqual([state, false]);
    const stream = { ...spec.stream, idleMs: 99 };
    const other = { ...on('laptop'), stream };
    const kept = reduce(state, { kind: 'applyConfig', spec: other, unplaced }, NOW).state;
    expect(kept.spec).toEqual({ ...spec, stream });
    const moved = reduce(state, { kind: 'applyConfig', spec: on('etl-2') }, NOW).state;
    expect(moved.spec).toEqual(on('etl-2'));
  });

  it('refuses the configuration of another pipeline, and another prefix', () => {
    const other = { ...spec, kafka: { ...spec.kafka, prefix: 'other' } };
    for (const wrong of [{ ...spec, pipeline: 'other' }, other])
      expect(refusalOf(play([]), { kind: 'applyConfig', spec: wrong })).toBeDefined();
  });
});

describe('the state of a pipeline', () => {
  it('takes less than 16 KiB beside the configuration, however long the texts are', () => {
    const long = 'x'.repeat(5_000);
    const trouble: readonly PipelineEvent[] = Array.from({ length: 40 }, (_, turn) => [
      { kind: 'provisioned' } as const,
      { kind: 'gap' as const, code: 'binlog.purged', message: long, facts: { a: long } },
      {
        kind: 'recover' as const,
        incidentId: '*',
        action: 'retry' as const,
        tables: [],
        by: long.slice(0, 128),
        reason: long.slice(0, 500),
        commandId: `${turn}-${long}`.slice(0, 100),
      },
      {
        kind: 'requestSnapshot' as const,
        tables: [`shop.${long}`.slice(0, 500)],
        replyTo: long.slice(0, 250),
        snapshotId: `${turn}${long}`.slice(0, 100),
      },
    ]).flat();
    let state = play(trouble);
    for (let turn = 0; turn < 20; turn++) state = withRefusal(state, long, NOW);
    const { spec: _, ...carried } = state;
    expect(JSON.stringify(carried).length).toBeLessThan(16 * 1024);
    expect(state.pending.length).toBeGreaterThan(1);
  });

  it('takes a star for any incident with retry only: it must not cost rows by accident', () => {
    const state = play([GAP]);
    const star = { kind: 'recover', incidentId: '*', tables: [] } as const;
    expect(refusalOf(state, { ...star, action: 'resnapshot' })).toContain('retry only');
    expect(refusalOf(state, { ...star, action: 'retry' })).toBeUndefined();
  });
});
