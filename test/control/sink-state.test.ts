import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TableName } from '../../src/change/table.ts';
import { findOpenIncident } from '../../src/control/incident.ts';
import {
  initialSinkState,
  reduceSink,
  type SinkEvent,
  type SinkState,
} from '../../src/control/sink-state.ts';
import type { TableStop } from '../../src/control/stopped-tables.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';

const NOW = Date.UTC(2026, 10, 23);
const spec = aPipelineSpec();
const START = initialSinkState(spec, 'warehouse', NOW);

const play = (...events: readonly SinkEvent[]): SinkState =>
  events.reduce((state, event) => reduceSink(state, event, NOW).state, START);

const GAP: SinkEvent = { kind: 'gap', code: 'sink.warehouse-lost', message: 'gone', facts: {} };
const BLOCKED: SinkEvent = {
  kind: 'blocked',
  code: 'sink.schema-conflict',
  message: 'no',
  facts: {},
};
const CHANGED: SinkEvent = {
  kind: 'applyConfig',
  spec: { ...spec, stream: { ...spec.stream, idleMs: 99 } },
};

const snapshotId = 'sink-w1';
const NEEDED: SinkEvent = { kind: 'snapshotNeeded', snapshotId };
const ASKED: SinkEvent = { kind: 'snapshotAsked', snapshotId };
const FINISHED: SinkEvent = {
  kind: 'snapshotDone',
  done: { outcome: 'finished', snapshotId, tables: 1, rows: 1 },
};
const DEFERRED: SinkEvent = {
  kind: 'snapshotDone',
  done: { outcome: 'deferred', snapshotId, reason: 'The pipeline is PAUSED.' },
};
const CANCELLED: SinkEvent = {
  kind: 'snapshotDone',
  done: { outcome: 'cancelled', snapshotId, reason: 'It was cancelled.' },
};
const OUTCOMES = [FINISHED, DEFERRED, CANCELLED];

const STOP: TableStop = {
  table: 'shop.orders' as TableName,
  code: 'bigquery.row-refused',
  reason: 'No.',
  position: 'offset 7',
};

const anyEvents = fc.array(
  fc.oneof(
    fc.constantFrom<SinkEvent>(
      { kind: 'pause' },
      { kind: 'resume' },
      { kind: 'stop' },
      { kind: 'applyConfig', spec },
      CHANGED,
      GAP,
      BLOCKED,
      NEEDED,
      ASKED,
      ...OUTCOMES,
      { kind: 'recover', incidentId: 'warehouse/gap-2026-11-23-01', action: 'resnapshot' },
      { kind: 'recover', incidentId: '*', action: 'retry' },
      { kind: 'stoppedTables', count: 1, tables: [STOP] },
      { kind: 'stoppedTables', count: 0, tables: [] },
      { kind: 'recover', incidentId: 'warehouse/gap-2026-11-23-01', action: 'retry' },
    ),
    fc.constantFrom('a', 'b').map((commandId): SinkEvent => ({ kind: 'pause', commandId })),
  ),
  { maxLength: 50 },
);

describe('the sink reducer', () => {
  it('leaves GAP only by recover or stop', () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        let state = START;
        for (const event of events) {
          const next = reduceSink(state, event, NOW).state;
          if (state.phase === 'GAP' && next.phase !== 'GAP')
            expect(['recover', 'stop']).toContain(event.kind);
          state = next;
        }
      }),
    );
  });

  it('has an open incident exactly while it stands still because of one', () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        const { phase, incidents } = play(...events);
        if (phase !== 'STOPPED')
          expect(findOpenIncident(incidents)?.kind.toUpperCase()).toBe(
            phase === 'GAP' || phase === 'BLOCKED' ? phase : undefined,
          );
      }),
    );
  });

  it('comes back from STOPPED only by a configuration that has it', () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        const others = events.filter(({ kind }) => kind !== 'applyConfig');
        expect(play({ kind: 'stop' }, ...others).phase).toBe('STOPPED');
      }),
    );
    expect(play({ kind: 'stop' }, { kind: 'applyConfig', spec }).phase).toBe('RUNNING');
    expect(play({ kind: 'stop' }, CHANGED).phase).toBe('RUNNING');
  });

  it('refuses a configuration without it, whatever it is doing', () => {
    const without: SinkEvent = { kind: 'applyConfig', spec: { ...spec, sinks: {} } };
    for (const state of [START, play({ kind: 'pause' }), play({ kind: 'stop' })])
      expect(reduceSink(state, without, NOW)).toMatchObject({
        state,
        answer: { message: expect.stringContaining('no sink warehouse') as unknown },
      });
  });

  it('interrupts its activity for what changes it, and for nothing else', () => {
    expect(reduceSink(START, { kind: 'pause' }, NOW).interrupt).toBe(true);
    expect(reduceSink(START, CHANGED, NOW).interrupt).toBe(true);
    expect(reduceSink(START, { kind: 'applyConfig', spec }, NOW).interrupt).toBe(false);
    expect(reduceSink(play({ kind: 'pause' }), CHANGED, NOW).interrupt).toBe(false);
  });

  it('takes a new configuration as the answer to what blocked it, not to a gap', () => {
    expect(play(BLOCKED, CHANGED)).toMatchObject({
      phase: 'RUNNING',
      incidents: [{ answer: { action: 'applyConfig' } }],
    });
    expect(play(GAP, CHANGED).phase).toBe('GAP');
  });

  it('hands the sink the newest resnapshot, and forgets the snapshot the old warehouse needed', () => {
    const incidentId = 'warehouse/gap-2026-11-23-01';
    const recover = { kind: 'recover', incidentId, action: 'resnapshot' } as const;
    const given = play(NEEDED, ASKED, GAP, { ...recover, commandId: 'c1' });
    expect(given).toMatchObject({
      phase: 'RUNNING',
      renewal: 'c1',
      incidents: [{ answer: { action: 'resnapshot' } }],
    });
    expect(given.snapshot).toBeUndefined();
    expect(play(GAP, recover).renewal).toMatch(/^resnapshot-20261123T\d+Z-1$/);
    expect(play(GAP, { ...recover, incidentId: '*' }).phase).toBe('GAP');
    expect(play(GAP, { ...recover, action: 'retry' }).renewal).toBeUndefined();
  });

  it('follows the snapshot it needs from the request to the end', () => {
    expect(play(NEEDED).snapshot).toEqual({ id: snapshotId, state: 'needed' });
    expect(play(NEEDED, ASKED).snapshot).toEqual({ id: snapshotId, state: 'asked' });
    expect(play(NEEDED, ASKED, FINISHED).snapshot).toEqual({ id: snapshotId, state: 'finished' });
    expect(play(FINISHED).snapshot).toBeUndefined();
  });

  it('asks again for a snapshot that was put off', () => {
    const asked = play(NEEDED, ASKED);
    expect(reduceSink(asked, DEFERRED, NOW)).toMatchObject({
      interrupt: true,
      state: {
        phase: 'RUNNING',
        snapshot: { state: 'needed', deferral: 'The pipeline is PAUSED.' },
      },
    });
  });

  it('stands still when the snapshot was cancelled, and asks again when told to', () => {
    const blocked = reduceSink(play(NEEDED, ASKED), CANCELLED, NOW);
    expect(blocked).toMatchObject({
      interrupt: true,
      state: { phase: 'BLOCKED', incidents: [{ code: 'sink.snapshot-cancelled' }] },
    });
    const retry: SinkEvent = { kind: 'recover', incidentId: '*', action: 'retry' };
    expect(reduceSink(blocked.state, retry, NOW).state).toMatchObject({
      phase: 'RUNNING',
      snapshot: { id: snapshotId, state: 'needed' },
    });
  });
});
