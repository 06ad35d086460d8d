import { type Incident, incidentId, MAX_INCIDENTS, openIncident } from './incident.ts';
import type { CommandAnswer } from './messages.ts';
import type { PipelineSpec } from './pipeline-spec.ts';

export type SinkPhase = 'RUNNING' | 'PAUSED' | 'GAP' | 'BLOCKED' | 'STOPPED';

/** All a sink's workflow knows; carried through continue-as-new. JSON-plain. */
export interface SinkState {
  readonly v: 1;
  readonly spec: PipelineSpec;
  readonly sinkName: string;
  readonly phase: SinkPhase;
  readonly sinceMs: number;
  readonly incidents: readonly Incident[];
  readonly incidentCount: number;
}

export type SinkEvent =
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'applyConfig'; readonly spec: PipelineSpec }
  | { readonly kind: 'recover'; readonly incidentId: string }
  | { readonly kind: 'stop' }
  | {
      readonly kind: 'gap' | 'blocked';
      readonly code: string;
      readonly message: string;
      readonly facts: Readonly<Record<string, unknown>>;
    };

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
    gap: 'GAP',
    blocked: 'stay',
  },
  STOPPED: {
    pause: 'refuse',
    resume: 'refuse',
    applyConfig: 'refuse',
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
  };
}

export function reduceSink(state: SinkState, event: SinkEvent, nowMs: number): SinkReduced {
  const open = openIncident(state.incidents);
  if (event.kind === 'recover' && open?.id !== event.incidentId)
    return refused(
      state,
      open
        ? `The open incident is ${open.id}, not ${event.incidentId}.`
        : 'There is no open incident.',
    );
  const step = STEPS[state.phase][event.kind];
  if (step === 'refuse')
    return refused(state, `${event.kind} is not possible while the sink is ${state.phase}.`);
  const moved: SinkState =
    step === 'stay' || step === state.phase ? state : { ...state, phase: step, sinceMs: nowMs };
  return {
    state: withEvent(moved, event, open, nowMs),
    accepted: true,
    answer: { state: moved.phase, message: 'Taken.' },
  };
}

function refused(state: SinkState, message: string): SinkReduced {
  return { state, accepted: false, answer: { state: state.phase, message } };
}

function withEvent(
  state: SinkState,
  event: SinkEvent,
  open: Incident | undefined,
  nowMs: number,
): SinkState {
  switch (event.kind) {
    case 'gap':
    case 'blocked':
      return open || (state.phase !== 'GAP' && state.phase !== 'BLOCKED')
        ? state
        : opened(state, event, nowMs);
    case 'applyConfig':
      return closed({ ...state, spec: event.spec }, event.kind, nowMs);
    case 'recover':
    case 'resume':
      return closed(state, event.kind, nowMs);
    case 'pause':
    case 'stop':
      return state;
  }
}

function opened(
  state: SinkState,
  event: Extract<SinkEvent, { kind: 'gap' | 'blocked' }>,
  nowMs: number,
): SinkState {
  const ordinal = state.incidentCount + 1;
  const { kind, code, message, facts } = event;
  const incident: Incident = {
    id: incidentId(kind, nowMs, ordinal),
    kind,
    code,
    message,
    facts,
    openedAtMs: nowMs,
  };
  return {
    ...state,
    incidentCount: ordinal,
    incidents: [...state.incidents, incident].slice(-MAX_INCIDENTS),
  };
}

function closed(state: SinkState, action: string, nowMs: number): SinkState {
  if (state.phase !== 'RUNNING') return state;
  const incidents = state.incidents.map((incident) =>
    incident.closedAtMs === undefined
      ? { ...incident, closedAtMs: nowMs, answer: { action } }
      : incident,
  );
  return { ...state, incidents };
}
