import type {
  CaptureStarted,
  PipelineCommand,
  SnapshotDone,
  SnapshotFinished,
} from './messages.ts';
import type { PipelineState } from './pipeline-state.ts';
import { reply, type SnapshotReply, type Transition } from './state-machine.ts';

export interface RequestedSnapshot {
  readonly snapshotId: string;
  /** Workflow to tell how it ended. */
  readonly replyTo?: string;
}

const MAX_SNAPSHOTS = 8;
/** Commands wait in the state, which has to stay small. */
const MAX_PENDING_CHARS = 4_000;

/** Why one more command for the stream cannot be kept; `undefined` when it can. */
export function refuseFullQueue(
  { pending }: PipelineState,
  event: PipelineCommand,
): string | undefined {
  return JSON.stringify([...pending, event]).length > MAX_PENDING_CHARS
    ? 'Too many commands wait for the stream already; name fewer tables, use *, or ask again when they are done.'
    : undefined;
}

/** The answer to a workflow that asks by schedule: to come again, rather than to be queued up every night. */
export function deferSnapshot(
  state: PipelineState,
  event: PipelineCommand,
): Transition<PipelineState> | undefined {
  if (event.kind !== 'requestSnapshot' || event.replyTo === undefined) return undefined;
  const { phase } = state;
  const runs = phase === 'STREAMING' || phase === 'PROVISIONING';
  const reason = runs ? refuseFullQueue(state, event) : `The pipeline is ${phase}.`;
  if (reason === undefined) return undefined;
  const done: SnapshotDone = { outcome: 'deferred', snapshotId: event.snapshotId ?? '', reason };
  return { ...reply(state, reason), replies: [{ workflowId: event.replyTo, done }] };
}

export function requestSnapshot(
  state: PipelineState,
  event: Extract<PipelineCommand, { kind: 'requestSnapshot' }>,
  commandId: string,
): Transition<PipelineState> {
  const { snapshotId = commandId, tables, replyTo } = event;
  const requested = { snapshotId, ...(replyTo === undefined ? {} : { replyTo }) };
  const next: PipelineState = {
    ...state,
    pending: [...state.pending, { kind: 'snapshot', commandId, snapshotId, tables }],
    snapshots: [...state.snapshots, requested].slice(-MAX_SNAPSHOTS),
  };
  const when = state.phase === 'STREAMING' ? 'when the stream takes it up' : 'with the stream';
  const transition = reply(next, `Taken: snapshot ${snapshotId} begins ${when}.`);
  return { ...transition, answer: { ...transition.answer, snapshotId } };
}

export function cancelSnapshot(
  state: PipelineState,
  snapshotId: string,
  commandId: string,
): Transition<PipelineState> {
  const requested = state.snapshots.filter((snapshot) => snapshot.snapshotId === snapshotId);
  const next: PipelineState = {
    ...state,
    pending: [...state.pending, { kind: 'cancelSnapshot', commandId, snapshotId }],
    snapshots: state.snapshots.filter((snapshot) => snapshot.snapshotId !== snapshotId),
  };
  return {
    ...reply(next, `Taken: snapshot ${snapshotId} ends when the stream takes that up.`),
    replies: cancelledReplies(requested, 'It was cancelled.'),
  };
}

/** What those are told whose snapshot does not come. */
export function cancelledReplies(
  snapshots: readonly RequestedSnapshot[],
  reason: string,
): readonly SnapshotReply[] {
  return snapshots.flatMap(({ snapshotId, replyTo }) =>
    replyTo === undefined
      ? []
      : [{ workflowId: replyTo, done: { outcome: 'cancelled', snapshotId, reason } }],
  );
}

export function finishSnapshot(
  state: PipelineState,
  { snapshotId, tables, rows }: SnapshotFinished,
): Transition<PipelineState> {
  const requested = state.snapshots.find((snapshot) => snapshot.snapshotId === snapshotId);
  if (!requested) return reply(state, '');
  const snapshots = state.snapshots.filter((snapshot) => snapshot !== requested);
  const done: SnapshotDone = { outcome: 'finished', snapshotId, tables, rows };
  const { replyTo } = requested;
  const replies = replyTo === undefined ? [] : [{ workflowId: replyTo, done }];
  return { ...reply({ ...state, snapshots }, ''), replies };
}

/** The snapshots that a start reports finished. One that is asked for again under the same id has not been begun. */
export function finishSnapshots(
  state: PipelineState,
  { finished }: CaptureStarted,
): Transition<PipelineState> {
  const waits = new Set(
    state.pending.map((command) => 'snapshotId' in command && command.snapshotId),
  );
  return finished
    .filter(({ snapshotId }) => !waits.has(snapshotId))
    .reduce(
      (transition, one) => {
        const next = finishSnapshot(transition.state, one);
        return { ...next, replies: [...transition.replies, ...next.replies] };
      },
      reply(state, ''),
    );
}
