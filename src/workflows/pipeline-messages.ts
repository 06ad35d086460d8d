import { defineQuery, setHandler } from '@temporalio/workflow';
import type { Incident } from '../control/incident.ts';
import {
  CAPTURE_STARTED,
  COMMAND_KINDS,
  CONFIG_QUERY,
  FAILING,
  INCIDENTS_QUERY,
  parseCaptureStarted,
  parseCommand,
  parseFailing,
  parseSnapshotFinished,
  parseStoppedTables,
  parseStreamEnded,
  SNAPSHOT_FINISHED,
  STATUS_QUERY,
  STOPPED_TABLES,
  STREAM_ENDED,
} from '../control/messages.ts';
import type { PipelineSpec } from '../control/pipeline-spec.ts';
import {
  type PipelineEvent,
  type PipelineState,
  type PipelineTransition,
  refusalOf,
} from '../control/pipeline-state.ts';
import { bindCommands, bindNotice } from './commands.ts';

const statusQuery = defineQuery<PipelineState>(STATUS_QUERY);
const incidentsQuery = defineQuery<readonly Incident[]>(INCIDENTS_QUERY);
const configQuery = defineQuery<PipelineSpec>(CONFIG_QUERY);

/**
 * Everything that can be said to a pipeline and asked of it. To be called before the first await:
 * an update that arrives without a handler is rejected.
 */
export function bindPipelineMessages(
  read: () => PipelineState,
  take: (event: PipelineEvent) => PipelineTransition,
  refuse: (text: string) => void,
): void {
  setHandler(statusQuery, read);
  setHandler(incidentsQuery, () => read().incidents);
  setHandler(configQuery, () => read().spec);
  bindNotice(
    CAPTURE_STARTED,
    parseCaptureStarted,
    (started) => void take({ kind: 'captureStarted', ...started }),
    refuse,
  );
  bindNotice(
    SNAPSHOT_FINISHED,
    parseSnapshotFinished,
    (finished) => void take({ kind: 'snapshotFinished', ...finished }),
    refuse,
  );
  bindNotice(
    STOPPED_TABLES,
    parseStoppedTables,
    (stopped) => void take({ kind: 'stoppedTables', ...stopped }),
    refuse,
  );
  bindNotice(FAILING, parseFailing, (notice) => void take(notice), refuse);
  bindNotice(
    STREAM_ENDED,
    parseStreamEnded,
    (position) => void take({ kind: 'streamEnded', position }),
    refuse,
  );
  bindCommands(COMMAND_KINDS, {
    parse: parseCommand,
    refusalOf: (command) => refusalOf(read(), command),
    take: (command) => take(command).answer,
    refuse,
  });
}
