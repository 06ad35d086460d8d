import { unreachable } from '../change/brand.ts';
import { type Incident, incidentId, MAX_INCIDENTS, openIncident } from './incident.ts';
import type {
  CaptureStarted,
  CommandAnswer,
  CommandKind,
  PipelineCommand,
  SnapshotFinished,
} from './messages.ts';
import type { PipelineSpec } from './pipeline-spec.ts';

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
  readonly replyTo?: string;
}

/** All a pipeline's workflow knows; carried through continue-as-new. JSON-plain. */
export interface PipelineState {
  readonly v: 1;
  readonly spec: PipelineSpec;
  readonly phase: Phase;
  readonly sinceMs: number;
  /** Notices a lost position; never supplies one. */
  readonly tripwire: { readonly hasCommitted: boolean; readonly epoch: number };
  /** Handed to the stream at its next start, kept until it reports them applied. */
  readonly pending: readonly StreamCommand[];
  readonly snapshots: readonly RequestedSnapshot[];
  readonly incidents: readonly Incident[];
  readonly incidentCount: number;
  readonly commandCount: number;
  /** Ids of the commands taken, newest last. */
  readonly commandIds: readonly string[];
  /** Signals that could not be taken, newest last: there is nobody to answer. */
  readonly refusals: readonly { readonly atMs: number; readonly text: string }[];
  readonly deleteTopics: boolean;
}

/** What happens to a pipeline besides commands. */
export type PipelineEvent =
  | PipelineCommand
  | { readonly kind: 'provisioned' }
  | ({ readonly kind: 'captureStarted' } & CaptureStarted)
  | ({ readonly kind: 'snapshotFinished' } & SnapshotFinished)
  | {
      readonly kind: 'gap' | 'blocked';
      readonly code: string;
      readonly message: string;
      readonly facts: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'drained' };

export type EventKind = PipelineEvent['kind'];

const MAX_COMMAND_IDS = 32;
const MAX_REFUSALS = 10;

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
    drained: 'refuse',
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
    drained: 'refuse',
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
    gap: 'GAP',
    blocked: 'BLOCKED',
    drained: 'refuse',
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
    drained: 'refuse',
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
    gap: 'GAP',
    blocked: 'stay',
    drained: 'refuse',
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

/** Commands that reach a running stream only by stopping it and starting it with new input. */
const RESTARTS_STREAM: ReadonlySet<EventKind> = new Set<CommandKind>([
  'pause',
  'applyConfig',
  'requestSnapshot',
  'cancelSnapshot',
  'yieldStream',
  'drop',
]);

export interface Reduced {
  readonly state: PipelineState;
  readonly answer: CommandAnswer;
  readonly accepted: boolean;
  /** A stream that runs now has to end and, if the phase says so, start again. */
  readonly restartStream: boolean;
  /** A workflow that waits for the snapshot that has just finished. */
  readonly notify?: { readonly workflowId: string; readonly finished: SnapshotFinished };
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
  const repeated =
    'commandId' in event &&
    state.commandIds.includes(event.commandId);
  if (repeated) return unchanged(state, 'This command has been taken already.', true);
  const refusal = refusalOf(state, event);
  if (refusal !== undefined) return unchanged(state, refusal, false);
  const step = STEPS[state.phase][event.kind];
  const moved =
    step === 'stay' || step === 'refuse' || step === state.phase
      ? state
      : { ...state, phase: step, sinceMs: nowMs };
  return effect(state, numbered(moved, event), event, nowMs);
}

/** Why an event cannot be taken now; `undefined` when it can. */
export function refusalOf(state: PipelineState, event: PipelineEvent): string | undefined {
  if (event.kind === 'recover') {
    const open = openIncident(state.incidents);
    if (!open) return 'There is no open incident to recover from.';
    if (open.id !== event.incidentId)
      return `The open incident is ${open.id}, not ${event.incidentId}.`;
  }
  if (STEPS[state.phase][event.kind] !== 'refuse') return undefined;
  const open = openIncident(state.incidents);
  const why = open ? ` Answer incident ${open.id} with recover.` : '';
  return `${event.kind} is not possible while the pipeline is ${state.phase}.${why}`;
}

function unchanged(state: PipelineState, message: string, accepted: boolean): Reduced {
  return { state, accepted, restartStream: false, answer: { state: state.phase, message } };
}

/** Counts a command and remembers its id. */
function numbered(state: PipelineState, event: PipelineEvent): PipelineState {
  if (!isCommand(event)) return state;
  const commandIds = [...state.commandIds, commandIdOf(state, event)].slice(-MAX_COMMAND_IDS);
  return { ...state, commandCount: state.commandCount + 1, commandIds };
}

function isCommand(event: PipelineEvent): event is PipelineCommand {
  return RESTARTS_STREAM.has(event.kind) || event.kind === 'resume' || event.kind === 'recover';
}

/** Given, or made from the command's number, so that a replay makes the same. */
function commandIdOf(state: PipelineState, event: PipelineCommand): string {
  return event.commandId ?? `${event.kind}-${state.tripwire.epoch}-${state.commandCount + 1}`;
}

function effect(
  before: PipelineState,
  state: PipelineState,
  event: PipelineEvent,
  nowMs: number,
): Reduced {
  const restartStream = RESTARTS_STREAM.has(event.kind);
  const done = (next: PipelineState, message: string, more: object = {}): Reduced => ({
    state: next,
    accepted: true,
    restartStream,
    answer: { state: next.phase, message, ...more },
  });
  switch (event.kind) {
    case 'pause':
      return done(state, 'The stream ends after the batch under way.');
    case 'resume':
      return done(closeIncident(state, 'resume', event, nowMs), 'The stream starts.');
    case 'applyConfig':
      return done(
        closeIncident({ ...state, spec: event.spec }, 'applyConfig', event, nowMs, 'blocked'),
        'The new configuration is taken at the next start of the stream.',
      );
    case 'yieldStream':
      return done(state, 'The stream ends and starts again, perhaps on another worker.');
    case 'drop':
      return done(
        { ...state, deleteTopics: event.deleteTopics },
        'The stream ends, then the pipeline is taken down.',
      );
    case 'requestSnapshot': {
      const commandId = commandIdOf(before, event);
      const snapshotId = event.snapshotId ?? commandId;
      const command: StreamCommand = {
        kind: 'snapshot',
        commandId,
        snapshotId,
        tables: event.tables,
      };
      const asked: RequestedSnapshot = {
        snapshotId,
        ...(event.replyTo === undefined ? {} : { replyTo: event.replyTo }),
      };
      const next = {
        ...state,
        pending: [...state.pending, command],
        snapshots: [...state.snapshots, asked],
      };
      return done(next, `Snapshot ${snapshotId} begins when the stream has restarted.`, {
        snapshotId,
      });
    }
    case 'cancelSnapshot': {
      const command: StreamCommand = {
        kind: 'cancelSnapshot',
        commandId: commandIdOf(before, event),
        snapshotId: event.snapshotId,
      };
      const snapshots = state.snapshots.filter(({ snapshotId }) => snapshotId !== event.snapshotId);
      return done(
        { ...state, pending: [...state.pending, command], snapshots },
        'The snapshot ends when the stream has restarted.',
      );
    }
    case 'recover': {
      const closed = closeIncident(state, event.action, event, nowMs);
      if (event.action === 'retry')
        return done(closed, 'The stream starts again at the stored position.');
      const command: StreamCommand = {
        kind: 'resnapshot',
        commandId: commandIdOf(before, event),
        tables: event.tables,
      };
      return done(
        { ...closed, pending: [...closed.pending, command] },
        'A new epoch begins at the present position; the tables are copied again and swept.',
      );
    }
    case 'provisioned':
      return done(state, '');
    case 'captureStarted': {
      const applied = new Set(event.commandIds);
      const pending = state.pending.filter(({ commandId }) => !applied.has(commandId));
      return done(
        {
          ...state,
          pending,
          tripwire: { hasCommitted: true, epoch: Math.max(event.epoch, state.tripwire.epoch) },
        },
        '',
      );
    }
    case 'snapshotFinished':
      return finishSnapshot(state, event);
    case 'gap':
    case 'blocked':
      return done(openedIncident(state, event, nowMs), '');
    case 'drained':
      return done(state, '');
    default:
      return unreachable(event);
  }
}

function finishSnapshot(state: PipelineState, finished: SnapshotFinished): Reduced {
  const asked = state.snapshots.find(({ snapshotId }) => snapshotId === finished.snapshotId);
  const next = { ...state, snapshots: state.snapshots.filter((snapshot) => snapshot !== asked) };
  const { snapshotId, tables, rows } = finished;
  return {
    ...unchanged(next, '', true),
    ...(asked?.replyTo === undefined
      ? {}
      : { notify: { workflowId: asked.replyTo, finished: { snapshotId, tables, rows } } }),
  };
}

function openedIncident(
  state: PipelineState,
  event: Extract<PipelineEvent, { kind: 'gap' | 'blocked' }>,
  nowMs: number,
): PipelineState {
  if (state.phase !== 'GAP' && state.phase !== 'BLOCKED') return state;
  if (openIncident(state.incidents)) return state;
  const ordinal = state.incidentCount + 1;
  const incident: Incident = {
    id: incidentId(event.kind, nowMs, ordinal),
    kind: event.kind,
    code: event.code,
    message: event.message,
    facts: event.facts,
    openedAtMs: nowMs,
  };
  return {
    ...state,
    incidentCount: ordinal,
    incidents: [...state.incidents, incident].slice(-MAX_INCIDENTS),
  };
}

function closeIncident(
  state: PipelineState,
  action: string,
  { by, reason }: { readonly by?: string; readonly reason?: string },
  nowMs: number,
  only?: Incident['kind'],
): PipelineState {
  const open = openIncident(state.incidents);
  if (!open || (only !== undefined && open.kind !== only)) return state;
  const answer = {
    action,
    ...(by === undefined ? {} : { by }),
    ...(reason === undefined ? {} : { reason }),
  };
  const incidents = state.incidents.map((incident) =>
    incident === open ? { ...incident, closedAtMs: nowMs, answer } : incident,
  );
  return { ...state, incidents };
}

/** Keeps what was said by a signal that could not be taken. */
export function withRefusal(state: PipelineState, text: string, nowMs: number): PipelineState {
  return { ...state, refusals: [...state.refusals, { atMs: nowMs, text }].slice(-MAX_REFUSALS) };
}
