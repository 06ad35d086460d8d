import { readFileSync } from 'node:fs';
import { BinlogDecoder } from '../../src/binlog/decoder.ts';
import { GivenCommands } from '../../src/capture/given-commands.ts';
import type { PipelineLog } from '../../src/capture/pipeline-log.ts';
import { parsePositions, type StoredPipeline } from '../../src/capture/position-records.ts';
import { runCapture } from '../../src/capture/run-capture.ts';
import { DEFAULT_ROW_SETTINGS } from '../../src/change/row-settings.ts';
import { MysqlChunkReader } from '../../src/mysql/chunk-reader.ts';
import type { MysqlAccount } from '../../src/mysql/connection.ts';
import { OneServer } from '../../src/mysql/one-server.ts';
import { MysqlSourceServer } from '../../src/mysql/source-server.ts';
import { BufferPool, DEFAULT_LIMITS, RecordBatches } from '../../src/topic/outgoing-batch.ts';
import type { OutgoingBatch } from '../../src/topic/publisher.ts';

/** A process that captures one database, keeps nothing, and tells what that took. */
export interface CaptureProcessTask {
  readonly account: MysqlAccount;
  readonly database: string;
  /** It ends when it has read so many. */
  readonly rows: number;
}

export interface CaptureProcessReport {
  readonly rows: number;
  readonly transactions: number;
  /** The most that was resident, as the kernel counted. */
  readonly peakBytes: number;
  /** How often a timer of 20 ms had its turn while rows came in. */
  readonly ticks: number;
  readonly busyMs: number;
}

/** A line before the report: the dump is open, and nothing has been read. */
export const STREAMING = 'streaming';

class ForgetfulLog implements PipelineLog {
  readonly #pool = new BufferPool();
  readonly #nothing: StoredPipeline = { ...parsePositions(new Map()), schemaIds: new Set() };

  peek(): Promise<StoredPipeline> {
    return Promise.resolve(this.#nothing);
  }
  fence(): Promise<void> {
    return Promise.resolve();
  }
  load(): Promise<StoredPipeline> {
    return Promise.resolve(this.#nothing);
  }
  ensureTopics(...[topics]: Parameters<PipelineLog['ensureTopics']>) {
    return Promise.resolve(new Map(topics.map((topic) => [topic, { partitions: 3, id: topic }])));
  }
  newBatch(): OutgoingBatch {
    return new RecordBatches(DEFAULT_LIMITS, this.#pool);
  }
  publish(batch: OutgoingBatch): Promise<void> {
    if (!(batch instanceof RecordBatches)) throw new TypeError('a batch of another log');
    batch.seal();
    batch.release();
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function capture({ account, database, rows }: CaptureProcessTask): Promise<void> {
  const one = new OneServer(account);
  const include = [`${database}.*`];
  const server = new MysqlSourceServer(one, {
    serverId: 4_300_000 + process.pid,
    identity: `capture-process-${process.pid}`,
    include,
    exclude: [],
  });
  const reader = new MysqlChunkReader(one);
  const abort = new AbortController();
  let report: CaptureProcessReport | undefined;
  let ticks = 0;
  let startedMs = 0;
  const timer = setInterval(() => {
    if (startedMs > 0) ticks += 1;
  }, 20);
  await runCapture(
    {
      server,
      reader,
      log: new ForgetfulLog(),
      newDecoder: () => new BinlogDecoder(),
      nowMs: Date.now,
      reach: () => undefined,
      notify: ({ kind }) => {
        if (kind === 'started') process.stdout.write(`${STREAMING}\n`);
      },
      report: (progress) => {
        if (progress.rows > 0 && startedMs === 0) startedMs = performance.now();
        const { transactions } = progress;
        const busyMs = performance.now() - startedMs;
        report = { rows: progress.rows, transactions, peakBytes: peakBytes(), ticks, busyMs };
        if (progress.rows >= rows && progress.caughtUp) abort.abort();
      },
    },
    {
      pipeline: 'large',
      prefix: 'large',
      owner: 'default/cdc/large',
      include,
      exclude: [],
      snapshotMode: 'never',
      chunkRows: 1_000,
      maxChunkBytes: 8 << 20,
      maxBatchBytes: 8 << 20,
      maxBatchRows: 100_000,
      idleMs: 20,
      positionIntervalMs: 1_000,
      reportIntervalMs: 50,
      onFailure: () => 'stop-pipeline',
      rowSettings: () => DEFAULT_ROW_SETTINGS,
      tripwire: { hasCommitted: false, epoch: 0 },
      commands: new GivenCommands(),
    },
    abort.signal,
  );
  clearInterval(timer);
  await Promise.all([reader.close(), server.close()]);
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

function peakBytes(): number {
  const [, kilobytes] =
    /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

const [, , task] = process.argv;
if (import.meta.main && task !== undefined) await capture(JSON.parse(task) as CaptureProcessTask);
