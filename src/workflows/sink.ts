import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/types.ts';
import { openIncident } from '../control/incident.ts';
import { sinkQueue } from '../control/names.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import {
  initialSinkState,
  reduceSink,
  type SinkEvent,
  type SinkState,
} from '../control/sink-state.ts';
import { longLived } from './activity-options.ts';
import { decisionOf } from './failure.ts';

export interface SinkWorkflowInput {
  readonly spec: PipelineSpec;
  readonly sinkName: string;
  readonly state?: SinkState;
}

const sinkStatusQuery = defineQuery<SinkState>('status');

/** One sink of one pipeline. A warehouse that stops stops this workflow, never capture. */
export async function cdcSink(input: SinkWorkflowInput): Promise<void> {
  let state = input.state ?? initialSinkState(input.spec, input.sinkName, Date.now());
  let running: CancellationScope | undefined;
  const take = (event: SinkEvent): void => {
    const reduced = reduceSink(state, event, Date.now());
    if (reduced.accepted && reduced.state !== state) running?.cancel();
    state = reduced.state;
  };
  setHandler(sinkStatusQuery, () => state);
  for (const kind of ['pause', 'resume', 'stop'] as const)
    setHandler(defineSignal(kind), () => {
      take({ kind });
    });
  setHandler(defineSignal<[{ incidentId?: string }]>('recover'), (payload) => {
    take({ kind: 'recover', incidentId: payload.incidentId ?? '' });
  });
  setHandler(defineSignal<[{ spec: PipelineSpec }]>('applyConfig'), ({ spec }) => {
    if (JSON.stringify(spec) !== JSON.stringify(state.spec)) take({ kind: 'applyConfig', spec });
  });

  for (;;) {
    upsertSearchAttributes({ CdcState: [state.phase], CdcPipeline: [state.spec.pipeline] });
    setCurrentDetails(details(state));
    const before = state;
    switch (state.phase) {
      case 'RUNNING': {
        const { spec, sinkName } = state;
        const sink = spec.sinks[sinkName];
        if (!sink) return;
        const { runSink } = proxyActivities<Activities>(
          longLived(spec.stream.heartbeatTimeoutMs, sinkQueue(sink)),
        );
        const scope = new CancellationScope();
        running = scope;
        try {
          await scope.run(() => runSink({ spec, sinkName }));
        } catch (error) {
          const decision = isCancellation(error) ? 'takenOver' : decisionOf(error);
          if (decision !== 'takenOver') take(decision);
        }
        running = undefined;
        break;
      }
      case 'PAUSED':
      case 'GAP':
      case 'BLOCKED':
        await condition(() => state !== before || workflowInfo().continueAsNewSuggested);
        break;
      case 'STOPPED':
        return;
    }
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof cdcSink>({ spec: state.spec, sinkName: state.sinkName, state });
    }
  }
}

function details(state: SinkState): string {
  const incident = openIncident(state.incidents);
  const head = `**${state.phase}** since ${new Date(state.sinceMs).toISOString()}`;
  if (!incident) return head;
  const signal = `temporal workflow signal -w ${workflowInfo().workflowId} --name recover --input '${JSON.stringify({ incidentId: incident.id })}'`;
  return `${head}\n\n### Incident ${incident.id}: ${incident.code}\n\n${incident.message}\n\n\`\`\`\n${signal}\n\`\`\``;
}
