import { unreachable } from '../change/brand.ts';
import {
  ANY_INCIDENT,
  type Incident,
  openIncident,
  type Verdict,
  withAnswered,
  withOpened,
} from './incident.ts';
import type { CommandAnswer, SinkCommand } from './messages.ts';
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
  /** Signals that could not be taken, newest last. */
  readonly refusals: readonly Refusal[];
}

export type SinkEvent = SinkCommand | Verdict;

const MAX_COMMAND_IDS = 32;

type Step = SinkPhase | 'stay' | 'refuse';

/** Where each event leads from each phase. A pair that is missing does not compile. */
const STEPS: Record<SinkPhase, Record<SinkEvent['kind'], Step>> = {
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
  const reduced = unchanged(taken({ ...entered, commandIds }, event, nowMs), 'Taken.');
  return { ...reduced, interrupt: state.phase === 'RUNNING' };
}

/** Why an event cannot be taken now; `undefined` when it can. */
export function sinkRefusalOf(state: SinkState, event: SinkEvent): string | undefined {
  if (isVerdict(event) || isRepeated(state, event)) return undefined;
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
  if (event.kind === 'applyConfig' && !Object.hasOwn(event.spec.sinks, state.sinkName))
    return `This configuration has no sink ${state.sinkName}; stop is the command that ends one.`;
  return undefined;
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

function enter(state: SinkState, kind: SinkEvent['kind'], nowMs: number): SinkState {
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
    case 'resume':
      return answered(state, event, nowMs);
    case 'pause':
    case 'stop':
      return state;
    default:
      return unreachable(event);
  }
}

/** An incident stays open only where it still holds the sink up. */
function answered(state: SinkState, { kind, by, reason }: SinkCommand, nowMs: number): SinkState {
  if (state.phase !== 'RUNNING') return state;
  const answer = {
    action: kind === 'recover' ? 'retry' : kind,
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
