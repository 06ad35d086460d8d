import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openIncident } from '../../src/control/incident.ts';
import {
  initialState,
  type PipelineEvent,
  type PipelineState,
  reduce,
} from '../../src/control/pipeline-state.ts';
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
    commandIds.map(
      (commandId): PipelineEvent => ({ kind: 'requestSnapshot', commandId, tables: [] }),
    ),
    commandIds.map((snapshotId): PipelineEvent => ({ kind: 'cancelSnapshot', snapshotId })),
    fc
      .record({ epoch: fc.nat(9), id: commandIds })
      .map(({ epoch, id }): PipelineEvent => ({ kind: 'captureStarted', epoch, commandIds: [id] })),
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
                  event.incidentId === openIncident(state.incidents)?.id),
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
          if (stopped) expect(openIncident(state.incidents)).toBeDefined();
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
      { kind: 'captureStarted', epoch: 3, commandIds: [] },
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
      accepted: false,
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
});
