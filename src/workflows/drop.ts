import { proxyActivities, setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { Activities } from '../activities/types.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import { STEP } from './activity-options.ts';

export interface DropInput {
  readonly spec: PipelineSpec;
  readonly deleteTopics: boolean;
}

/** The end of a pipeline, under its own workflow id: sinks stopped, schedules removed, topics if asked. The warehouse stays. */
export async function cdcDrop(input: DropInput): Promise<void> {
  upsertSearchAttributes({ CdcState: ['DRAINING'], CdcPipeline: [input.spec.pipeline] });
  setCurrentDetails(
    '**DRAINING**: sinks stop, schedules go' + (input.deleteTopics ? ', topics go' : ''),
  );
  await proxyActivities<Activities>(STEP).teardown(input);
  upsertSearchAttributes({ CdcState: ['DROPPED'] });
  setCurrentDetails('**DROPPED**');
}
