import { hostname } from 'node:os';
import type { WorkflowHandle } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { eventually, type ShopPipeline } from '../../demo/shop-pipeline.ts';
import type { WorkerProcess } from '../../demo/worker-process.ts';
import { CAPTURE_STARTED, STATUS_QUERY } from '../../src/control/messages.ts';
import { pipelineWorkflowId } from '../../src/control/names.ts';
import type { PipelineState } from '../../src/control/pipeline-state.ts';
import { PipelineClient } from '../../src/temporal/pipeline-client.ts';
import { drainWorker } from '../../src/workers/drain-client.ts';
import { type Change, copyOfCode } from '../support/code-copy.ts';
import {
  captureGoesOn,
  expectEverythingEqual,
  givenServers,
  openShop,
  SOON_MS,
  STACK_TEST_MS,
  writeTo,
} from '../support/shop-harness.ts';

const PATCH = 'the sinks are looked after twice';

/** One more step of every run that begins, which no history of before has. */
const KNOWS_THE_PATCH: Change = {
  file: 'src/workflows/pipeline.ts',
  from: 'await activities.ensureSchedules(',
  to: `if (patched('${PATCH}')) await activities.ensureSinks({ spec, retired: [] });
  await activities.ensureSchedules(`,
};

/** The version before knows it and does not use it: one can go back to it. */
const USES_IT_NOT_YET: Change = {
  file: 'src/workers/resting-patches.ts',
  from: 'RESTING: readonly string[] = [',
  to: `RESTING: readonly string[] = ['${PATCH}', `,
};

/** The version after uses every patch that this one leaves alone. */
const USES_ALL: Change = {
  file: 'src/workers/resting-patches.ts',
  from: '!RESTING.includes(patchId)',
  to: 'true || RESTING.includes(patchId)',
};

/** WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND and _UPDATE: something came while the task was at work. */
const OVERTAKEN: readonly number[] = [1, 31];

describe.skipIf(!givenServers())('an upgrade to other workflow code, and the way back', () => {
  it(
    'lose and double nothing, answer every command, and leave no workflow task failed',
    async () => {
      using before = copyOfCode(KNOWS_THE_PATCH, USES_IT_NOT_YET);
      using after = copyOfCode(KNOWS_THE_PATCH, USES_ALL);
      await using scope = await openShop({ scale: 0.03 });
      const { shop } = scope;
      const old = shop.startWorker({}, before.path);
      await shop.apply();
      const workload = await writeTo(shop);
      await workload.during(shop.snapshotEnded(SOON_MS));

      const next = shop.startWorker({}, after.path);
      await workload.during(replaced(shop, old));
      await workload.during(commanded(shop));
      await workload.during(givenWhileItRuns(shop));

      const oldAgain = shop.startWorker({}, before.path);
      await workload.during(replaced(shop, next));
      await workload.during(commanded(shop));
      expect(oldAgain.running).toBe(true);

      await workload.during(shop.settled(SOON_MS));
      await workload.stop();
      await expectEverythingEqual(shop);
      const tasks = await tasksOf(shop);
      expect(tasks.failed).toEqual([]);
      // Not for nothing: a run that the next version began has been gone on with by the old one.
      expect(tasks.patchedRunsOf(oldAgain.pid)).toBeGreaterThan(0);
    },
    STACK_TEST_MS,
  );
});

/** Asks for a snapshot while the worker hands its work over to the other one, which may not be there yet. */
async function replaced(shop: ShopPipeline, worker: WorkerProcess): Promise<void> {
  const { namespace } = shop.place;
  const asked = { namespace, host: hostname(), pid: worker.pid, force: false };
  const signal = shop.ending;
  const drained = eventually('the worker to be drained', SOON_MS, async () => {
    const { isEmpty } = await drainWorker({ ...asked, signal, onStep: () => undefined });
    return isEmpty ? true : undefined;
  });
  const tables = [`${shop.name}.customers`];
  expect(await commandsOf(shop).requestSnapshot(shop.name, { ...BY, tables })).toMatchObject({
    taken: true,
  });
  await drained;
  await worker.exited;
  expect(worker.endedBy).toBeUndefined();
  await captureGoesOn(shop);
}

async function commanded(shop: ShopPipeline): Promise<void> {
  const commands = commandsOf(shop);
  expect(await commands.pause(shop.name, BY)).toMatchObject({ taken: true });
  expect(await commands.resume(shop.name, BY)).toMatchObject({ taken: true });
  await captureGoesOn(shop);
}

/** A snapshot reaches the stream that runs, which no other one takes the place of. */
async function givenWhileItRuns(shop: ShopPipeline): Promise<void> {
  const handle = shop.client.workflow.getHandle(pipelineWorkflowId(shop.name));
  await eventually('the stream to have said where it runs', SOON_MS, async () => {
    // The run that was resumed ends before another one streams.
    const { phase } = await handle.query<PipelineState>(STATUS_QUERY);
    if (phase !== 'STREAMING') return undefined;
    const { events } = await handle.fetchHistory();
    const signals = events?.map((event) => event.workflowExecutionSignaledEventAttributes);
    const hasSaid = signals?.some((signal) => signal?.signalName === CAPTURE_STARTED);
    return hasSaid ? true : undefined;
  });
  const begun = await activitiesOf(handle, 'streamBinlog');
  const tables = [`${shop.name}.customers`];
  await commandsOf(shop).requestSnapshot(shop.name, { ...BY, tables });
  await eventually('the stream to have taken the snapshot up', SOON_MS, async () => {
    const { pending } = await handle.query<PipelineState>(STATUS_QUERY);
    return pending.length === 0 ? true : undefined;
  });
  expect(await activitiesOf(handle, 'streamBinlog')).toBe(begun);
  expect(await activitiesOf(handle, 'giveCommands')).toBe(1);
}

async function activitiesOf(handle: WorkflowHandle, type: string): Promise<number> {
  const { events } = await handle.fetchHistory();
  const scheduled = events?.map((event) => event.activityTaskScheduledEventAttributes);
  return scheduled?.filter((step) => step?.activityType?.name === type).length ?? 0;
}

const BY = { by: 'the upgrade' };

/** A busy machine answers late. */
const commandsOf = ({ client }: ShopPipeline): PipelineClient =>
  new PipelineClient(client, { answerTimeoutMs: SOON_MS });

interface WorkflowTasks {
  /** What failed, in the runs of the pipeline and its sink. */
  readonly failed: readonly string[];
  /** Runs that took the patch's step and had tasks done by the process. */
  patchedRunsOf(pid: number): number;
}

async function tasksOf({ client, name }: ShopPipeline): Promise<WorkflowTasks> {
  const failed: string[] = [];
  const patchedRuns: (readonly string[])[] = [];
  const query = `WorkflowId STARTS_WITH "cdc/${name}"`;
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const identities: string[] = [];
    for (const event of events ?? []) {
      const failure = event.workflowTaskFailedEventAttributes;
      if (failure && !OVERTAKEN.includes(Number(failure.cause)))
        failed.push(`${workflowId}: ${failure.cause}: ${failure.failure?.message}`);
      identities.push(event.workflowTaskCompletedEventAttributes?.identity ?? '');
    }
    const steps = events?.filter(
      ({ activityTaskScheduledEventAttributes: step }) =>
        step?.activityType?.name === 'ensureSinks',
    );
    if (steps?.length === 2) patchedRuns.push(identities);
  }
  return {
    failed,
    patchedRunsOf: (pid) =>
      patchedRuns.filter((run) => run.some((identity) => identity.startsWith(`${pid}@`))).length,
  };
}
