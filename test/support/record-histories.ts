import { mkdirSync, writeFileSync } from 'node:fs';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { openIncident } from '../../src/control/incident.ts';
import { pipelineWorkflowId, sinkWorkflowId } from '../../src/control/names.ts';
import { aPipelineSpec } from './pipeline-spec.ts';
import { failing, openStage, untilCancelled } from './workflow-stage.ts';

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

async function record(name: string, workflowId: string): Promise<void> {
  const history = await stage.client.workflow.getHandle(workflowId).fetchHistory();
  writeFileSync(new URL(`${name}.json`, FOLDER), readable(history));
}

mkdirSync(FOLDER, { recursive: true });
const handle = stage.client.workflow.getHandle(pipelineWorkflowId('shop'));

stage.script = untilCancelled(1);
await stage.start(aPipelineSpec());
await stage.waitFor('shop', ({ tripwire }) => tripwire.hasCommitted);
await record('pipeline-streaming', pipelineWorkflowId('shop'));

await handle.executeUpdate('pause', { args: [{ by: 'ana' }] });
await stage.waitFor('shop', ({ phase }) => phase === 'PAUSED');
await record('pipeline-paused', pipelineWorkflowId('shop'));

stage.script = failing('binlog.purged');
await handle.signal('resume');
const gap = await stage.waitFor('shop', ({ phase }) => phase === 'GAP');
await record('pipeline-gap', pipelineWorkflowId('shop'));

stage.script = untilCancelled(2);
await handle.signal('recover', { incidentId: 'another', action: 'retry' });
await handle.signal('recover', {
  incidentId: openIncident(gap.incidents)?.id,
  action: 'resnapshot',
});
await stage.waitFor('shop', ({ tripwire }) => tripwire.epoch === 2);
await handle.executeUpdate('requestSnapshot', { args: [{ snapshotId: 'by-hand', tables: [] }] });
await stage.waitFor('shop', ({ pending }) => pending.length === 0);
await record('pipeline-recovered', pipelineWorkflowId('shop'));
await record('sink-running', sinkWorkflowId('shop', 'warehouse'));

const run = (await handle.describe()).runId;
await handle.executeUpdate('drop', { args: [{}] });
await handle.result();
const last = await stage.client.workflow.getHandle(pipelineWorkflowId('shop'), run).fetchHistory();
writeFileSync(new URL('pipeline-dropped.json', FOLDER), readable(last));
await record('drop', pipelineWorkflowId('shop'));
await record('sink-stopped', sinkWorkflowId('shop', 'warehouse'));
