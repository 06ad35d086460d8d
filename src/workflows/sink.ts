import {
  allHandlersFinished,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities, SinkInput, SinkResult } from '../activities/types.ts';
import { sinkDetails } from '../control/details-text.ts';
import { isKnownToFail } from '../control/failing.ts';
import { pipelineWorkflowId, sinkQueue } from '../control/names.ts';
import type { PipelineSpec, SinkSpec } from '../control/pipeline-spec.ts';
import { withRefusal } from '../control/refusal.ts';
import {
  initialSinkState,
  reduceSink,
  type SinkEvent,
  type SinkState,
  type SinkTransition,
} from '../control/sink-state.ts';
import { longLived } from './activity-options.ts';
import { CurrentStep } from './long-activity.ts';
import { isLongHistory } from './long-history.ts';
import { bindSinkMessages } from './sink-messages.ts';
import { showChange, showState } from './visible-state.ts';

export interface SinkWorkflowInput {
  readonly spec: PipelineSpec;
  readonly sinkName: string;
  /** Carried over by continue-as-new. */
  readonly state?: SinkState;
}

const ASK_AGAIN_AFTER = '30 seconds';

/**
 * One sink of one pipeline. A warehouse that stops stops this workflow, never capture. Decides
 * nothing itself: what happens goes through the reducer, and the loop does what the phase says.
 */
export async function cdcSink(input: SinkWorkflowInput): Promise<void> {
  let state = input.state ?? initialSinkState(input.spec, input.sinkName, Date.now());
  const step = new CurrentStep();
  const become = (next: typeof state): void => {
    const before = state;
    state = next;
    const of = { pipeline: input.spec.pipeline, sink: input.sinkName };
    showChange(of, before, next, sinkDetails(next));
  };
  const take = (event: SinkEvent): SinkTransition => {
    const transition = reduceSink(state, event, Date.now());
    become(transition.state);
    if (transition.interrupt || isLongHistory(event)) step.interrupt();
    return transition;
  };
  const refuse = (text: string): void => {
    become(withRefusal(state, text, Date.now()));
  };
  bindSinkMessages(() => state, take, refuse);

  for (let begun = false; ; begun = true) {
    const now = state;
    const { spec, sinkName, phase, snapshot } = now;
    showState(spec.pipeline, phase, sinkDetails(now));
    if (begun && workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof cdcSink>({ spec: state.spec, sinkName, state });
    }
    const sink = spec.sinks[sinkName];
    switch (sink ? phase : 'STOPPED') {
      case 'RUNNING':
        if (snapshot?.state === 'needed') {
          const { id, deferral } = snapshot;
          if (deferral !== undefined) await condition(() => state !== now, ASK_AGAIN_AFTER);
          if (state !== now) break;
          const isAsked = await askForSnapshot(now, id);
          // The answer may come together with the server's word that the question has arrived.
          if (state.snapshot !== snapshot) break;
          if (isAsked) take({ kind: 'snapshotAsked', snapshotId: id });
          else await condition(() => state !== now, ASK_AGAIN_AFTER);
        } else if (sink)
          await step.run(
            async () => {
              const snapshotId = await fill(now, sink);
              if (snapshotId !== undefined) take({ kind: 'snapshotNeeded', snapshotId });
            },
            take,
            () => state.phase !== phase || state.snapshot !== snapshot,
          );
        break;
      case 'PAUSED':
      case 'GAP':
      case 'BLOCKED':
        await condition(() => state !== now);
        break;
      case 'STOPPED':
        await condition(allHandlersFinished);
        if (state === now) return;
    }
  }
}

/** Id of a snapshot without which the sink does not go on. */
async function fill(state: SinkState, sink: SinkSpec): Promise<string | undefined> {
  const { spec, sinkName, renewal, snapshot, stoppedTables = 0 } = state;
  const options = longLived(spec.stream.heartbeatTimeoutMs, sinkQueue(sink));
  const input: SinkInput = {
    spec,
    sinkName,
    stoppedTables,
    isKnownToFail: isKnownToFail(state),
    ...(renewal === undefined ? {} : { renewal }),
    ...(snapshot === undefined || snapshot.state === 'needed'
      ? {}
      : { snapshot: { id: snapshot.id, state: snapshot.state } }),
  };
  // Nothing came back from sinks before they knew of snapshots.
  const run = proxyActivities<Activities>(options).runSink(input) as Promise<
    SinkResult | undefined
  >;
  return (await run)?.needsSnapshot;
}

/** A pipeline that cannot take it now says "deferred"; false when there is no pipeline. */
async function askForSnapshot({ spec, sinkName }: SinkState, id: string): Promise<boolean> {
  const request = {
    snapshotId: id,
    // Asked again, it is another request.
    commandId: `${id}-${Date.now()}`,
    tables: [],
    replyTo: workflowInfo().workflowId,
    by: `sink ${sinkName}`,
  };
  try {
    const pipeline = getExternalWorkflowHandle(pipelineWorkflowId(spec.pipeline));
    await pipeline.signal('requestSnapshot', request);
    return true;
  } catch (error) {
    if (isCancellation(error)) throw error;
    return false;
  }
}
