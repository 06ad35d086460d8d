import { BinlogDecoder } from '../binlog/decoder.ts';
import type { CaptureNotice } from '../capture/progress.ts';
import { runCapture } from '../capture/run-capture.ts';
import type { InvalidTextRule } from '../change/row-settings.ts';
import type { TableId } from '../change/table.ts';
import type { Tripwire } from '../control/stream-command.ts';
import { onTableFailure, rowSettings } from '../control/table-settings.ts';
import { KafkaPipelineLog } from '../kafka/pipeline-log.ts';
import { MysqlChunkReader } from '../mysql/chunk-reader.ts';
import { OneServer } from '../mysql/one-server.ts';
import { MysqlSourceServer } from '../mysql/source-server.ts';
import { ProgressMeter } from './capture-progress.ts';
import { mysqlAccount, pipelineLogOptions } from './connections.ts';
import { supervise } from './supervise.ts';
import type { CaptureTask, ThreadPort } from './thread-protocol.ts';

/** Rows of one chunk wait in memory until the stream has passed them. */
const MAX_CHUNK_BYTES = 8 * 1024 * 1024;
const POSITION_INTERVAL_MS = 1_000;
const REPORT_INTERVAL_MS = 500;

/** Captures in this thread until it is told to stop; reconnects by itself, ends on what needs a decision. */
export async function runCaptureTask(task: CaptureTask, port: ThreadPort): Promise<void> {
  const meter = new ProgressMeter(task.spec.pipeline);
  let tripwire: Tripwire = task.tripwire;
  const notify = (notice: CaptureNotice): void => {
    if (notice.kind === 'started') tripwire = { hasCommitted: true, epoch: notice.epoch };
    port.send({ kind: 'notice', notice });
  };
  await supervise(
    (signal) => attempt(task, tripwire, port, meter, notify, signal),
    (failure, delayMs) => {
      meter.attemptEnded();
      port.send({ kind: 'retrying', failure, delayMs });
    },
    port.signal,
  );
}

async function attempt(
  task: CaptureTask,
  tripwire: Tripwire,
  port: ThreadPort,
  meter: ProgressMeter,
  notify: (notice: CaptureNotice) => void,
  signal: AbortSignal,
): Promise<void> {
  const { spec, secrets } = task;
  const { include, exclude, ghostTables } = spec.source;
  const rows = rowSettings(spec.source);
  const invalidText = (table: TableId): InvalidTextRule => rows(table).invalidText;
  const account = await mysqlAccount(spec, secrets);
  const log = new KafkaPipelineLog({
    ...(await pipelineLogOptions(spec, secrets)),
    onDisturbed: ({ code, message, facts }) => {
      port.send({ kind: 'sendingAgain', failure: { code, message, facts } });
    },
    reach: port.reach,
  });
  const source = new OneServer(account);
  const server = new MysqlSourceServer(source, {
    serverId: spec.source.serverId,
    identity: dumpIdentity(task),
    include,
    exclude,
    ghostTables,
  });
  const reader = new MysqlChunkReader(source, { invalidText });
  try {
    await runCapture(
      {
        server,
        reader,
        log,
        newDecoder: () => new BinlogDecoder({ invalidText }),
        nowMs: Date.now,
        reach: port.reach,
        notify,
        report: (progress) => {
          port.send({ kind: 'progress', progress: meter.measure(progress, Date.now()) });
        },
      },
      {
        pipeline: spec.pipeline,
        prefix: spec.kafka.prefix,
        owner: task.owner,
        include,
        exclude,
        ghostTables,
        snapshotMode: spec.snapshot.mode,
        chunkRows: spec.snapshot.chunkRows,
        maxChunkBytes: MAX_CHUNK_BYTES,
        maxBatchBytes: spec.stream.maxBatchBytes,
        maxBatchRows: spec.stream.maxBatchRows,
        idleMs: spec.stream.idleMs,
        positionIntervalMs: POSITION_INTERVAL_MS,
        reportIntervalMs: REPORT_INTERVAL_MS,
        onFailure: onTableFailure(spec.source),
        rowSettings: rows,
        tripwire,
        commands: port.commands,
      },
      signal,
    );
  } finally {
    await Promise.allSettled([reader.close(), server.close(), log.close()]);
  }
}

/** Of one name in two environments that read one server, each has to keep its dump. */
const dumpIdentity = ({ spec, owner }: CaptureTask): string =>
  [owner, spec.kafka.prefix, ...[...spec.kafka.brokers].sort()].join(' ');
