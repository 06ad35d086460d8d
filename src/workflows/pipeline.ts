import {
  allHandlersFinished,
  condition,
  continueAsNew,
  makeContinueAsNewFunc,
  patched,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/types.ts';
import { pipelineDetails } from '../control/details-text.ts';
import { isKnownToFail } from '../control/failing.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import {
  initialState,
  type PipelineEvent,
  type PipelineState,
  type PipelineTransition,
  reduce,
} from '../control/pipeline-state.ts';
import { withRefusal } from '../control/refusal.ts';
import { longLived, STEP } from './activity-options.ts';
import type { cdcDrop } from './drop.ts';
import { CurrentStep } from './long-activity.ts';
import { isLongHistory } from './long-history.ts';
import { bindPipelineMessages } from './pipeline-messages.ts';
import { RunningStream } from './running-stream.ts';
import { SnapshotReplies } from './snapshot-replies.ts';
import { showChange, showState } from './visible-state.ts';

export interface PipelineInput {
  readonly spec: PipelineSpec;
  /** Carried over by continue-as-new. */
  readonly state?: PipelineState;
}

/**
 * One pipeline's capture, from `apply` to `drop`. Decides nothing itself: what happens goes through
 * the reducer, and the loop does what the phase says.
 *
 * A run ends only while no activity is running. It ends whenever the pipeline begins anew, so that
 * every resume, recovery and configuration starts with a short history and today's code.
 */
export async function cdcPipeline(input: PipelineInput): Promise<void> {
  let state = input.state ?? initialState(input.spec, Date.now());
  const replies = new SnapshotReplies();
  const step = new CurrentStep();
  const running = new RunningStream(input.spec.pipeline, () => step.interrupt());
  const become = (next: typeof state): void => {
    const before = state;
    state = next;
    const { pipeline } = input.spec;
    showChange({ pipeline }, before, next, pipelineDetails(next));
  };
  const take = (event: PipelineEvent): PipelineTransition => {
    const transition = reduce(state, event, Date.now());
    become(transition.state);
    const isHandled = running.handles(event, transition);
    if ((transition.interrupt && !isHandled) || isLongHistory(event)) step.interrupt();
    replies.send(transition.replies);
    return transition;
  };
  const refuse = (text: string): void => {
    become(withRefusal(state, text, Date.now()));
  };
  bindPipelineMessages(() => state, take, refuse);

  for (let begun = false; ; begun = true) {
    const now = state;
    const { spec, phase } = now;
    showState(spec.pipeline, phase, pipelineDetails(now));
    const endsRun = phase === 'PROVISIONING' || workflowInfo().continueAsNewSuggested;
    if ((begun && endsRun) || phase === 'DRAINING')
      await condition(() => allHandlersFinished() && replies.areSent());
    if (state !== now) continue;
    if (begun && endsRun) await continueAsNew<typeof cdcPipeline>({ spec, state: now });
    const run = (work: () => Promise<void>): Promise<void> =>
      step.run(work, take, () => state.phase !== phase);
    switch (phase) {
      case 'PROVISIONING':
        await run(async () => {
          await provision(now);
          // A configuration that came together with the last step's end is not provisioned yet.
          if (state.spec === spec) take({ kind: 'provisioned' });
        });
        break;
      case 'STREAMING':
        running.begins();
        await run(() => stream(now));
        break;
      case 'PAUSED':
      case 'GAP':
      case 'BLOCKED': {
        // Requests that are put off change nothing, and fill the history all the same.
        const mayEndRun = patched('a run may end while the pipeline stands still');
        await condition(
          () => state !== now || (mayEndRun && workflowInfo().continueAsNewSuggested),
        );
        break;
      }
      case 'DRAINING':
      case 'DROPPED':
        await makeContinueAsNewFunc<typeof cdcDrop>({ workflowType: 'cdcDrop' })({ state: now });
    }
  }
}

async function provision({ spec, retired }: PipelineState): Promise<void> {
  const activities = proxyActivities<Activities>(STEP);
  await activities.provision(spec);
  await activities.ensureSinks({ spec, retired: retired.sinks });
  await activities.ensureSchedules({ spec, retired: retired.schedules });
}

async function stream(state: PipelineState): Promise<void> {
  const { spec } = state;
  const { streamBinlog } = proxyActivities<Activities>(longLived(spec.stream.heartbeatTimeoutMs));
  const { tripwire, pending: commands, stoppedTables = 0 } = state;
  await streamBinlog({
    spec,
    tripwire,
    commands,
    stoppedTables,
    isKnownToFail: isKnownToFail(state),
  });
}
