import { mkdirSync, writeFileSync } from 'node:fs';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { findOpenIncident } from '../../src/control/incident.ts';
import { pipelineWorkflowId, scheduleId, sinkWorkflowId } from '../../src/control/names.ts';
import { ensureSinks } from '../../src/temporal/sinks.ts';
import { aPipelineSpec } from './pipeline-spec.ts';
import { aborted, eventually, failing, openStage, untilCancelled } from './workflow-stage.ts';

/**
 * Records histories for test/workflows/replay.test.ts from a server:
 * `node test/support/record-histories.ts HOST:PORT`. Run it on released code, never on the change
 * that the histories are to judge.
 */
const FOLDER = new URL('../fixtures/histories/', import.meta.url);

const address = process.argv[2];
if (address === undefined) throw new Error('usage: record-histories.ts HOST:PORT');
await using stage = await openStage(address);

/** Stack traces name the folders of whoever records, and replay does not look at them. */
function readable(history: Parameters<typeof historyToJSON>[0]): string {
  const text = historyToJSON(history);
  return `${text.replace(/"stackTrace": *"(?:[^"\\]|\\.)*"/g, '"stackTrace": ""')}\n`;
}

async function record(name: string, workflowId: string, runId?: string): Promise<void> {
  const history = await stage.client.workflow.getHandle(workflowId, runId).fetchHistory();
  writeFileSync(new URL(`${name}.json`, FOLDER), readable(history));
}

mkdirSync(FOLDER, { recursive: true });
const handle = stage.client.workflow.getHandle(pipelineWorkflowId('shop'));

stage.script = untilCancelled(1);
const snapshot = {
  mode: 'initial',
  chunkRows: 1000,
  schedules: { nightly: { cron: '0 3 * * *', tables: ['shop.orders'] } },
} as const;
await stage.start(aPipelineSpec({ snapshot }));
await stage.waitFor('shop', ({ tripwire }) => tripwire.hasCommitted);
await record('pipeline-streaming', pipelineWorkflowId('shop'));

await handle.executeUpdate('pause', { args: [{ by: 'ana' }] });
await stage.waitFor('shop', ({ phase }) => phase === 'PAUSED');
await record('pipeline-paused', pipelineWorkflowId('shop'));

stage.script = failing('binlog.purged');
await handle.signal('resume');
const gap = await stage.waitFor('shop', ({ phase }) => phase === 'GAP');
await record('pipeline-gap', pipelineWorkflowId('shop'));

const stopped = (await handle.describe()).runId;
stage.script = untilCancelled(2);
await handle.signal('recover', { incidentId: 'another', action: 'retry' });
await handle.signal('recover', {
  incidentId: findOpenIncident(gap.incidents)?.id,
  action: 'resnapshot',
});
await stage.waitFor('shop', ({ tripwire }) => tripwire.epoch === 2);
await record('pipeline-answered', pipelineWorkflowId('shop'), stopped);
await handle.executeUpdate('requestSnapshot', { args: [{ snapshotId: 'by-hand', tables: [] }] });
await stage.waitFor('shop', ({ pending }) => pending.length === 0);
await record('pipeline-recovered', pipelineWorkflowId('shop'));
await record('sink-running', sinkWorkflowId('shop', 'warehouse'));

const schedule = stage.client.schedule.getHandle(scheduleId('shop', 'nightly'));
await schedule.trigger();
const trigger = await eventually(async () => {
  const [newest] = (await schedule.describe()).info.recentActions;
  if (!newest) throw new Error('the schedule has not started anything yet');
  return newest.action.workflow.workflowId;
});
await stage.client.workflow.getHandle(trigger).result();
await record('trigger-finished', trigger);

const run = (await handle.describe()).runId;
await handle.executeUpdate('drop', { args: [{}] });
await handle.result();
await record('pipeline-dropped', pipelineWorkflowId('shop'), run);
await record('drop', pipelineWorkflowId('shop'));
await record('sink-stopped', sinkWorkflowId('shop', 'warehouse'));

stage.sinkScript = failing('sink.schema-conflict');
await ensureSinks(stage.client, { spec: aPipelineSpec(), retired: [] });
const blocked = await stage.waitForSink('shop', 'warehouse', ({ phase }) => phase === 'BLOCKED');
stage.sinkScript = (_input, { signal }) => aborted(signal);
await stage.client.workflow
  .getHandle(sinkWorkflowId('shop', 'warehouse'))
  .executeUpdate('recover', { args: [{ incidentId: findOpenIncident(blocked.incidents)?.id }] });
await record('sink-recovered', sinkWorkflowId('shop', 'warehouse'));
