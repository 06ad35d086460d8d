import { allHandlersFinished, condition, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/types.ts';
import { pipelineDetails } from '../control/details-text.ts';
import { isKnownToFail } from '../control/failing.ts';
import {
  type PipelineEvent,
  type PipelineState,
  type PipelineTransition,
  reduce,
} from '../control/pipeline-state.ts';
import { withRefusal } from '../control/refusal.ts';
import { STEP } from './activity-options.ts';
import { verdictOf } from './failure.ts';
import { bindPipelineMessages } from './pipeline-messages.ts';
import { SnapshotReplies } from './snapshot-replies.ts';
import { showState } from './visible-state.ts';

export interface DropInput {
  readonly state: PipelineState;
}

/**
 * The end of a pipeline, under its own workflow id: sinks stopped, schedules removed, topics if
 * asked. The warehouse stays. Says so to whoever still asks or commands.
 */
export async function cdcDrop(input: DropInput): Promise<void> {
  let { state } = input;
  const replies = new SnapshotReplies();
  const take = (event: PipelineEvent): PipelineTransition => {
    const transition = reduce(state, event, Date.now());
    state = transition.state;
    replies.send(transition.replies);
    return transition;
  };
  bindPipelineMessages(
    () => state,
    take,
    (text) => {
      state = withRefusal(state, text, Date.now());
    },
  );
  const { spec, deleteTopics, retired } = state;
  const { sinks, snapshot } = spec;
  showState(spec.pipeline, state.phase, pipelineDetails(state));
  const activities = proxyActivities<Activities>(STEP);
  /** What the server does not repeat by itself is repeated when somebody has answered. */
  const untilDone = async (work: () => Promise<void>): Promise<void> => {
    for (let failures = 1; ; failures += 1)
      try {
        await work();
        return;
      } catch (error) {
        const verdict = verdictOf(error);
        if (!verdict) throw error;
        const { code, message } = verdict;
        const at = { place: 'teardown', sinceMs: Date.now(), failures, waits: true } as const;
        take({ kind: 'failing', code, message, ...at });
        showState(spec.pipeline, state.phase, pipelineDetails(state));
        await condition(() => !isKnownToFail(state));
      }
  };
  const nothing = { ...spec, sinks: {}, snapshot: { ...snapshot, schedules: {} } };
  await untilDone(() =>
    activities.ensureSchedules({
      spec: nothing,
      retired: [...retired.schedules, ...Object.keys(snapshot.schedules)],
    }),
  );
  await untilDone(() =>
    activities.ensureSinks({
      spec: nothing,
      retired: [...retired.sinks, ...Object.keys(sinks)],
    }),
  );
  await untilDone(() => activities.teardown({ spec, deleteTopics }));
  take({ kind: 'drained' });
  showState(spec.pipeline, state.phase, pipelineDetails(state));
  await condition(() => allHandlersFinished() && replies.areSent());
}
