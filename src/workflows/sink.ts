import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  getExternalWorkflowHandle,
  isCancellation,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities, SinkInput, SinkResult } from '../activities/types.ts';
import { sinkDetails } from '../control/details-text.ts';
import type { Incident } from '../control/incident.ts';
import {
  CONFIG_QUERY,
  INCIDENTS_QUERY,
  parseSinkCommand,
  parseSnapshotDone,
  SINK_COMMAND_KINDS,
  SNAPSHOT_DONE,
  STATUS_QUERY,
} from '../control/messages.ts';
import { pipelineWorkflowId, sinkQueue } from '../control/names.ts';
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
import { bindCommands, bindNotice } from './commands.ts';
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

const ASK_AGAIN_AFTER = '30 seconds';

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
  const refuse = (text: string): void => {
    state = withRefusal(state, text, Date.now());
  };
  bindCommands(SINK_COMMAND_KINDS, {
    parse: parseSinkCommand,
    refusalOf: (command) => sinkRefusalOf(state, command),
    take: (command) => take(command).answer,
    refuse,
  });
  bindNotice(
    SNAPSHOT_DONE,
    parseSnapshotDone,
    (done) => take({ kind: 'snapshotDone', done }),
    refuse,
  );

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
    if (phase !== 'RUNNING') await condition(() => state !== now);
    else if (now.snapshot?.state === 'needed') {
      const { id, deferral } = now.snapshot;
      if (deferral !== undefined) await condition(() => state !== now, ASK_AGAIN_AFTER);
      if (state !== now) continue;
      if (await askForSnapshot(now, id)) take({ kind: 'snapshotAsked', snapshotId: id });
      else await condition(() => state !== now, ASK_AGAIN_AFTER);
    } else
      await step.run(
        async () => {
          const snapshotId = await fill(now, sink);
          if (snapshotId !== undefined) take({ kind: 'snapshotNeeded', snapshotId });
        },
        take,
        () => state.phase !== phase || state.snapshot !== now.snapshot,
      );
  }
}

/** Id of a snapshot without which the sink does not go on. */
async function fill(
  { spec, sinkName, renewal, snapshot }: SinkState,
  sink: SinkSpec,
): Promise<string | undefined> {
  const options = longLived(spec.stream.heartbeatTimeoutMs, sinkQueue(sink));
  const input: SinkInput = {
    spec,
    sinkName,
    ...(renewal === undefined ? {} : { renewal }),
    ...(snapshot === undefined || snapshot.state === 'needed'
      ? {}
      : { snapshot: { id: snapshot.id, state: snapshot.state } }),
  };
  // Nothing came back from sinks before they knew of snapshots.
  const run = proxyActivities<Activities>(options).runSink(input) as Promise<
    SinkResult | undefined
  >;
  return (await run)?.needsSnapshot;
}

/** A pipeline that cannot take it now says "deferred"; false when there is no pipeline. */
async function askForSnapshot({ spec, sinkName }: SinkState, id: string): Promise<boolean> {
  const request = {
    snapshotId: id,
    // Asked again, it is another request.
    commandId: `${id}-${Date.now()}`,
    tables: [],
    replyTo: workflowInfo().workflowId,
    by: `sink ${sinkName}`,
  };
  try {
    const pipeline = getExternalWorkflowHandle(pipelineWorkflowId(spec.pipeline));
    await pipeline.signal('requestSnapshot', request);
    return true;
  } catch (error) {
    if (isCancellation(error)) throw error;
    return false;
  }
}
