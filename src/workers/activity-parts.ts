import type { Client } from '@temporalio/client';
import type { ActivityParts, LongRunningHooks } from '../activities/create-activities.ts';
import type { CaptureNotice } from '../capture/progress.ts';
import type { TableName } from '../change/table.ts';
import type { SecretScope } from '../config/secret.ts';
import { readStoredSpec } from '../config/stored-spec.ts';
import { ownerOf } from '../control/names.ts';
import type { StoppedTables } from '../control/stopped-tables.ts';
import { deleteOwnedTopics } from '../kafka/owned-topics.ts';
import type { Log } from '../observability/log.ts';
import type { Meter } from '../observability/meter.ts';
import type { ProgressMetrics } from '../observability/progress-metrics.ts';
import { ensureSchedules, removeSchedules } from '../temporal/schedules.ts';
import { ensureSinks, stopSinks } from '../temporal/sinks.ts';
import { kafkaConnection } from './connections.ts';
import type { HeldWork } from './held-work.ts';
import { provision } from './preflight.ts';
import { runThread } from './run-thread.ts';
import type { ThreadMessage } from './thread-protocol.ts';

export interface PartsContext {
  readonly client: Client;
  readonly namespace: string;
  readonly log: Log;
  readonly meter: Meter;
  readonly metrics: ProgressMetrics;
  readonly host: string;
  /** Task queue of this process alone. */
  readonly queue: string;
  /** What of this machine specifications may name. */
  readonly secrets: SecretScope;
  /** Where the long work is found that this process has. */
  readonly held: HeldWork;
}

/** Joins the activities to the threads that do their work and to Temporal. */
export function activityParts({
  client,
  namespace,
  log,
  meter,
  metrics,
  host,
  queue,
  secrets,
  held,
}: PartsContext): ActivityParts {
  const heard = (pipeline: string, part: string, message: ThreadMessage): void => {
    switch (message.kind) {
      case 'progress':
        metrics.record(message.progress);
        break;
      case 'retrying': {
        const { code, message: text } = message.failure;
        meter.count('sluice_failures_total', { pipeline, code });
        if (code === 'internal.bug') meter.count('sluice_bugs_total', { pipeline });
        log.warn(`${part} tries again: ${text}`, {
          pipeline,
          reason: code,
          durationMs: Math.round(message.delayMs),
        });
        break;
      }
      case 'sendingAgain': {
        const { code, message: text } = message.failure;
        meter.count('sluice_transactions_sent_again_total', { pipeline });
        log.warn(`${part} sends a transaction again: ${text}`, { pipeline, reason: code });
        break;
      }
      case 'notice':
        tellNotice(log.with({ pipeline }), message.notice);
        break;
      case 'needsSnapshot':
        log.info(`${part} needs snapshot ${message.snapshotId} of every table`, { pipeline });
        break;
      case 'alive':
      case 'done':
      case 'failed':
        break;
    }
  };
  return {
    readSpec: readStoredSpec,
    processQueue: queue,
    giveCommands: (pipeline, commands) => held.give(pipeline, commands),
    hold: (work) => held.hold(work),
    provision: (spec) => provision(spec, ownerOf(namespace, spec), secrets),
    ensureSinks: (spec) => ensureSinks(client, spec),
    ensureSchedules: (spec) => ensureSchedules(client, spec),
    teardown: async ({ spec, deleteTopics }) => {
      await stopSinks(client, spec);
      await removeSchedules(client, spec.pipeline);
      if (!deleteTopics) return;
      const { prefix } = spec.kafka;
      const owner = ownerOf(namespace, spec);
      const connection = await kafkaConnection(spec, secrets);
      const deleted = await deleteOwnedTopics(connection, { prefix, owner });
      const topics = [...deleted.tables, ...deleted.internal];
      log.info(`${topics.length} topics are deleted`, { pipeline: spec.pipeline });
    },
    signalWorkflow: async (workflowId, { name, payload }) => {
      await client.workflow.getHandle(workflowId).signal(name, payload);
    },
    runCapture: async (input, hooks) => {
      const { spec, tripwire, commands } = input;
      using _running = metrics.started(spec.pipeline, 'stream');
      await runThread(
        { kind: 'capture', spec, secrets, owner: ownerOf(namespace, spec), tripwire, commands },
        (message) => {
          heard(spec.pipeline, 'stream', message);
          report(message, hooks);
          if (message.kind !== 'notice') return;
          const { notice } = message;
          const { kind } = notice;
          if (kind === 'started' || kind === 'commandsApplied') {
            const { epoch, commandIds } = notice;
            const finished = kind === 'started' ? notice.finished : [];
            hooks.onStarted({ epoch, commandIds, finished });
          } else if (notice.kind === 'snapshotFinished') hooks.onSnapshotFinished(notice);
        },
        hooks.signal,
        (say) => hooks.takesCommands((more) => say({ kind: 'commands', commands: more })),
      );
    },
    runSink: async ({ spec, sinkName, stoppedTables: _, ...orders }, hooks) => {
      using _running = metrics.started(spec.pipeline, sinkName);
      let needsSnapshot: string | undefined;
      const logStops = stopLog(log.with({ pipeline: spec.pipeline }), `sink ${sinkName}`);
      await runThread(
        { kind: 'sink', spec, secrets, host, sinkName, orders },
        (message) => {
          heard(spec.pipeline, `sink ${sinkName}`, message);
          report(message, hooks);
          if (message.kind === 'progress') logStops(message.progress.stopped);
          if (message.kind === 'needsSnapshot') needsSnapshot = message.snapshotId;
        },
        hooks.signal,
      );
      return needsSnapshot === undefined ? {} : { needsSnapshot };
    },
  };
}

function report(message: ThreadMessage, hooks: LongRunningHooks): void {
  if (message.kind === 'progress') hooks.onProgress(message.progress);
  if (message.kind === 'retrying') hooks.onRetrying(message.failure);
}

function tellNotice(log: Log, notice: CaptureNotice): void {
  switch (notice.kind) {
    case 'started':
      log.info('stream starts', { position: notice.gtidSet, epoch: notice.epoch });
      for (const { table, code } of notice.stopped)
        log.warn(`table ${table} is still stopped: ${code}`, { table });
      break;
    case 'commandsApplied':
      log.info('commands are applied', { reason: notice.commandIds.join(', ') });
      break;
    case 'snapshotFinished':
      log.info(`snapshot ${notice.snapshotId} is finished`, { rows: notice.rows });
      break;
    case 'tableStopped': {
      const { table, code, position } = notice;
      log.error(`table ${table} has stopped: ${code}: ${notice.reason}`, { table, position });
      break;
    }
    case 'tableReturned':
      log.info(`table ${notice.table} is captured again`, { table: notice.table });
      break;
  }
}

/** Logs each table of a sink once when it stops and once when it goes on. */
function stopLog(log: Log, part: string): (stopped: StoppedTables | undefined) => void {
  let known: ReadonlySet<TableName> = new Set();
  return (stopped) => {
    const tables = stopped?.tables ?? [];
    for (const { table, code, reason, position } of tables)
      if (!known.has(table))
        log.error(`table ${table} of ${part} has stopped: ${code}: ${reason}`, { table, position });
    const now = new Set(tables.map(({ table }) => table));
    const isComplete = (stopped?.count ?? 0) <= now.size;
    for (const table of known)
      if (isComplete && !now.has(table)) log.info(`table ${table} of ${part} goes on`, { table });
    known = now;
  };
}
