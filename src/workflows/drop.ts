import { allHandlersFinished, condition, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/types.ts';
import { pipelineDetails } from '../control/details-text.ts';
import {
  type PipelineEvent,
  type PipelineState,
  type PipelineTransition,
  reduce,
} from '../control/pipeline-state.ts';
import { withRefusal } from '../control/refusal.ts';
import { STEP } from './activity-options.ts';
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
  const nothing = { ...spec, sinks: {}, snapshot: { ...snapshot, schedules: {} } };
  await activities.ensureSchedules({
    spec: nothing,
    retired: [...retired.schedules, ...Object.keys(snapshot.schedules)],
  });
  await activities.ensureSinks({
    spec: nothing,
    retired: [...retired.sinks, ...Object.keys(sinks)],
  });
  await activities.teardown({ spec, deleteTopics });
  take({ kind: 'drained' });
  showState(spec.pipeline, state.phase, pipelineDetails(state));
  await condition(() => allHandlersFinished() && replies.areSent());
}
