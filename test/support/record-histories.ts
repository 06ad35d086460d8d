import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { findOpenIncident } from '../../src/control/incident.ts';
import { pipelineWorkflowId, scheduleId, sinkWorkflowId } from '../../src/control/names.ts';
import { ensureSinks } from '../../src/temporal/sinks.ts';
import { startStack } from '../../tools/stack/stack.ts';
import { aPipelineSpec } from './pipeline-spec.ts';
import { aborted, eventually, failing, openStage, untilCancelled } from './workflow-stage.ts';

/**
 * Records the histories of the last release, which test/workflows/replay.test.ts replays with the
 * present code: `npm run histories`, with a server of its own, or with one that is given as HOST:PORT.
 *
 * Run it on the code of the release, as the last thing before it goes out, and never on a change that
 * the histories are to judge (docs/decisions/0013).
 */
const FOLDER = new URL('../fixtures/histories/last-release/', import.meta.url);

await using scope = new AsyncDisposableStack();
const stage = scope.use(await openStage(process.argv[2] ?? (await ownServer())));

async function ownServer(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-histories-'));
  scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  const env = { ...process.env, SLUICE_TEMPORAL_ADDRESS: undefined };
  const stack = await startStack({ dir, only: ['temporal'], env });
  scope.defer(() => stack.down());
  const { temporal } = stack.addresses;
  if (!temporal) throw new Error('Temporal has not started');
  return temporal.address;
}

/** Stack traces name the folders of whoever records, and replay does not look at them. */
function readable(history: Parameters<typeof historyToJSON>[0]): string {
  const text = historyToJSON(history);
  return `${text.replace(/"stackTrace": *"(?:[^"\\]|\\.)*"/g, '"stackTrace": ""')}\n`;
}

async function record(name: string, workflowId: string, runId?: string): Promise<void> {
  const history = await stage.client.workflow.getHandle(workflowId, runId).fetchHistory();
  writeFileSync(new URL(`${name}.json`, FOLDER), readable(history));
}

rmSync(FOLDER, { recursive: true, force: true });
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
