import {
  type Client,
  ScheduleNotFoundError,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import { CONTROL_QUEUE, scheduleId, triggerWorkflowId } from '../control/names.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';

/** A missed snapshot is made up for only if the server comes back soon. */
const CATCHUP_WINDOW = '30 minutes';

/** Makes the schedules of a pipeline equal its configuration: visible and triggerable in the Web UI. */
export async function ensureSchedules(
  client: Client,
  { spec, retired }: { readonly spec: PipelineSpec; readonly retired: readonly string[] },
): Promise<void> {
  for (const name of Object.keys(spec.snapshot.schedules)) {
    const options = scheduleOptions(spec, name);
    const { spec: when, action, policies } = options;
    try {
      // Paused or not, and with which note, is the operator's business.
      await client.schedule
        .getHandle(options.scheduleId)
        .update(({ state }) => ({ spec: when, action, state, ...(policies && { policies }) }));
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
      await client.schedule.create(options);
    }
  }
  for (const name of retired) await remove(client, scheduleId(spec.pipeline, name));
}

/** Removes a pipeline's schedules, but for those to keep. The list of the server may be seconds old. */
export async function removeSchedules(
  client: Client,
  pipeline: string,
  keep: ReadonlySet<string> = new Set(),
): Promise<void> {
  const head = scheduleId(pipeline, '');
  for await (const { scheduleId: id } of client.schedule.list())
    if (id.startsWith(head) && !keep.has(id.slice(head.length))) await remove(client, id);
}

function scheduleOptions(
  { pipeline, snapshot }: PipelineSpec,
  name: string,
): ScheduleOptions & { readonly action: { readonly workflowId: string } } {
  const { cron = '', tables = [] } = snapshot.schedules[name] ?? {};
  return {
    scheduleId: scheduleId(pipeline, name),
    spec: { cronExpressions: [cron] },
    action: {
      type: 'startWorkflow',
      workflowType: 'cdcSnapshotTrigger',
      workflowId: triggerWorkflowId(pipeline, name),
      taskQueue: CONTROL_QUEUE,
      args: [{ pipeline, schedule: name, tables }],
    },
    policies: {
      overlap: ScheduleOverlapPolicy.SKIP,
      catchupWindow: CATCHUP_WINDOW,
      pauseOnFailure: true,
    },
  };
}

async function remove(client: Client, id: string): Promise<void> {
  try {
    await client.schedule.getHandle(id).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}
