import { randomUUID } from 'node:crypto';
import { unreachable } from '../change/brand.ts';
import { DEFAULT_DUCKDB_MEMORY_MB } from '../config/defaults.ts';
import type { DuckdbSinkSpec, SinkSpec } from '../control/pipeline-spec.ts';
import { DuckDbFile } from '../duckdb/database-file.ts';
import { DuckDbDestination } from '../duckdb/duckdb-destination.ts';
import { MAX_BATCH_COLUMNS } from '../duckdb/held-blocks.ts';
import { serveQueries } from '../duckdb/query-server.ts';
import { SluiceError } from '../errors/error.ts';
import { KafkaRecordSource } from '../kafka/record-source.ts';
import { KafkaSinkLog } from '../kafka/sink-log.ts';
import type { SinkProgress } from '../observability/progress.ts';
import { systemClock } from '../sink/clock.ts';
import type { Destination } from '../sink/destination.ts';
import type { SinkSessionProgress } from '../sink/progress.ts';
import type { SinkLog } from '../sink/sink-log.ts';
import { runSink, type SinkInput } from '../sink/sink-session.ts';
import { isRenewalDue } from '../sink/warehouse-verdict.ts';
import { bigQueryWarehouse } from './bigquery-warehouse.ts';
import { kafkaConnection } from './connections.ts';
import { supervise } from './supervise.ts';
import type { SinkTask, ThreadPort } from './thread-protocol.ts';

const THREADS = 2;
/** Stopped tables that progress names; the others are counted. */
const MAX_LISTED_STOPS = 50;

/** Fills one warehouse in this thread until it is told to stop, and answers queries on it meanwhile. */
export async function runSinkTask(task: SinkTask, port: ThreadPort): Promise<void> {
  const sink = task.spec.sinks[task.sinkName];
  if (!sink)
    throw new SluiceError(
      'config.invalid',
      `Pipeline ${task.spec.pipeline} has no sink ${task.sinkName}.`,
    );
  const counter = new SinkCounter(task);
  await supervise(
    (signal) => attempt(task, sink, port, counter, signal),
    (failure, delayMs) => {
      counter.attemptEnded();
      port.send({ kind: 'retrying', failure, delayMs });
    },
    port.signal,
  );
}

async function attempt(
  task: SinkTask,
  sink: SinkSpec,
  port: ThreadPort,
  counter: SinkCounter,
  signal: AbortSignal,
): Promise<void> {
  const { spec, secrets, sinkName, orders } = task;
  const { prefix, replication } = spec.kafka;
  const connection = await kafkaConnection(spec, secrets);
  await using parts = new AsyncDisposableStack();
  const log = await KafkaSinkLog.open({ ...connection, prefix, sinkName, replication });
  parts.defer(() => log.close());
  const { destination, settings } = await openDestination(
    { task, sink, log, port, signal, onRefused: (rows) => counter.refused(rows) },
    parts,
  );
  parts.defer(() => destination.close());
  const source = new KafkaRecordSource({ ...connection, prefix });
  parts.defer(() => source.close());
  const end = await runSink({
    source,
    destination,
    log,
    orders,
    prefix,
    settings,
    onProgress: (progress) => {
      port.send({ kind: 'progress', progress: counter.measure(progress) });
    },
    reach: port.reach,
    clock: systemClock,
    newId: randomUUID,
    signal,
  });
  if (end.kind === 'needsSnapshot')
    port.send({ kind: 'needsSnapshot', snapshotId: end.snapshotId });
}

interface AttemptParts {
  readonly task: SinkTask;
  readonly sink: SinkSpec;
  readonly log: SinkLog;
  readonly port: ThreadPort;
  readonly onRefused: (rows: number) => void;
  readonly signal: AbortSignal;
}

interface OpenDestination {
  readonly destination: Destination;
  readonly settings: SinkInput['settings'];
}

/** @param parts  what has to be closed behind the destination is put there */
async function openDestination(
  attemptParts: AttemptParts,
  parts: AsyncDisposableStack,
): Promise<OpenDestination> {
  const { task, sink, log, port, signal } = attemptParts;
  switch (sink.kind) {
    case 'duckdb': {
      const { commitIntervalMs, maxBatchBytes, changesExpireDays } = sink;
      const file = await openFile(task, sink, log);
      parts.defer(() => file.close());
      const queries = serveQueries(file);
      parts.defer(() => queries.close());
      const { pipeline, kafka } = task.spec;
      const { reach } = port;
      const destination = new DuckDbDestination(file, {
        ...{ pipeline, prefix: kafka.prefix, nowMs: Date.now, reach, signal },
        ...(changesExpireDays === undefined ? {} : { changesExpireDays }),
      });
      const settings = { commitIntervalMs, maxBatchBytes, maxBatchColumns: MAX_BATCH_COLUMNS };
      return { destination, settings };
    }
    case 'bigquery': {
      const { loadIntervalMs: commitIntervalMs, maxBatchBytes } = sink;
      const destination = await bigQueryWarehouse(sink, attemptParts);
      return { destination, settings: { commitIntervalMs, maxBatchBytes } };
    }
    default:
      return unreachable(sink);
  }
}

function openFile(
  { orders, host }: SinkTask,
  sink: DuckdbSinkSpec,
  { record }: SinkLog,
): Promise<DuckDbFile> {
  refuseOtherHost(sink, host);
  return DuckDbFile.open(sink.file, {
    memoryLimitMb: sink.memoryLimitMb ?? DEFAULT_DUCKDB_MEMORY_MB,
    threads: THREADS,
    mustExist: record?.warehouse.state === 'ready' && !isRenewalDue(record, orders.renewal),
  });
}

/** The file is local: on another host the same path would be another, empty warehouse. */
function refuseOtherHost(sink: DuckdbSinkSpec, host: string): void {
  if (sink.host === host) return;
  throw new SluiceError(
    'sink.other-host',
    `Warehouse file ${sink.file} is on host ${sink.host}, this worker runs on ${host}.`,
  );
}

/** Keeps counts going up over attempts, and puts the lag beside them. */
class SinkCounter {
  readonly #task: SinkTask;
  #baseRows = 0;
  #baseTables: Readonly<Record<string, number>> = {};
  #refusedRows = 0;
  #latest: SinkSessionProgress | undefined;

  constructor(task: SinkTask) {
    this.#task = task;
  }

  refused(rows: number): void {
    this.#refusedRows += rows;
  }

  attemptEnded(): void {
    if (!this.#latest) return;
    this.#baseRows += this.#latest.rows;
    this.#baseTables = this.#tables(this.#latest);
    this.#latest = undefined;
  }

  measure(progress: SinkSessionProgress): SinkProgress {
    this.#latest = progress;
    const { cut, checkpoint } = progress;
    // Before the first cut there is no age to speak of.
    const behindUs = cut ? (checkpoint?.committedAtUs ?? 0) - cut.committedAtUs : 0;
    const behind =
      checkpoint !== undefined && checkpoint.commitOrdinal > (cut?.commitOrdinal ?? -1);
    return {
      kind: 'sink',
      pipeline: this.#task.spec.pipeline,
      sink: this.#task.sinkName,
      rows: this.#baseRows + progress.rows,
      cutOrdinal: cut?.commitOrdinal ?? 0,
      ...(cut ? { cutCommittedAtUs: cut.committedAtUs } : {}),
      lagMs: behind ? Math.max(0, Math.floor(behindUs / 1000)) : 0,
      ...(progress.lastCommit ? { lastCommit: progress.lastCommit } : {}),
      ...(this.#refusedRows > 0 ? { refusedRows: this.#refusedRows } : {}),
      ...stoppedTables(progress),
      ...(progress.recordsLeft > 0 ? { recordsLeft: progress.recordsLeft } : {}),
      tables: this.#tables(progress),
    };
  }

  #tables({ rowsByTable }: SinkSessionProgress): Readonly<Record<string, number>> {
    const sum: Record<string, number> = { ...this.#baseTables };
    for (const [table, rows] of Object.entries(rowsByTable)) sum[table] = (sum[table] ?? 0) + rows;
    return sum;
  }
}

function stoppedTables({ stopped }: SinkSessionProgress): Pick<SinkProgress, 'stopped'> {
  if (stopped.length === 0) return {};
  return { stopped: { count: stopped.length, tables: stopped.slice(-MAX_LISTED_STOPS) } };
}
