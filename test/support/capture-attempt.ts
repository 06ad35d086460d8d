import { GivenCommands } from '../../src/capture/given-commands.ts';
import type { CaptureNotice, CaptureProgress } from '../../src/capture/progress.ts';
import { type CaptureInput, runCapture } from '../../src/capture/run-capture.ts';
import { DEFAULT_ROW_SETTINGS } from '../../src/change/row-settings.ts';
import { tableFilter } from '../../src/change/table-pattern.ts';
import { type CommitFate, type InMemoryBroker, InMemoryLog } from './in-memory-log.ts';
import { unboxing } from './simulated-log.ts';
import type { SimulatedMysql } from './simulated-mysql.ts';

export const PREFIX = 'shop';

export interface AttemptOptions {
  readonly source: SimulatedMysql;
  readonly broker: InMemoryBroker;
  readonly input?: Partial<CaptureInput>;
  readonly fate?: () => CommitFate;
  readonly nowMs?: () => number;
  readonly onNotice?: (notice: CaptureNotice) => void;
  /** Whether the attempt may end, asked whenever it reports. */
  readonly isDone: (progress: CaptureProgress) => boolean;
}

/** Nothing is left to be read or copied. */
export function isCaughtUp(source: SimulatedMysql, progress: CaptureProgress): boolean {
  return (
    progress.snapshot === undefined &&
    progress.caughtUp &&
    progress.checkpoint?.gtidSet === source.logged
  );
}

/** Runs one attempt of capture until it is done, or until it fails. */
export async function attempt({
  source,
  broker,
  input = {},
  fate = () => 'commit',
  nowMs = () => Math.floor(performance.now()),
  onNotice = () => undefined,
  isDone,
}: AttemptOptions): Promise<void> {
  const abort = new AbortController();
  const { include = ['shop.*'], exclude = [] } = input;
  source.wanted = tableFilter(include, exclude);
  await runCapture(
    {
      server: source,
      reader: source,
      log: new InMemoryLog(broker, PREFIX, fate),
      newDecoder: () => unboxing,
      nowMs,
      reach: () => undefined,
      notify: onNotice,
      report: (progress) => {
        source.tick();
        source.settle();
        if (isDone(progress)) abort.abort();
      },
    },
    {
      pipeline: 'shop',
      prefix: PREFIX,
      owner: 'default/cdc/shop',
      include,
      exclude,
      snapshotMode: 'initial',
      chunkRows: 3,
      maxChunkBytes: 1e6,
      maxBatchBytes: 1e6,
      maxBatchRows: 10,
      idleMs: 1,
      positionIntervalMs: 1,
      reportIntervalMs: 1,
      onFailure: () => 'stop-table',
      rowSettings: () => DEFAULT_ROW_SETTINGS,
      tripwire: { hasCommitted: false, epoch: 0 },
      commands: new GivenCommands(),
      ...input,
    },
    abort.signal,
  );
}
