import { unreachable } from '../change/brand.ts';
import {
  ANY_INCIDENT,
  type Incident,
  openIncident,
  type Verdict,
  withAnswered,
  withOpened,
} from './incident.ts';
import type {
  Asked,
  CaptureStarted,
  CommandAnswer,
  CommandKind,
  PipelineCommand,
  SnapshotDone,
  SnapshotFinished,
} from './messages.ts';
import type { PipelineSpec } from './pipeline-spec.ts';
import type { Refusal } from './refusal.ts';

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

/** What the stream is handed at its next start; same shape as capture's commands. */
export type StreamCommand =
  | { readonly kind: 'resnapshot'; readonly commandId: string; readonly tables: readonly string[] }
  | {
      readonly kind: 'snapshot';
      readonly commandId: string;
      readonly snapshotId: string;
      readonly tables: readonly string[];
    }
  | { readonly kind: 'cancelSnapshot'; readonly commandId: string; readonly snapshotId: string };

export interface RequestedSnapshot {
  readonly snapshotId: string;
  /** Workflow to tell how it ended. */
  readonly replyTo?: string;
}

/** All a pipeline's workflow knows; carried through continue-as-new. JSON-plain. */
export interface PipelineState {
  readonly v: 1;
  readonly spec: PipelineSpec;
  readonly phase: Phase;
  readonly sinceMs: number;
  /** The command that led to this phase; absent when none did. */
  readonly because?: Omit<Asked, 'commandId'> & { readonly command: CommandKind };
  /** Notices a lost position; never supplies one. */
  readonly tripwire: { readonly hasCommitted: boolean; readonly epoch: number };
  /** Handed to the stream at its next start, kept until it reports them applied. */
  readonly pending: readonly StreamCommand[];
  /** Asked for and not reported finished, newest last. */
  readonly snapshots: readonly RequestedSnapshot[];
  /** Names that the configuration no longer has, to be stopped and removed at the next provisioning. */
  readonly retired: { readonly sinks: readonly string[]; readonly schedules: readonly string[] };
  readonly incidents: readonly Incident[];
  readonly incidentCount: number;
  readonly commandCount: number;
  /** Ids of the commands taken, newest last. */
  readonly commandIds: readonly string[];
  /** Signals that could not be taken, newest last: there is nobody to answer. */
  readonly refusals: readonly Refusal[];
  readonly deleteTopics: boolean;
}

/** What happens to a pipeline besides commands. */
export type PipelineEvent =
  | PipelineCommand
  | { readonly kind: 'provisioned' }
  | ({ readonly kind: 'captureStarted' } & CaptureStarted)
  | ({ readonly kind: 'snapshotFinished' } & SnapshotFinished)
  | Verdict
  | { readonly kind: 'drained' };

export type EventKind = PipelineEvent['kind'];

const MAX_COMMAND_IDS = 32;
const MAX_SNAPSHOTS = 8;
/** Commands wait in the state, which has to stay small. */
const MAX_PENDING_CHARS = 4_000;

type Step = Phase | 'stay' | 'refuse';

/** Where each event leads from each phase. A pair that is missing does not compile. */
const STEPS: Record<Phase, Record<EventKind, Step>> = {
  PROVISIONING: {
    pause: 'PAUSED',
    resume: 'refuse',
    applyConfig: 'stay',
    requestSnapshot: 'stay',
    cancelSnapshot: 'stay',
    recover: 'refuse',
    yieldStream: 'refuse',
    drop: 'DRAINING',
    provisioned: 'STREAMING',
    captureStarted: 'stay',
    snapshotFinished: 'stay',
    gap: 'GAP',
    blocked: 'BLOCKED',
    drained: 'stay',
  },
  STREAMING: {
    pause: 'PAUSED',
    resume: 'refuse',
    applyConfig: 'PROVISIONING',
    requestSnapshot: 'stay',
    cancelSnapshot: 'stay',
    recover: 'refuse',
    yieldStream: 'stay',
    drop: 'DRAINING',
    provisioned: 'stay',
    captureStarted: 'stay',
    snapshotFinished: 'stay',
    gap: 'GAP',
    blocked: 'BLOCKED',
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
    drained: 'stay',
  },
  DRAINING: {
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
    drained: 'stay',
  },
};

/** In which phases a command ends the step under way; the loop then begins the next one with new input. */
const INTERRUPTS: Record<CommandKind, readonly Phase[]> = {
  pause: ['PROVISIONING', 'STREAMING'],
  applyConfig: ['PROVISIONING', 'STREAMING'],
  drop: ['PROVISIONING', 'STREAMING'],
  requestSnapshot: ['STREAMING'],
  cancelSnapshot: ['STREAMING'],
  yieldStream: ['STREAMING'],
  resume: [],
  recover: [],
};

/** A workflow that waits for a snapshot, and what to tell it. */
export interface SnapshotReply {
  readonly workflowId: string;
  readonly done: SnapshotDone;
}

export interface Reduced {
  readonly state: PipelineState;
  readonly answer: CommandAnswer;
  readonly accepted: boolean;
  /** The step that runs now has to end. */
  readonly interrupt: boolean;
  readonly replies: readonly SnapshotReply[];
}

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

/** The pipeline's next state. Pure; the same for an update, a signal and a replay. */
export function reduce(state: PipelineState, event: PipelineEvent, nowMs: number): Reduced {
  const refusal = refusalOf(state, event);
  if (refusal !== undefined) return unchanged(state, refusal, false);
  if (!isCommand(event)) return happened(enter(state, event.kind, nowMs), event, nowMs);
  if (isRepeated(state, event)) return unchanged(state, 'This command has been taken already.');
  const deferral = deferralOf(state, event);
  if (deferral) return { ...unchanged(state, deferral.done.reason), replies: [deferral] };
  if (changesNothing(state, event))
    return unchanged(state, 'The pipeline has this configuration already.');
  const commandId = event.commandId ?? newCommandId(state, event.kind, nowMs);
  const entered = enter(state, event.kind, nowMs);
  const because = { because: { command: event.kind, ...asAnswer(event) } };
  const next: PipelineState = {
    ...entered,
    ...(entered.phase === state.phase ? {} : because),
    commandCount: state.commandCount + 1,
    commandIds: [...state.commandIds, commandId].slice(-MAX_COMMAND_IDS),
  };
  const interrupt = INTERRUPTS[event.kind].includes(state.phase);
  return { ...taken(next, event, commandId, nowMs), interrupt };
}

/** Why an event cannot be taken now; `undefined` when it can. */
export function refusalOf(state: PipelineState, event: PipelineEvent): string | undefined {
  if (!isCommand(event) || isRepeated(state, event) || deferralOf(state, event)) return undefined;
  if (STEPS[state.phase][event.kind] === 'refuse') return wrongPhase(state, event.kind);
  switch (event.kind) {
    case 'recover':
      return wrongIncident(state, event.incidentId, event.action);
    case 'applyConfig':
      return otherPipeline(state.spec, event.spec);
    case 'requestSnapshot':
    case 'cancelSnapshot':
      return tooMuchWaits(state, event);
    case 'pause':
    case 'resume':
    case 'yieldStream':
    case 'drop':
      return undefined;
    default:
      return unreachable(event);
  }
}

function wrongPhase(state: PipelineState, command: CommandKind): string {
  const open = openIncident(state.incidents);
  if (command === 'recover' && !open) return 'There is no open incident to recover from.';
  const cure = open ? ` Answer incident ${open.id} with recover.` : '';
  return `${command} is not possible while the pipeline is ${state.phase}.${cure}`;
}

function wrongIncident(state: PipelineState, id: string, action: string): string | undefined {
  const open = openIncident(state.incidents);
  if (!open) return 'There is no open incident to recover from.';
  if (id === ANY_INCIDENT && action !== 'retry')
    return `"${ANY_INCIDENT}" stands for any incident with action retry only; the open one is ${open.id}.`;
  return id === open.id || id === ANY_INCIDENT
    ? undefined
    : `The open incident is ${open.id}, not ${id}.`;
}

function tooMuchWaits({ pending }: PipelineState, event: PipelineCommand): string | undefined {
  return JSON.stringify([...pending, event]).length > MAX_PENDING_CHARS
    ? 'Too many commands wait for the stream already; name fewer tables, use *, or ask again when they are done.'
    : undefined;
}

function otherPipeline(present: PipelineSpec, next: PipelineSpec): string | undefined {
  if (next.pipeline !== present.pipeline)
    return `This is pipeline ${present.pipeline}, not ${next.pipeline}.`;
  if (next.kafka.prefix !== present.kafka.prefix)
    return `The position is kept under prefix ${present.kafka.prefix}: a pipeline cannot change its prefix. Drop it and apply it anew, or give the new prefix another pipeline.`;
  return undefined;
}

/** A workflow that asks by schedule is told to come again, rather than being queued up every night. */
function deferralOf(
  state: PipelineState,
  event: PipelineCommand,
): { readonly workflowId: string; readonly done: SnapshotDone & { reason: string } } | undefined {
  if (event.kind !== 'requestSnapshot' || event.replyTo === undefined) return undefined;
  const { phase } = state;
  const runs = phase === 'STREAMING' || phase === 'PROVISIONING';
  const reason = runs ? tooMuchWaits(state, event) : `The pipeline is ${phase}.`;
  if (reason === undefined) return undefined;
  const snapshotId = event.snapshotId ?? '';
  return { workflowId: event.replyTo, done: { outcome: 'deferred', snapshotId, reason } };
}

function changesNothing(state: PipelineState, event: PipelineCommand): boolean {
  return (
    event.kind === 'applyConfig' &&
    state.phase !== 'BLOCKED' &&
    JSON.stringify(event.spec) === JSON.stringify(state.spec)
  );
}

function isCommand(event: PipelineEvent): event is PipelineCommand {
  return Object.hasOwn(INTERRUPTS, event.kind);
}

function isRepeated(state: PipelineState, { commandId }: PipelineCommand): boolean {
  return commandId !== undefined && state.commandIds.includes(commandId);
}

/** The same in a replay; unlike any id of an earlier life of the pipeline, which Kafka may still remember. */
function newCommandId(state: PipelineState, kind: CommandKind, nowMs: number): string {
  return `${kind}-${new Date(nowMs).toISOString().replace(/\W/g, '')}-${state.commandCount + 1}`;
}

function enter(state: PipelineState, kind: EventKind, nowMs: number): PipelineState {
  const step = STEPS[state.phase][kind];
  if (step === 'stay' || step === 'refuse' || step === state.phase) return state;
  const { because: _, ...rest } = state;
  return { ...rest, phase: step, sinceMs: nowMs };
}

function asAnswer({ by, reason }: Asked): Omit<Asked, 'commandId'> {
  return { ...(by === undefined ? {} : { by }), ...(reason === undefined ? {} : { reason }) };
}

function unchanged(state: PipelineState, message: string, accepted = true): Reduced {
  const answer = { state: state.phase, message };
  return { state, accepted, interrupt: false, replies: [], answer };
}

/** What a command changes besides the phase, which has been entered already. */
function taken(
  state: PipelineState,
  event: PipelineCommand,
  commandId: string,
  nowMs: number,
): Reduced {
  switch (event.kind) {
    case 'pause':
      return unchanged(state, 'Taken: the stream ends behind the batch under way.');
    case 'resume':
      return unchanged(answered(state, 'resume', event, nowMs), 'Taken: the stream starts.');
    case 'yieldStream':
      return unchanged(state, 'Taken: the stream ends and starts again, perhaps elsewhere.');
    case 'applyConfig':
      return unchanged(reconfigured(state, event, nowMs), configMessage(state));
    case 'drop':
      return dropped(state, event.deleteTopics);
    case 'requestSnapshot':
      return snapshotRequested(state, event, commandId);
    case 'cancelSnapshot':
      return snapshotCancelled(state, event.snapshotId, commandId);
    case 'recover':
      return recovered(state, event, commandId, nowMs);
    default:
      return unreachable(event);
  }
}

function configMessage({ phase }: PipelineState): string {
  return phase === 'PROVISIONING'
    ? 'Taken: the stream starts again with the new configuration.'
    : `Taken: the new configuration is used when the pipeline leaves ${phase}.`;
}

function answered(
  state: PipelineState,
  action: string,
  asked: Asked,
  nowMs: number,
): PipelineState {
  const incidents = withAnswered(state.incidents, { action, ...asAnswer(asked) }, nowMs);
  return { ...state, incidents };
}

function reconfigured(
  state: PipelineState,
  event: Extract<PipelineCommand, { kind: 'applyConfig' }>,
  nowMs: number,
): PipelineState {
  const { spec, retired } = state;
  const gone = (names: readonly string[], present: object): readonly string[] =>
    [...new Set(names)].filter((name) => !Object.hasOwn(present, name));
  const next: PipelineState = {
    ...state,
    spec: event.spec,
    retired: {
      sinks: gone([...retired.sinks, ...Object.keys(spec.sinks)], event.spec.sinks),
      schedules: gone(
        [...retired.schedules, ...Object.keys(spec.snapshot.schedules)],
        event.spec.snapshot.schedules,
      ),
    },
  };
  // An incident stays open only where it still holds the pipeline up.
  return state.phase === 'PROVISIONING' ? answered(next, 'applyConfig', event, nowMs) : next;
}

function snapshotRequested(
  state: PipelineState,
  event: Extract<PipelineCommand, { kind: 'requestSnapshot' }>,
  commandId: string,
): Reduced {
  const { snapshotId = commandId, tables, replyTo } = event;
  const asked = { snapshotId, ...(replyTo === undefined ? {} : { replyTo }) };
  const next: PipelineState = {
    ...state,
    pending: [...state.pending, { kind: 'snapshot', commandId, snapshotId, tables }],
    snapshots: [...state.snapshots, asked].slice(-MAX_SNAPSHOTS),
  };
  const when = state.phase === 'STREAMING' ? 'when the stream has restarted' : 'with the stream';
  const reduced = unchanged(next, `Taken: snapshot ${snapshotId} begins ${when}.`);
  return { ...reduced, answer: { ...reduced.answer, snapshotId } };
}

function snapshotCancelled(state: PipelineState, snapshotId: string, commandId: string): Reduced {
  const next: PipelineState = {
    ...state,
    pending: [...state.pending, { kind: 'cancelSnapshot', commandId, snapshotId }],
    snapshots: state.snapshots.filter((snapshot) => snapshot.snapshotId !== snapshotId),
  };
  const asked = state.snapshots.filter((snapshot) => snapshot.snapshotId === snapshotId);
  return {
    ...unchanged(next, `Taken: snapshot ${snapshotId} ends when the stream has restarted.`),
    replies: cancelled(asked, 'It was cancelled.'),
  };
}

function dropped(state: PipelineState, deleteTopics: boolean): Reduced {
  return {
    ...unchanged(
      { ...state, deleteTopics, snapshots: [] },
      'Taken: the stream ends, then the pipeline is taken down.',
    ),
    replies: cancelled(state.snapshots, 'The pipeline was dropped.'),
  };
}

function cancelled(
  snapshots: readonly RequestedSnapshot[],
  reason: string,
): readonly SnapshotReply[] {
  return snapshots.flatMap(({ snapshotId, replyTo }) =>
    replyTo === undefined
      ? []
      : [{ workflowId: replyTo, done: { outcome: 'cancelled', snapshotId, reason } }],
  );
}

function recovered(
  state: PipelineState,
  event: Extract<PipelineCommand, { kind: 'recover' }>,
  commandId: string,
  nowMs: number,
): Reduced {
  const { action, tables } = event;
  const next = answered(state, action, event, nowMs);
  switch (action) {
    case 'retry':
      return unchanged(next, 'Taken: the stream starts again at the stored position.');
    case 'resnapshot':
      return unchanged(
        { ...next, pending: [...next.pending, { kind: 'resnapshot', commandId, tables }] },
        'Taken: the stream starts at the present position in a new epoch; the tables are copied again and swept.',
      );
    default:
      return unreachable(action);
  }
}

/** What an event changes besides the phase. */
function happened(
  state: PipelineState,
  event: Exclude<PipelineEvent, PipelineCommand>,
  nowMs: number,
): Reduced {
  switch (event.kind) {
    case 'provisioned':
      return unchanged(
        state.phase === 'STREAMING' ? { ...state, retired: { sinks: [], schedules: [] } } : state,
        '',
      );
    case 'captureStarted':
      return captureStarted(state, event);
    case 'snapshotFinished':
      return snapshotFinished(state, event);
    case 'gap':
    case 'blocked':
      return unchanged(stopped(state, event, nowMs), '');
    case 'drained':
      return unchanged(state, '');
    default:
      return unreachable(event);
  }
}

function captureStarted(state: PipelineState, started: CaptureStarted): Reduced {
  const applied = new Set(started.commandIds);
  const pending = state.pending.filter(({ commandId }) => !applied.has(commandId));
  const known: PipelineState = {
    ...state,
    pending,
    tripwire: { hasCommitted: true, epoch: Math.max(started.epoch, state.tripwire.epoch) },
  };
  // One that is asked for again under the same id has not been begun.
  const waits = new Set(pending.map((command) => 'snapshotId' in command && command.snapshotId));
  return started.finished
    .filter(({ snapshotId }) => !waits.has(snapshotId))
    .reduce<Reduced>(
      (reduced, finished) => {
        const next = snapshotFinished(reduced.state, finished);
        return { ...next, replies: [...reduced.replies, ...next.replies] };
      },
      unchanged(known, ''),
    );
}

function snapshotFinished(
  state: PipelineState,
  { snapshotId, tables, rows }: SnapshotFinished,
): Reduced {
  const asked = state.snapshots.find((snapshot) => snapshot.snapshotId === snapshotId);
  if (!asked) return unchanged(state, '');
  const snapshots = state.snapshots.filter((snapshot) => snapshot !== asked);
  const done: SnapshotDone = { outcome: 'finished', snapshotId, tables, rows };
  const replies = asked.replyTo === undefined ? [] : [{ workflowId: asked.replyTo, done }];
  return { ...unchanged({ ...state, snapshots }, ''), replies };
}

function stopped(state: PipelineState, verdict: Verdict, nowMs: number): PipelineState {
  const stopsHere = state.phase === 'GAP' || state.phase === 'BLOCKED';
  if (!stopsHere || openIncident(state.incidents)) return state;
  const ordinal = state.incidentCount + 1;
  const incidents = withOpened(state.incidents, verdict, ordinal, nowMs);
  return { ...state, incidentCount: ordinal, incidents };
}
