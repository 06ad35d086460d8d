import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/types.ts';
import { sinkDetails } from '../control/details-text.ts';
import type { Incident } from '../control/incident.ts';
import {
  CONFIG_QUERY,
  INCIDENTS_QUERY,
  parseSinkCommand,
  SINK_COMMAND_KINDS,
  STATUS_QUERY,
} from '../control/messages.ts';
import { sinkQueue } from '../control/names.ts';
import type { PipelineSpec, SinkSpec } from '../control/pipeline-spec.ts';
import { withRefusal } from '../control/refusal.ts';
import {
  initialSinkState,
  reduceSink,
  type SinkEvent,
  type SinkReduced,
  type SinkState,
  sinkRefusalOf,
} from '../control/sink-state.ts';
import { longLived } from './activity-options.ts';
import { bindCommands } from './commands.ts';
import { CurrentStep } from './long-activity.ts';
import { showState } from './visible-state.ts';

export interface SinkWorkflowInput {
  readonly spec: PipelineSpec;
  readonly sinkName: string;
  /** Carried over by continue-as-new. */
  readonly state?: SinkState;
}

const statusQuery = defineQuery<SinkState>(STATUS_QUERY);
const incidentsQuery = defineQuery<readonly Incident[]>(INCIDENTS_QUERY);
const configQuery = defineQuery<SinkSpec | undefined>(CONFIG_QUERY);

/** One sink of one pipeline. A warehouse that stops stops this workflow, never capture. */
export async function cdcSink(input: SinkWorkflowInput): Promise<void> {
  let state = input.state ?? initialSinkState(input.spec, input.sinkName, Date.now());
  const step = new CurrentStep();
  const take = (event: SinkEvent): SinkReduced => {
    const reduced = reduceSink(state, event, Date.now());
    state = reduced.state;
    if (reduced.interrupt) step.interrupt();
    return reduced;
  };
  setHandler(statusQuery, () => state);
  setHandler(incidentsQuery, () => state.incidents);
  setHandler(configQuery, () => state.spec.sinks[state.sinkName]);
  bindCommands(SINK_COMMAND_KINDS, {
    parse: parseSinkCommand,
    refusalOf: (command) => sinkRefusalOf(state, command),
    take: (command) => take(command).answer,
    refuse: (text) => {
      state = withRefusal(state, text, Date.now());
    },
  });

  for (let begun = false; ; begun = true) {
    const now = state;
    const { spec, sinkName, phase } = now;
    showState(spec.pipeline, phase, sinkDetails(now));
    if (begun && workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof cdcSink>({ spec: state.spec, sinkName, state });
    }
    const sink = spec.sinks[sinkName];
    if (phase === 'STOPPED' || !sink) {
      await condition(allHandlersFinished);
      if (state !== now) continue;
      return;
    }
    if (phase === 'RUNNING')
      await step.run(
        () => fill(now, sink),
        take,
        () => state.phase !== phase,
      );
    else await condition(() => state !== now);
  }
}

async function fill({ spec, sinkName }: SinkState, sink: SinkSpec): Promise<void> {
  const options = longLived(spec.stream.heartbeatTimeoutMs, sinkQueue(sink));
  await proxyActivities<Activities>(options).runSink({ spec, sinkName });
}
