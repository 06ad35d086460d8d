import { unreachable } from '../change/brand.ts';
import { applyFailing, endFailing, type FailingNotice, WORKS_AGAIN } from './failing.ts';
import type { Verdict } from './incident.ts';
import type {
  CaptureStarted,
  CommandKind,
  DurablePosition,
  PipelineCommand,
  SnapshotFinished,
} from './messages.ts';
import {
  cancelledReplies,
  cancelSnapshot,
  deferSnapshot,
  finishSnapshot,
  finishSnapshots,
  type RequestedSnapshot,
  refuseFullQueue,
  requestSnapshot,
} from './pipeline-snapshots.ts';
import type { PipelineSpec } from './pipeline-spec.ts';
import type { Refusal } from './refusal.ts';
import { keepHosts, type PlacedSpec } from './sink-hosts.ts';
import {
  advance,
  closeIncident,
  type Machine,
  type MachineState,
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
import type { StreamCommand, Tripwire } from './stream-command.ts';

export const PHASES = [
  'PROVISIONING',
  'STREAMING',
  'PAUSED',
  'GAP',
  'BLOCKED',
  'DRAINING',
  'DROPPED',
] as const;
export type Phase = (typeof PHASES)[number];

/** All a pipeline's workflow knows; carried through continue-as-new. JSON-plain. */
export interface PipelineState extends MachineState<Phase> {
  readonly v: 1;
  readonly spec: PipelineSpec;
  readonly tripwire: Tripwire;
  /** Handed to the stream at its next start, kept until it reports them applied. */
  readonly pending: readonly StreamCommand[];
  /** Asked for and not reported finished, newest last. */
  readonly snapshots: readonly RequestedSnapshot[];
  /** Names that the configuration no longer has, to be stopped and removed at the next provisioning. */
  readonly retired: { readonly sinks: readonly string[]; readonly schedules: readonly string[] };
  readonly commandCount: number;
  /** Signals that could not be taken, newest last: there is nobody to answer. */
  readonly refusals: readonly Refusal[];
  readonly deleteTopics: boolean;
  /** Where the newest stream that has ended had come to; absent before the first. */
  readonly position?: DurablePosition;
}

/** What a pipeline is told without having asked. */
export type PipelineNotice =
  | { readonly kind: 'provisioned' }
  | ({ readonly kind: 'captureStarted' } & CaptureStarted)
  | ({ readonly kind: 'snapshotFinished' } & SnapshotFinished)
  | Verdict
  | ({ readonly kind: 'stoppedTables' } & StoppedTables)
  | FailingNotice
  | { readonly kind: 'streamEnded'; readonly position: DurablePosition }
  | { readonly kind: 'drained' };

export type PipelineEvent = PipelineCommand | PipelineNotice;

export type EventKind = PipelineEvent['kind'];

export type PipelineTransition = Transition<PipelineState>;

const STEPS: Steps<Phase, EventKind> = {
  PROVISIONING: {
    pause: 'PAUSED',
    resume: 'ifFailing',
    applyConfig: 'stay',
    requestSnapshot: 'stay',
    cancelSnapshot: 'stay',
    recover: 'ifFailing',
    yieldStream: 'refuse',
    drop: 'DRAINING',
    provisioned: 'STREAMING',
    captureStarted: 'stay',
    snapshotFinished: 'stay',
    gap: 'GAP',
    blocked: 'BLOCKED',
    stoppedTables: 'stay',
    failing: 'stay',
    working: 'stay',
    streamEnded: 'stay',
    drained: 'stay',
  },
  STREAMING: {
    pause: 'PAUSED',
    resume: 'ifFailing',
    applyConfig: 'PROVISIONING',
    requestSnapshot: 'stay',
    cancelSnapshot: 'stay',
    recover: 'ifFailing',
    yieldStream: 'stay',
    drop: 'DRAINING',
    provisioned: 'stay',
    captureStarted: 'stay',
    snapshotFinished: 'stay',
    gap: 'GAP',
    blocked: 'BLOCKED',
    stoppedTables: 'stay',
    failing: 'stay',
    working: 'stay',
    streamEnded: 'stay',
    drained: 'stay',
  },
  PAUSED: {
    pause: 'refuse',
    resume: 'PROVISIONING',
    applyConfig: 'stay',
    requestSnapshot: 'stay',
    cancelSnapshot: 'stay',
    recover: 'refuse',
    yieldStream: 'refuse',
    drop: 'DRAINING',
    provisioned: 'stay',
    captureStarted: 'stay',
    snapshotFinished: 'stay',
    // The stream found it while it was being stopped.
    gap: 'GAP',
    blocked: 'BLOCKED',
    stoppedTables: 'stay',
    failing: 'stay',
    working: 'stay',
    streamEnded: 'stay',
    drained: 'stay',
  },
  GAP: {
    pause: 'refuse',
    resume: 'refuse',
    applyConfig: 'stay',
    requestSnapshot: 'refuse',
    cancelSnapshot: 'stay',
    recover: 'PROVISIONING',
    yieldStream: 'refuse',
    drop: 'DRAINING',
    provisioned: 'stay',
    captureStarted: 'stay',
    snapshotFinished: 'stay',
    gap: 'stay',
    blocked: 'stay',
    stoppedTables: 'stay',
    failing: 'stay',
    working: 'stay',
    streamEnded: 'stay',
    drained: 'stay',
  },
  BLOCKED: {
    pause: 'refuse',
    resume: 'PROVISIONING',
    applyConfig: 'PROVISIONING',
    requestSnapshot: 'stay',
    cancelSnapshot: 'stay',
    recover: 'PROVISIONING',
    yieldStream: 'refuse',
    drop: 'DRAINING',
    provisioned: 'stay',
    captureStarted: 'stay',
    snapshotFinished: 'stay',
    gap: 'stay',
    blocked: 'stay',
    stoppedTables: 'stay',
    failing: 'stay',
    working: 'stay',
    streamEnded: 'stay',
    drained: 'stay',
  },
  DRAINING: {
    pause: 'refuse',
    resume: 'refuse',
    applyConfig: 'refuse',
    requestSnapshot: 'refuse',
    cancelSnapshot: 'refuse',
    recover: 'ifFailing',
    yieldStream: 'refuse',
    drop: 'refuse',
    provisioned: 'stay',
    captureStarted: 'stay',
    snapshotFinished: 'stay',
    gap: 'stay',
    blocked: 'stay',
    stoppedTables: 'stay',
    failing: 'stay',
    working: 'stay',
    streamEnded: 'stay',
    drained: 'DROPPED',
  },
  DROPPED: {
    pause: 'refuse',
    resume: 'refuse',
    applyConfig: 'refuse',
    requestSnapshot: 'refuse',
    cancelSnapshot: 'refuse',
    recover: 'refuse',
    yieldStream: 'refuse',
    drop: 'refuse',
    provisioned: 'stay',
    captureStarted: 'stay',
    snapshotFinished: 'stay',
    gap: 'stay',
    blocked: 'stay',
    stoppedTables: 'stay',
    failing: 'stay',
    working: 'stay',
    streamEnded: 'stay',
    drained: 'stay',
  },
};

const INTERRUPTS: Record<CommandKind, readonly Phase[]> = {
  pause: ['PROVISIONING', 'STREAMING'],
  applyConfig: ['PROVISIONING', 'STREAMING'],
  drop: ['PROVISIONING', 'STREAMING'],
  requestSnapshot: ['STREAMING'],
  cancelSnapshot: ['STREAMING'],
  yieldStream: ['STREAMING'],
  resume: ['PROVISIONING', 'STREAMING'],
  recover: ['PROVISIONING', 'STREAMING'],
};

const MACHINE: Machine<Phase, PipelineState, PipelineCommand, PipelineNotice> = {
  name: 'pipeline',
  steps: STEPS,
  interrupts: INTERRUPTS,
  refuse,
  answerAtOnce: (state, command) =>
    deferSnapshot(state, command) ??
    (command.kind === 'applyConfig' && changesNothing(state, command)
      ? reply(state, UNCHANGED)
      : undefined),
  applyCommand: (state, command, nowMs) => {
    const commandCount = state.commandCount + 1;
    const commandId = command.commandId ?? newId(command.kind, nowMs, commandCount);
    const known = rememberCommand({ ...state, commandCount }, commandId);
    return applyCommand(known, command, commandId, nowMs);
  },
  applyNotice,
};

export function initialState(spec: PipelineSpec, nowMs: number): PipelineState {
  return {
    v: 1,
    spec,
    phase: 'PROVISIONING',
    sinceMs: nowMs,
    tripwire: { hasCommitted: false, epoch: 0 },
    pending: [],
    snapshots: [],
    retired: { sinks: [], schedules: [] },
    incidents: [],
    incidentCount: 0,
    commandCount: 0,
    commandIds: [],
    refusals: [],
    deleteTopics: false,
  };
}

/** The pipeline's next state. Pure. */
export function reduce(
  state: PipelineState,
  event: PipelineEvent,
  nowMs: number,
): PipelineTransition {
  return advance(MACHINE, state, event, nowMs);
}

/** Why an event cannot be taken now; `undefined` when it can. */
export function refusalOf(state: PipelineState, event: PipelineEvent): string | undefined {
  return refusalFor(MACHINE, state, event);
}

function refuse(state: PipelineState, command: PipelineCommand): string | undefined {
  switch (command.kind) {
    case 'recover':
      return refuseWrongIncident(state, command);
    case 'applyConfig':
      return otherPipeline(state.spec, command.spec);
    case 'requestSnapshot':
    case 'cancelSnapshot':
      return refuseFullQueue(state, command);
    case 'pause':
    case 'resume':
    case 'yieldStream':
    case 'drop':
      return undefined;
    default:
      return unreachable(command);
  }
}

function otherPipeline(present: PipelineSpec, next: PipelineSpec): string | undefined {
  if (next.pipeline !== present.pipeline)
    return `This is pipeline ${present.pipeline}, not ${next.pipeline}.`;
  if (next.kafka.prefix !== present.kafka.prefix)
    return `The position is kept under prefix ${present.kafka.prefix}: a pipeline cannot change its prefix. Drop it and apply it anew, or give the new prefix another pipeline.`;
  return undefined;
}

export const UNCHANGED = 'The pipeline has this configuration already.';

/** Whether applying a configuration does nothing; a pipeline that is BLOCKED begins anew with the same. */
export function changesNothing({ phase, spec }: PipelineState, applied: PlacedSpec): boolean {
  return (
    STEPS[phase].applyConfig !== 'refuse' &&
    phase !== 'BLOCKED' &&
    JSON.stringify(keepHosts(applied, spec)) === JSON.stringify(spec)
  );
}

function applyCommand(
  state: PipelineState,
  event: PipelineCommand,
  commandId: string,
  nowMs: number,
): PipelineTransition {
  switch (event.kind) {
    case 'pause':
      return reply(
        endFailing(state, 'pause', nowMs),
        'Taken: the stream ends behind the batch under way.',
      );
    case 'resume':
      return reply(closeIncident(state, 'resume', event, nowMs), 'Taken: the stream starts.');
    case 'yieldStream':
      return reply(state, 'Taken: the stream ends and starts again, perhaps elsewhere.');
    case 'applyConfig':
      return reply(applyConfig(state, event, nowMs), configMessage(state));
    case 'drop':
      return {
        ...reply(
          { ...state, deleteTopics: event.deleteTopics, snapshots: [] },
          'Taken: the stream ends, then the pipeline is taken down.',
        ),
        replies: cancelledReplies(state.snapshots, 'The pipeline was dropped.'),
      };
    case 'requestSnapshot':
      return requestSnapshot(state, event, commandId);
    case 'cancelSnapshot':
      return cancelSnapshot(state, event.snapshotId, commandId);
    case 'recover':
      return applyRecover(state, event, commandId, nowMs);
    default:
      return unreachable(event);
  }
}

function configMessage({ phase }: PipelineState): string {
  return phase === 'PROVISIONING'
    ? 'Taken: the stream starts again with the new configuration.'
    : `Taken: the new configuration is used when the pipeline leaves ${phase}.`;
}

function applyConfig(
  state: PipelineState,
  event: Extract<PipelineCommand, { kind: 'applyConfig' }>,
  nowMs: number,
): PipelineState {
  const { spec, retired } = state;
  const wanted = keepHosts(event, spec);
  const gone = (names: readonly string[], present: object): readonly string[] =>
    [...new Set(names)].filter((name) => !Object.hasOwn(present, name));
  const next: PipelineState = {
    ...state,
    spec: wanted,
    retired: {
      sinks: gone([...retired.sinks, ...Object.keys(spec.sinks)], wanted.sinks),
      schedules: gone(
        [...retired.schedules, ...Object.keys(spec.snapshot.schedules)],
        wanted.snapshot.schedules,
      ),
    },
  };
  return closeIncident(next, 'applyConfig', event, nowMs);
}

function applyRecover(
  state: PipelineState,
  event: Extract<PipelineCommand, { kind: 'recover' }>,
  commandId: string,
  nowMs: number,
): PipelineTransition {
  const { action, tables } = event;
  const next = closeIncident(state, action, event, nowMs);
  switch (action) {
    case 'retry':
      return reply(next, 'Taken: the stream starts again at the stored position.');
    case 'resnapshot':
      return reply(
        { ...next, pending: [...next.pending, { kind: 'resnapshot', commandId, tables }] },
        'Taken: the stream starts at the present position in a new epoch; the tables are copied again and swept.',
      );
    default:
      return unreachable(action);
  }
}

/** What a notice changes besides the phase. */
function applyNotice(
  state: PipelineState,
  notice: PipelineNotice,
  nowMs: number,
): PipelineTransition {
  switch (notice.kind) {
    case 'provisioned':
      return reply(
        state.phase === 'STREAMING'
          ? {
              ...endFailing(state, WORKS_AGAIN, nowMs),
              retired: { sinks: [], schedules: [] },
            }
          : state,
        '',
      );
    case 'captureStarted':
      return finishSnapshots(captureStarted(state, notice), notice);
    case 'snapshotFinished':
      return finishSnapshot(state, notice);
    case 'gap':
    case 'blocked':
      return reply(openIncident(state, notice, nowMs), '');
    case 'stoppedTables':
      return reply(applyStoppedTables(state, notice, nowMs), '');
    case 'streamEnded':
      return reply({ ...state, position: notice.position }, '');
    case 'failing':
    case 'working':
      return reply(isAtWork(state) ? applyFailing(state, notice, nowMs) : state, '');
    case 'drained':
      return reply(state, '');
    default:
      return unreachable(notice);
  }
}

/** What is told of work that has ended meanwhile is old. */
const isAtWork = ({ phase }: PipelineState): boolean =>
  phase === 'PROVISIONING' || phase === 'STREAMING' || phase === 'DRAINING';

function captureStarted(
  state: PipelineState,
  { epoch, commandIds }: CaptureStarted,
): PipelineState {
  const applied = new Set(commandIds);
  return {
    ...state,
    pending: state.pending.filter(({ commandId }) => !applied.has(commandId)),
    tripwire: { hasCommitted: true, epoch: Math.max(epoch, state.tripwire.epoch) },
  };
}
