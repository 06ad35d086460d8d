import { defineQuery, setHandler } from '@temporalio/workflow';
import type { Incident } from '../control/incident.ts';
import {
  CONFIG_QUERY,
  FAILING,
  INCIDENTS_QUERY,
  parseFailing,
  parseSinkCommand,
  parseSnapshotDone,
  parseStoppedTables,
  SINK_COMMAND_KINDS,
  SNAPSHOT_DONE,
  STATUS_QUERY,
  STOPPED_TABLES,
} from '../control/messages.ts';
import type { SinkSpec } from '../control/pipeline-spec.ts';
import {
  type SinkEvent,
  type SinkState,
  type SinkTransition,
  sinkRefusalOf,
} from '../control/sink-state.ts';
import { bindCommands, bindNotice } from './commands.ts';

const statusQuery = defineQuery<SinkState>(STATUS_QUERY);
const incidentsQuery = defineQuery<readonly Incident[]>(INCIDENTS_QUERY);
const configQuery = defineQuery<SinkSpec | undefined>(CONFIG_QUERY);

/**
 * Everything that can be said to a sink and asked of it. To be called before the first await: an
 * update that arrives without a handler is rejected.
 */
export function bindSinkMessages(
  read: () => SinkState,
  take: (event: SinkEvent) => SinkTransition,
  refuse: (text: string) => void,
): void {
  setHandler(statusQuery, read);
  setHandler(incidentsQuery, () => read().incidents);
  setHandler(configQuery, () => read().spec.sinks[read().sinkName]);
  bindNotice(
    STOPPED_TABLES,
    parseStoppedTables,
    (stopped) => void take({ kind: 'stoppedTables', ...stopped }),
    refuse,
  );
  bindNotice(FAILING, parseFailing, (notice) => void take(notice), refuse);
  bindCommands(SINK_COMMAND_KINDS, {
    parse: parseSinkCommand,
    refusalOf: (command) => sinkRefusalOf(read(), command),
    take: (command) => take(command).answer,
    refuse,
  });
  bindNotice(
    SNAPSHOT_DONE,
    parseSnapshotDone,
    (done) => void take({ kind: 'snapshotDone', done }),
    refuse,
  );
}
