import { unreachable } from '../change/brand.ts';
import { applyFailing, endFailing, type FailingNotice } from './failing.ts';
import type { Verdict } from './incident.ts';
import type { SinkCommand, SnapshotDone } from './messages.ts';
import type { PipelineSpec } from './pipeline-spec.ts';
import type { Refusal } from './refusal.ts';
import {
  advance,
  closeIncident,
  type Machine,
  type MachineState,
  moveTo,
  newId,
  openIncident,
  refusalFor,
  refuseWrongIncident,
  rememberCommand,
  reply,
  type Steps,
  type Transition,
} from './state-machine.ts';
import { applyStoppedTables, type StoppedTables } from './stopped-tables.ts';

export const SINK_PHASES = ['RUNNING', 'PAUSED', 'GAP', 'BLOCKED', 'STOPPED'] as const;
export type SinkPhase = (typeof SINK_PHASES)[number];

/** All a sink's workflow knows; carried through continue-as-new. JSON-plain. */
export interface SinkState extends MachineState<SinkPhase> {
  readonly v: 1;
  readonly spec: PipelineSpec;
  readonly sinkName: string;
  /** Id of the newest command or answer `resnapshot`; the sink, told of it at every start, carries it out once. */
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
  | Verdict
  | ({ readonly kind: 'stoppedTables' } & StoppedTables)
  | FailingNotice
  | { readonly kind: 'snapshotNeeded'; readonly snapshotId: string }
  | { readonly kind: 'snapshotAsked'; readonly snapshotId: string }
  | { readonly kind: 'snapshotDone'; readonly done: SnapshotDone };

export type SinkEvent = SinkCommand | SinkNotice;

const STEPS: Steps<SinkPhase, SinkEvent['kind']> = {
  RUNNING: {
    pause: 'PAUSED',
    resume: 'ifFailing',
    applyConfig: 'stay',
    recover: 'ifFailing',
    resnapshot: 'stay',
    stop: 'STOPPED',
    gap: 'GAP',
    blocked: 'BLOCKED',
    stoppedTables: 'stay',
    failing: 'stay',
    working: 'stay',
    snapshotNeeded: 'stay',
    snapshotAsked: 'stay',
    snapshotDone: 'stay',
  },
  PAUSED: {
    pause: 'refuse',
    resume: 'RUNNING',
    applyConfig: 'stay',
    recover: 'refuse',
    resnapshot: 'RUNNING',
    stop: 'STOPPED',
    gap: 'GAP',
    blocked: 'BLOCKED',
    stoppedTables: 'stay',
    failing: 'stay',
    working: 'stay',
    snapshotNeeded: 'stay',
    snapshotAsked: 'stay',
    snapshotDone: 'stay',
  },
  GAP: {
    pause: 'refuse',
    resume: 'refuse',
    applyConfig: 'stay',
    recover: 'RUNNING',
    resnapshot: 'RUNNING',
    stop: 'STOPPED',
    gap: 'stay',
    blocked: 'stay',
    stoppedTables: 'stay',
    failing: 'stay',
    working: 'stay',
    snapshotNeeded: 'stay',
    snapshotAsked: 'stay',
    snapshotDone: 'stay',
  },
  BLOCKED: {
    pause: 'refuse',
    resume: 'RUNNING',
    applyConfig: 'RUNNING',
    recover: 'RUNNING',
    resnapshot: 'RUNNING',
    stop: 'STOPPED',
    gap: 'stay',
    blocked: 'stay',
    stoppedTables: 'stay',
    failing: 'stay',
    working: 'stay',
    snapshotNeeded: 'stay',
    snapshotAsked: 'stay',
    snapshotDone: 'stay',
  },
  STOPPED: {
    pause: 'refuse',
    resume: 'refuse',
    // Taken out and put back before its last commit was done.
    applyConfig: 'RUNNING',
    recover: 'refuse',
    resnapshot: 'refuse',
    stop: 'stay',
    gap: 'stay',
    blocked: 'stay',
    stoppedTables: 'stay',
    failing: 'stay',
    working: 'stay',
    snapshotNeeded: 'stay',
    snapshotAsked: 'stay',
    snapshotDone: 'stay',
  },
};

export type SinkTransition = Transition<SinkState>;

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

/** What a command ends, and begins again with new input. */
const RUNNING: readonly SinkPhase[] = ['RUNNING'];

const MACHINE: Machine<SinkPhase, SinkState, SinkCommand, SinkNotice> = {
  name: 'sink',
  steps: STEPS,
  interrupts: {
    pause: RUNNING,
    applyConfig: RUNNING,
    stop: RUNNING,
    resnapshot: RUNNING,
    resume: RUNNING,
    recover: RUNNING,
  },
  refuse: (state, command) => {
    if (command.kind === 'recover') return refuseWrongIncident(state, command);
    return command.kind === 'applyConfig' && !Object.hasOwn(command.spec.sinks, state.sinkName)
      ? `This configuration has no sink ${state.sinkName}; stop is the command that ends one.`
      : undefined;
  },
  answerAtOnce: (state, command) =>
    changesNothing(state, command)
      ? reply(state, 'The sink has this configuration already.')
      : undefined,
  applyCommand: (state, command, nowMs) => {
    const { commandId } = command;
    const known = commandId === undefined ? state : rememberCommand(state, commandId);
    return reply(applyCommand(known, command, nowMs), messageOf(command));
  },
  applyNotice,
};

/** The sink's next state. Pure. */
export function reduceSink(state: SinkState, event: SinkEvent, nowMs: number): SinkTransition {
  return advance(MACHINE, state, event, nowMs);
}

/** Why an event cannot be taken now; `undefined` when it can. */
export function sinkRefusalOf(state: SinkState, event: SinkEvent): string | undefined {
  return refusalFor(MACHINE, state, event);
}

function changesNothing(state: SinkState, event: SinkCommand): boolean {
  return (
    event.kind === 'applyConfig' &&
    STEPS[state.phase].applyConfig === 'stay' &&
    JSON.stringify(event.spec) === JSON.stringify(state.spec)
  );
}

function applyCommand(state: SinkState, event: SinkCommand, nowMs: number): SinkState {
  switch (event.kind) {
    case 'applyConfig':
      return closeIncident({ ...state, spec: event.spec }, event.kind, event, nowMs);
    case 'recover': {
      const answered = closeIncident(state, event.action, event, nowMs);
      return event.action === 'resnapshot' ? beginAnew(answered, event, nowMs) : answered;
    }
    case 'resnapshot':
      return beginAnew(closeIncident(state, event.kind, event, nowMs), event, nowMs);
    case 'resume':
      return closeIncident(state, event.kind, event, nowMs);
    case 'pause':
    case 'stop':
      return endFailing(state, event.kind, nowMs);
    default:
      return unreachable(event);
  }
}

function messageOf(event: SinkCommand): string {
  return event.kind === 'resnapshot' || (event.kind === 'recover' && event.action === 'resnapshot')
    ? 'Taken: an empty warehouse begins at the present cut, and the pipeline is asked for a snapshot of every table.'
    : 'Taken.';
}

function beginAnew(state: SinkState, { commandId }: SinkCommand, nowMs: number): SinkState {
  const { snapshot: _, ...rest } = state;
  return { ...rest, renewal: commandId ?? newId('resnapshot', nowMs, state.incidentCount) };
}

/** What a notice changes besides the phase. What it says of another snapshot than the newest is old. */
function applyNotice(state: SinkState, notice: SinkNotice, nowMs: number): SinkTransition {
  const { snapshot } = state;
  switch (notice.kind) {
    case 'gap':
    case 'blocked':
      return reply(openIncident(state, notice, nowMs, `${state.sinkName}/`), '');
    case 'stoppedTables':
      return reply(applyStoppedTables(state, notice, nowMs, `${state.sinkName}/`), '');
    case 'failing':
    case 'working':
      return reply(
        RUNNING.includes(state.phase)
          ? applyFailing(state, notice, nowMs, `${state.sinkName}/`)
          : state,
        '',
      );
    case 'snapshotNeeded':
      return reply({ ...state, snapshot: { id: notice.snapshotId, state: 'needed' } }, '');
    case 'snapshotAsked':
      return snapshot?.id === notice.snapshotId
        ? reply({ ...state, snapshot: { id: snapshot.id, state: 'asked' } }, '')
        : reply(state, '');
    case 'snapshotDone':
      return snapshot?.id === notice.done.snapshotId
        ? snapshotEnded(state, notice.done, nowMs)
        : reply(state, '');
    default:
      return unreachable(notice);
  }
}

function snapshotEnded(state: SinkState, done: SnapshotDone, nowMs: number): SinkTransition {
  const id = done.snapshotId;
  const known = (snapshot: SinkSnapshot): SinkState => ({ ...state, snapshot });
  const interrupt = RUNNING.includes(state.phase);
  switch (done.outcome) {
    case 'finished':
      return reply(known({ id, state: 'finished' }), '');
    case 'deferred':
      return {
        ...reply(known({ id, state: 'needed', deferral: done.reason }), ''),
        interrupt,
      };
    case 'cancelled': {
      const verdict = snapshotCancelled(id, done.reason);
      const asksAgain = known({ id, state: 'needed' });
      const blocked = moveTo(asksAgain, STEPS[state.phase].blocked, nowMs);
      return { ...applyNotice(blocked, verdict, nowMs), interrupt };
    }
    default:
      return unreachable(done);
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
