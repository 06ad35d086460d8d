import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  getExternalWorkflowHandle,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/types.ts';
import { pipelineDetails } from '../control/details-text.ts';
import {
  CAPTURE_STARTED,
  type CaptureStarted,
  COMMAND_KINDS,
  type CommandAnswer,
  type CommandKind,
  parseCommand,
  SNAPSHOT_DONE,
  SNAPSHOT_FINISHED,
  type SnapshotFinished,
} from '../control/messages.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import {
  initialState,
  type PipelineEvent,
  type PipelineState,
  type Reduced,
  reduce,
  refusalOf,
  withRefusal,
} from '../control/pipeline-state.ts';
import { longLived, STEP } from './activity-options.ts';
import type { cdcDrop } from './drop.ts';
import { decisionOf } from './failure.ts';

const statusQuery = defineQuery<PipelineState>('status');
const incidentsQuery = defineQuery<PipelineState['incidents']>('incidents');
const configQuery = defineQuery<PipelineSpec>('config');

export interface PipelineInput {
  readonly spec: PipelineSpec;
  /** Carried over by continue-as-new. */
  readonly state?: PipelineState;
}

/**
 * One pipeline's capture, from `apply` to `drop`. Decides nothing itself: what happens goes through
 * the reducer, and the loop does what the phase says. A run ends only while no stream is running.
 */
export async function cdcPipeline(input: PipelineInput): Promise<void> {
  let state = input.state ?? initialState(input.spec, Date.now());
  let stream: CancellationScope | undefined;
  const take = (event: PipelineEvent): Reduced => {
    const reduced = reduce(state, event, Date.now());
    state = reduced.state;
    if (reduced.restartStream && reduced.accepted) stream?.cancel();
    if (reduced.notify) void tellSnapshotDone(reduced.notify);
    return reduced;
  };
  bindHandlers(
    () => state,
    take,
    (text) => {
      state = withRefusal(state, text, Date.now());
    },
  );

  let shown = '';
  const show = (): void => {
    if (shown !== state.phase)
      upsertSearchAttributes({ CdcState: [state.phase], CdcPipeline: [state.spec.pipeline] });
    shown = state.phase;
    setCurrentDetails(pipelineDetails(state));
  };
  const { provision, ensureSinks, ensureSchedules } = proxyActivities<Activities>(STEP);

  for (;;) {
    show();
    const before = state;
    switch (state.phase) {
      case 'PROVISIONING': {
        const { spec } = state;
        const scope = new CancellationScope();
        stream = scope;
        await attempt(scope, take, async () => {
          await provision(spec);
          await ensureSinks(spec);
          await ensureSchedules(spec);
          if (state.spec === spec) take({ kind: 'provisioned' });
        });
        break;
      }
      case 'STREAMING': {
        const { spec, tripwire, pending } = state;
        const { streamBinlog } = proxyActivities<Activities>(
          longLived(spec.stream.heartbeatTimeoutMs),
        );
        const scope = new CancellationScope();
        stream = scope;
        await attempt(scope, take, () => streamBinlog({ spec, tripwire, commands: pending }));
        break;
      }
      case 'PAUSED':
      case 'GAP':
      case 'BLOCKED':
        await condition(() => state !== before || workflowInfo().continueAsNewSuggested);
        break;
      case 'DRAINING':
        await condition(allHandlersFinished);
        await continueAsNew<typeof cdcDrop>({ spec: state.spec, deleteTopics: state.deleteTopics });
        break;
      case 'DROPPED':
        return;
    }
    stream = undefined;
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof cdcPipeline>({ spec: state.spec, state });
    }
  }
}

/** Runs one step; a cancelled one is over, a failed one is an event. */
async function attempt(
  scope: CancellationScope,
  take: (event: PipelineEvent) => Reduced,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await scope.run(work);
  } catch (error) {
    if (isCancellation(error)) return;
    const decision = decisionOf(error);
    if (decision !== 'takenOver') take(decision);
  }
}

/** Every command as an update, which is answered, and as a signal, which is taken whenever a worker is there. */
function bindHandlers(
  read: () => PipelineState,
  take: (event: PipelineEvent) => Reduced,
  refuse: (text: string) => void,
): void {
  setHandler(statusQuery, read);
  setHandler(incidentsQuery, () => read().incidents);
  setHandler(configQuery, () => read().spec);
  setHandler(defineSignal<[CaptureStarted]>(CAPTURE_STARTED), (started) => {
    take({ kind: 'captureStarted', ...started });
  });
  setHandler(defineSignal<[SnapshotFinished]>(SNAPSHOT_FINISHED), (finished) => {
    take({ kind: 'snapshotFinished', ...finished });
  });
  for (const kind of COMMAND_KINDS) {
    setHandler(defineSignal<[unknown]>(kind), (payload) => {
      const parsed = parseCommand(kind, payload);
      const refusal = parsed.ok ? refusalOf(read(), parsed.value) : parsed.message;
      if (parsed.ok && refusal === undefined) take(parsed.value);
      else refuse(`${kind}: ${refusal ?? ''}`);
    });
    setHandler(
      defineUpdate<CommandAnswer, [unknown]>(kind),
      (payload) => {
        const parsed = parseCommand(kind, payload);
        if (!parsed.ok) throw new Error(parsed.message);
        return take(parsed.value).answer;
      },
      {
        validator: (payload) => {
          validate(kind, payload, read());
        },
      },
    );
  }
}

function validate(kind: CommandKind, payload: unknown, state: PipelineState): void {
  const parsed = parseCommand(kind, payload);
  const refusal = parsed.ok ? refusalOf(state, parsed.value) : parsed.message;
  if (refusal !== undefined) throw new Error(refusal);
}

async function tellSnapshotDone({
  workflowId,
  finished,
}: NonNullable<Reduced['notify']>): Promise<void> {
  try {
    await getExternalWorkflowHandle(workflowId).signal(SNAPSHOT_DONE, finished);
  } catch {
    // Whoever asked has gone; the snapshot itself is finished and on record.
  }
}
