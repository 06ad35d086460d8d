import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FailureStreak, isIncident, withFailure } from '../../src/control/failing.ts';
import { findOpenIncident } from '../../src/control/incident.ts';
import { parseFailing } from '../../src/control/messages.ts';
import {
  initialState,
  type PipelineEvent,
  type PipelineState,
  reduce,
  refusalOf,
} from '../../src/control/pipeline-state.ts';
import { initialSinkState, reduceSink } from '../../src/control/sink-state.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';

const NOW = Date.UTC(2026, 10, 23);
const SETTINGS = { incidentAfterMs: 300_000, incidentAfterCount: 10 };
const LOST = { code: 'mysql.connection-lost', message: 'The server went away.' };

/** Failures as `[seconds, place]`. */
const streakOf = (...failures: readonly (readonly [number, string | undefined])[]): FailureStreak =>
  failures.reduce<FailureStreak | undefined>(
    (streak, [seconds, place]) => withFailure(streak, LOST, place, NOW + seconds * 1_000, SETTINGS),
    undefined,
  )!;

const every = (seconds: number, count: number, place: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => [index * seconds, place(index)] as const);

describe('failures are an incident', () => {
  it.each<[string, readonly (readonly [number, string | undefined])[], boolean]>([
    ['one is none', [[0, 'a']], false],
    ['some at one place within five minutes are none', every(60, 5, () => 'a'), false],
    ['they stand at one place for five minutes', every(60, 6, () => 'a'), true],
    ['they stand where nobody knows', every(60, 6, () => ''), true],
    ['they get on in between', every(60, 6, (index) => `at ${index}`), false],
    ['they get on, but fail ten times in five minutes', every(30, 10, String), true],
    ['ten in more than five minutes, and they get on', every(40, 10, String), false],
    [
      'the place is not known at first',
      [
        [0, undefined],
        [150, 'a'],
        [300, 'a'],
      ],
      true,
    ],
    [
      'an attempt that reports nothing has got no further',
      [
        [0, 'a'],
        [300, undefined],
      ],
      true,
    ],
  ])('%s', (_, failures, expected) => {
    const lastMs = NOW + (failures.at(-1)?.[0] ?? 0) * 1_000;
    expect(isIncident(streakOf(...failures), lastMs, SETTINGS)).toBe(expected);
  });

  it('whatever they say, since another cause at the same place is no progress', () => {
    const first = streakOf([0, 'a']);
    const other = { code: 'kafka.unreachable', message: 'No broker.' };
    const second = withFailure(first, other, 'a', NOW + 300_000, SETTINGS);
    expect(second).toMatchObject({ code: 'kafka.unreachable', sinceMs: NOW, failures: 2 });
    expect(isIncident(second, NOW + 300_000, SETTINGS)).toBe(true);
  });

  it('and their streak stays small enough for a heartbeat', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(9_999), fc.string())), fc.string(), (more, message) => {
        const places = [...more].sort(([a], [b]) => a - b);
        const streak = places.reduce<FailureStreak>(
          (known, [s, place]) =>
            withFailure(known, { code: 'x', message: message.repeat(99) }, place, s, SETTINGS),
          streakOf([0, 'a']),
        );
        expect(streak.recentMs.length).toBeLessThanOrEqual(SETTINGS.incidentAfterCount);
        expect(streak.message.length).toBeLessThanOrEqual(500);
      }),
    );
  });
});

const spec = aPipelineSpec();
const STREAMING = reduce(initialState(spec, NOW), { kind: 'provisioned' }, NOW).state;
const FAILING: PipelineEvent = {
  kind: 'failing',
  ...LOST,
  place: 'binlog.000004:157',
  sinceMs: NOW - 300_000,
  failures: 12,
};

const after = (state: PipelineState, ...events: readonly PipelineEvent[]): PipelineState =>
  events.reduce((now, event) => reduce(now, event, NOW).state, state);

const openOf = (state: PipelineState) => findOpenIncident(state.incidents);
const recover = (action: 'retry' | 'resnapshot', incidentId: string): PipelineEvent => ({
  kind: 'recover',
  incidentId,
  action,
  tables: [],
});

describe('a pipeline that fails and tries again', () => {
  it('goes on streaming under an open incident that says what, since when and where', () => {
    const transition = reduce(STREAMING, FAILING, NOW);
    expect(transition.interrupt).toBe(false);
    expect(transition.state.phase).toBe('STREAMING');
    const open = openOf(transition.state);
    expect(open).toMatchObject({
      id: 'failing-2026-11-23-01',
      kind: 'failing',
      code: 'mysql.connection-lost',
      facts: { place: 'binlog.000004:157', failures: 12 },
    });
    expect(open?.message).toContain(
      'The server went away. It has failed 12 times since 2026-11-22',
    );
  });

  it('has one incident, which takes the newest cause', () => {
    const other: PipelineEvent = { ...FAILING, code: 'kafka.unreachable', failures: 99 };
    const state = after(STREAMING, FAILING, other);
    expect(state.incidents).toMatchObject([{ code: 'kafka.unreachable', facts: { failures: 99 } }]);
  });

  it('has it closed when the work goes on, and opens another one later', () => {
    const state = after(STREAMING, FAILING, { kind: 'working' });
    expect(openOf(state)).toBeUndefined();
    expect(state.incidents).toMatchObject([{ closedAtMs: NOW, answer: { action: 'works again' } }]);
    expect(openOf(after(state, FAILING))?.id).toBe('failing-2026-11-23-02');
    expect(after(STREAMING, { kind: 'working' })).toEqual(STREAMING);
  });

  it.each(['PROVISIONING', 'STREAMING'] as const)(
    'in %s takes an answer, which begins a new attempt at once',
    (phase) => {
      const state = after(phase === 'STREAMING' ? STREAMING : initialState(spec, NOW), FAILING);
      for (const event of [
        recover('retry', openOf(state)?.id ?? ''),
        recover('retry', '*'),
        recover('resnapshot', openOf(state)?.id ?? ''),
        { kind: 'resume' } as const,
      ]) {
        expect(refusalOf(state, event)).toBeUndefined();
        const { state: next, interrupt } = reduce(state, event, NOW);
        expect(interrupt).toBe(true);
        expect(next.phase).toBe(phase);
        expect(openOf(next)).toBeUndefined();
      }
      expect(refusalOf(state, recover('retry', 'gap-1'))).toContain('The open incident is failing');
    },
  );

  it('refuses an answer while nothing fails', () => {
    expect(refusalOf(STREAMING, { kind: 'resume' })).toContain('not possible while');
    expect(refusalOf(STREAMING, recover('retry', '*'))).toContain('no open incident');
  });

  it.each([
    ['a pause', { kind: 'pause' }, 'pause'],
    ['a new configuration', { kind: 'applyConfig', spec: { ...spec, sinks: {} } }, 'applyConfig'],
  ] as const)('ends its incident with %s', (_, event, action) => {
    const state = after(STREAMING, FAILING, event);
    expect(openOf(state)).toBeUndefined();
    expect(state.incidents).toMatchObject([{ answer: { action } }]);
  });

  it('has the incident of what stops it in the place of the one of trying', () => {
    const gap: PipelineEvent = { kind: 'gap', code: 'binlog.purged', message: 'Gone.', facts: {} };
    const state = after(STREAMING, FAILING, gap);
    expect(state.phase).toBe('GAP');
    expect(openOf(state)?.kind).toBe('gap');
    expect(state.incidents).toMatchObject([{ answer: { action: 'became gap' } }, { kind: 'gap' }]);
  });

  it('is told nothing more after a pause', () => {
    expect(openOf(after(STREAMING, { kind: 'pause' }, FAILING))).toBeUndefined();
  });

  it('tells also of a drop that fails, which an answer lets try again', () => {
    const dropping = after(STREAMING, { kind: 'drop', deleteTopics: true });
    const state = after(dropping, { ...FAILING, waits: true });
    expect(openOf(state)?.message).toContain('It waits for an answer');
    expect(refusalOf(dropping, recover('retry', '*'))).toContain('no open incident');
    expect(openOf(after(state, recover('retry', '*')))).toBeUndefined();
  });
});

describe('a sink that fails and tries again', () => {
  it('goes on under an incident of its own, and takes an answer', () => {
    const notice = { ...FAILING, kind: 'failing' } as const;
    const { state } = reduceSink(initialSinkState(spec, 'warehouse', NOW), notice, NOW);
    expect(state.phase).toBe('RUNNING');
    const incidentId = findOpenIncident(state.incidents)?.id ?? '';
    expect(incidentId).toBe('warehouse/failing-2026-11-23-01');
    const answered = reduceSink(state, { kind: 'recover', incidentId, action: 'retry' }, NOW);
    expect(answered).toMatchObject({ interrupt: true, state: { phase: 'RUNNING' } });
    expect(findOpenIncident(answered.state.incidents)).toBeUndefined();
  });
});

describe('the signal of failing work', () => {
  it('is taken as activities send it', () => {
    expect(parseFailing(FAILING)).toEqual({ ok: true, value: FAILING });
    expect(parseFailing({ kind: 'working' })).toEqual({ ok: true, value: { kind: 'working' } });
  });

  it.each([undefined, 'x', {}, { kind: 'failing' }, { ...FAILING, failures: -1 }])(
    'is refused when a person sends %j',
    (payload) => {
      expect(parseFailing(payload).ok).toBe(false);
    },
  );
});
