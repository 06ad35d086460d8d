import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defaultPayloadConverter } from '@temporalio/common';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { bundleWorkflowCode, Worker } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { aPipelineSpec } from '../support/pipeline-spec.ts';

interface HistoryEvent {
  readonly eventType: string;
  readonly [attributes: string]: unknown;
}

const STREAMING = new URL('../fixtures/histories/pipeline-streaming.json', import.meta.url);
/** Events up to the end of the last provisioning step; the workflow task behind them; the rest. */
const LAST_STEP_COMPLETED = 20;
const TASK_EVENTS = 3;

const recorded = (): readonly HistoryEvent[] =>
  (JSON.parse(readFileSync(STREAMING, 'utf8')) as { events: HistoryEvent[] }).events;

function signal(signalName: string, payload: object): HistoryEvent {
  const { metadata, data } = defaultPayloadConverter.toPayload(payload);
  const base64 = (bytes: Uint8Array | null | undefined): string =>
    Buffer.from(bytes ?? []).toString('base64');
  return {
    eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED',
    workflowExecutionSignaledEventAttributes: {
      signalName,
      input: {
        payloads: [{ metadata: { encoding: base64(metadata?.['encoding']) }, data: base64(data) }],
      },
    },
  };
}

/** The recorded start, with a signal in the same workflow task as the end of provisioning. */
function withSignalBesideTheLastStep(
  ending: HistoryEvent,
  signalled: HistoryEvent,
): readonly HistoryEvent[] {
  const events = recorded();
  const head = events.slice(0, LAST_STEP_COMPLETED);
  const task = events.slice(LAST_STEP_COMPLETED, LAST_STEP_COMPLETED + TASK_EVENTS);
  const shift = (event: HistoryEvent): HistoryEvent =>
    JSON.parse(
      JSON.stringify(event).replace(
        /"(scheduledEventId|startedEventId|workflowTaskCompletedEventId)":"(\d+)"/g,
        (_match, name: string, id: string) =>
          `"${name}":"${Number(id) + (Number(id) > LAST_STEP_COMPLETED ? 1 : 0)}"`,
      ),
    ) as HistoryEvent;
  return [...head, signalled, ...task.map(shift), ending].map((event, index) => ({
    ...event,
    eventId: String(index + 1),
  }));
}

describe('a configuration that arrives with the end of the last provisioning step', () => {
  it('is provisioned itself before anything streams', async () => {
    const workflowBundle = await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url)),
    });
    const provisionsAnew: HistoryEvent = {
      eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW',
      workflowExecutionContinuedAsNewEventAttributes: {
        newExecutionRunId: 'next',
        workflowType: { name: 'cdcPipeline' },
        taskQueue: { name: 'cdc-control' },
        workflowTaskCompletedEventId: '24',
      },
    };
    const events = withSignalBesideTheLastStep(
      provisionsAnew,
      signal('applyConfig', { spec: aPipelineSpec({ sinks: {} }) }),
    );
    const history = historyFromJSON({ events });
    await expect(
      Worker.runReplayHistory({ workflowBundle }, history, 'cdc/shop'),
    ).resolves.toBeUndefined();
  }, 60_000);
});
