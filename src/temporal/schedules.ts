import { type Client, ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import { CONTROL_QUEUE, scheduleId } from '../control/names.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';

/** A missed snapshot is made up for only if the server comes back soon. */
const CATCHUP_WINDOW = '30 minutes';

/** Makes the schedules of a pipeline equal its configuration: visible and triggerable in the Web UI. */
export async function ensureSchedules(client: Client, spec: PipelineSpec): Promise<void> {
  const wanted = Object.entries(spec.snapshot.schedules);
  for (const [name, { cron, tables }] of wanted) {
    const id = scheduleId(spec.pipeline, name);
    const options = {
      scheduleId: id,
      spec: { cronExpressions: [cron] },
      action: {
        type: 'startWorkflow' as const,
        workflowType: 'cdcSnapshotTrigger',
        workflowId: `${id}/run`,
        taskQueue: CONTROL_QUEUE,
        args: [{ pipeline: spec.pipeline, schedule: name, tables }],
      },
      policies: {
        overlap: ScheduleOverlapPolicy.SKIP,
        catchupWindow: CATCHUP_WINDOW,
        pauseOnFailure: true,
      },
    };
    const handle = client.schedule.getHandle(id);
    try {
      await handle.update((present) => ({ ...present, ...options }));
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
      await client.schedule.create(options);
    }
  }
  await removeSchedules(client, spec.pipeline, new Set(wanted.map(([name]) => name)));
}

/** Removes a pipeline's schedules, but for those to keep. */
export async function removeSchedules(
  client: Client,
  pipeline: string,
  keep: ReadonlySet<string> = new Set(),
): Promise<void> {
  const head = scheduleId(pipeline, '');
  for await (const { scheduleId: id } of client.schedule.list())
    if (id.startsWith(head) && !keep.has(id.slice(head.length)))
      await client.schedule.getHandle(id).delete();
}
