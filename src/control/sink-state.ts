import { unreachable } from '../change/brand.ts';
import {
  ANY_INCIDENT,
  type Incident,
  openIncident,
  type Verdict,
  withAnswered,
  withOpened,
} from './incident.ts';
import type { CommandAnswer, SinkCommand, SnapshotDone } from './messages.ts';
import type { PipelineSpec } from './pipeline-spec.ts';
import type { Refusal } from './refusal.ts';

export const SINK_PHASES = ['RUNNING', 'PAUSED', 'GAP', 'BLOCKED', 'STOPPED'] as const;
export type SinkPhase = (typeof SINK_PHASES)[number];

/** All a sink's workflow knows; carried through continue-as-new. JSON-plain. */
export interface SinkState {
  readonly v: 1;
  readonly spec: PipelineSpec;
  readonly sinkName: string;
  readonly phase: SinkPhase;
  readonly sinceMs: number;
  readonly incidents: readonly Incident[];
  readonly incidentCount: number;
  /** Ids of the commands taken, newest last. */
  readonly commandIds: readonly string[];
  /** Id of the newest answer `resnapshot`; the sink, told of it at every start, carries it out once. */
  readonly renewal?: string;
  readonly snapshot?: SinkSnapshot;
  /** Signals that could not be taken, newest last. */
  readonly refusals: readonly Refusal[];
}

/** The snapshot of every table that a warehouse needs which did not begin with the topics. */
export interface SinkSnapshot {
  readonly id: string;
  readonly state: 'needed' | 'asked' | 'finished';
  /** Why the pipeline has put it off; it is asked again after a while. */
  readonly deferral?: string;
}

/** What the sink and its pipeline say about the snapshot. */
export type SinkNotice =
  | { readonly kind: 'snapshotNeeded'; readonly snapshotId: string }
  | { readonly kind: 'snapshotAsked'; readonly snapshotId: string }
  | { readonly kind: 'snapshotDone'; readonly done: SnapshotDone };

export type SinkEvent = SinkCommand | SinkNotice | Verdict;

const MAX_COMMAND_IDS = 32;

type Step = SinkPhase | 'stay' | 'refuse';

/** Where each event leads from each phase. A pair that is missing does not compile. */
const STEPS: Record<SinkPhase, Record<Exclude<SinkEvent, SinkNotice>['kind'], Step>> = {
  RUNNING: {
    pause: 'PAUSED',
    resume: 'refuse',
    applyConfig: 'stay',
    recover: 'refuse',
    stop: 'STOPPED',
    gap: 'GAP',
    blocked: 'BLOCKED',
  },
  PAUSED: {
    pause: 'refuse',
    resume: 'RUNNING',
    applyConfig: 'stay',
    recover: 'refuse',
    stop: 'STOPPED',
    gap: 'GAP',
    blocked: 'BLOCKED',
  },
  GAP: {
    pause: 'refuse',
    resume: 'refuse',
    applyConfig: 'stay',
    recover: 'RUNNING',
    stop: 'STOPPED',
    gap: 'stay',
    blocked: 'stay',
  },
  BLOCKED: {
    pause: 'refuse',
    resume: 'RUNNING',
    applyConfig: 'RUNNING',
    recover: 'RUNNING',
    stop: 'STOPPED',
    gap: 'stay',
    blocked: 'stay',
  },
  STOPPED: {
    pause: 'refuse',
    resume: 'refuse',
    // Taken out and put back before its last commit was done.
    applyConfig: 'RUNNING',
    recover: 'refuse',
    stop: 'stay',
    gap: 'stay',
    blocked: 'stay',
  },
};

export interface SinkReduced {
  readonly state: SinkState;
  readonly accepted: boolean;
  readonly answer: CommandAnswer;
  /** The activity that runs now has to end. */
  readonly interrupt: boolean;
}

export function initialSinkState(spec: PipelineSpec, sinkName: string, nowMs: number): SinkState {
  return {
    v: 1,
    spec,
    sinkName,
    phase: 'RUNNING',
    sinceMs: nowMs,
    incidents: [],
    incidentCount: 0,
    commandIds: [],
    refusals: [],
  };
}

/** The sink's next state. Pure. */
export function reduceSink(state: SinkState, event: SinkEvent, nowMs: number): SinkReduced {
  if (isNotice(event)) return noticed(state, event, nowMs);
  const refusal = sinkRefusalOf(state, event);
  if (refusal !== undefined) return unchanged(state, refusal, false);
  if (isVerdict(event))
    return unchanged(stopped(enter(state, event.kind, nowMs), event, nowMs), '');
  if (isRepeated(state, event)) return unchanged(state, 'This command has been taken already.');
  if (changesNothing(state, event))
    return unchanged(state, 'The sink has this configuration already.');
  const { commandId } = event;
  const entered = enter(state, event.kind, nowMs);
  const commandIds =
    commandId === undefined
      ? state.commandIds
      : [...state.commandIds, commandId].slice(-MAX_COMMAND_IDS);
  const reduced = unchanged(taken({ ...entered, commandIds }, event, nowMs), messageOf(event));
  return { ...reduced, interrupt: state.phase === 'RUNNING' };
}

/** Why an event cannot be taken now; `undefined` when it can. */
export function sinkRefusalOf(state: SinkState, event: SinkEvent): string | undefined {
  if (isVerdict(event) || isNotice(event) || isRepeated(state, event)) return undefined;
  const open = openIncident(state.incidents);
  if (STEPS[state.phase][event.kind] === 'refuse') {
    if (event.kind === 'recover' && !open) return 'There is no open incident to recover from.';
    const cure = open ? ` Answer incident ${open.id} with recover.` : '';
    return `${event.kind} is not possible while the sink is ${state.phase}.${cure}`;
  }
  if (
    event.kind === 'recover' &&
    event.incidentId !== ANY_INCIDENT &&
    event.incidentId !== open?.id
  )
    return `The open incident is ${open?.id ?? 'none'}, not ${event.incidentId}.`;
  if (event.kind === 'recover' && event.incidentId === ANY_INCIDENT && event.action !== 'retry')
    return `"${ANY_INCIDENT}" stands for any incident with action retry only; the open one is ${open?.id ?? 'none'}.`;
  if (event.kind === 'applyConfig' && !Object.hasOwn(event.spec.sinks, state.sinkName))
    return `This configuration has no sink ${state.sinkName}; stop is the command that ends one.`;
  return undefined;
}

function isNotice(event: SinkEvent): event is SinkNotice {
  return (
    event.kind === 'snapshotNeeded' ||
    event.kind === 'snapshotAsked' ||
    event.kind === 'snapshotDone'
  );
}

function isVerdict(event: SinkEvent): event is Verdict {
  return event.kind === 'gap' || event.kind === 'blocked';
}

function isRepeated(state: SinkState, { commandId }: SinkCommand): boolean {
  return commandId !== undefined && state.commandIds.includes(commandId);
}

function changesNothing(state: SinkState, event: SinkCommand): boolean {
  return (
    event.kind === 'applyConfig' &&
    STEPS[state.phase].applyConfig === 'stay' &&
    JSON.stringify(event.spec) === JSON.stringify(state.spec)
  );
}

function enter(state: SinkState, kind: keyof (typeof STEPS)[SinkPhase], nowMs: number): SinkState {
  const step = STEPS[state.phase][kind];
  if (step === 'stay' || step === 'refuse' || step === state.phase) return state;
  return { ...state, phase: step, sinceMs: nowMs };
}

function unchanged(state: SinkState, message: string, accepted = true): SinkReduced {
  return { state, accepted, interrupt: false, answer: { state: state.phase, message } };
}

/** What a command changes besides the phase, which has been entered already. */
function taken(state: SinkState, event: SinkCommand, nowMs: number): SinkState {
  switch (event.kind) {
    case 'applyConfig':
      return answered({ ...state, spec: event.spec }, event, nowMs);
    case 'recover':
      return recovered(answered(state, event, nowMs), event, nowMs);
    case 'resume':
      return answered(state, event, nowMs);
    case 'pause':
    case 'stop':
      return state;
    default:
      return unreachable(event);
  }
}

function messageOf(event: SinkCommand): string {
  return event.kind === 'recover' && event.action === 'resnapshot'
    ? 'Taken: an empty warehouse begins at the present cut, and the pipeline is asked for a snapshot of every table.'
    : 'Taken.';
}

function recovered(
  state: SinkState,
  { action, commandId }: Extract<SinkCommand, { kind: 'recover' }>,
  nowMs: number,
): SinkState {
  if (action === 'retry') return state;
  const { snapshot: _, ...rest } = state;
  // Unlike any id of an earlier life of the sink, which Kafka still remembers.
  const renewal =
    commandId ??
    `resnapshot-${new Date(nowMs).toISOString().replace(/\W/g, '')}-${state.incidentCount}`;
  return { ...rest, renewal };
}

/** Takes what is said about the snapshot; what it says of another one than the newest is old. */
function noticed(state: SinkState, event: SinkNotice, nowMs: number): SinkReduced {
  const { snapshot } = state;
  const is = (next: SinkSnapshot): SinkState => ({ ...state, snapshot: next });
  switch (event.kind) {
    case 'snapshotNeeded':
      return unchanged(is({ id: event.snapshotId, state: 'needed' }), '');
    case 'snapshotAsked':
      return unchanged(
        snapshot?.id === event.snapshotId ? is({ id: snapshot.id, state: 'asked' }) : state,
        '',
      );
    case 'snapshotDone': {
      const { done } = event;
      if (snapshot?.id !== done.snapshotId) return unchanged(state, '');
      const { id } = snapshot;
      const interrupt = state.phase === 'RUNNING';
      switch (done.outcome) {
        case 'finished':
          return unchanged(is({ id, state: 'finished' }), '');
        case 'deferred':
          return {
            ...unchanged(is({ id, state: 'needed', deferral: done.reason }), ''),
            interrupt,
          };
        case 'cancelled': {
          const asksAgain = is({ id, state: 'needed' });
          const verdict = snapshotCancelled(id, done.reason);
          const next = stopped(enter(asksAgain, verdict.kind, nowMs), verdict, nowMs);
          return { ...unchanged(next, ''), interrupt };
        }
        default:
          return unreachable(done);
      }
    }
    default:
      return unreachable(event);
  }
}

function snapshotCancelled(snapshotId: string, reason: string): Verdict {
  return {
    kind: 'blocked',
    code: 'sink.snapshot-cancelled',
    message: `Snapshot ${snapshotId}, which the warehouse needs, has not been finished: ${reason}`,
    facts: { snapshotId },
  };
}

/** An incident stays open only where it still holds the sink up. */
function answered(state: SinkState, event: SinkCommand, nowMs: number): SinkState {
  if (state.phase !== 'RUNNING') return state;
  const { kind, by, reason } = event;
  const answer = {
    action: event.kind === 'recover' ? event.action : kind,
    ...(by === undefined ? {} : { by }),
    ...(reason === undefined ? {} : { reason }),
  };
  return { ...state, incidents: withAnswered(state.incidents, answer, nowMs) };
}

function stopped(state: SinkState, verdict: Verdict, nowMs: number): SinkState {
  const stopsHere = state.phase === 'GAP' || state.phase === 'BLOCKED';
  if (!stopsHere || openIncident(state.incidents)) return state;
  const ordinal = state.incidentCount + 1;
  const incidents = withOpened(state.incidents, verdict, ordinal, nowMs, `${state.sinkName}/`);
  return { ...state, incidentCount: ordinal, incidents };
}
