import type { RowSettings } from '../change/row-settings.ts';
import type { TableId } from '../change/table.ts';
import { followedTables, type TablePatterns } from '../change/table-pattern.ts';
import type { Tripwire } from '../control/stream-command.ts';
import type { ChunkReader } from '../snapshot/chunk-reader.ts';
import { CaptureLoop, type EventDecoder } from './capture-loop.ts';
import type { GivenCommands } from './given-commands.ts';
import type { CaptureKillPoint } from './kill-points.ts';
import { openSession } from './open-session.ts';
import type { PipelineLog } from './pipeline-log.ts';
import type { CaptureNotice, CaptureProgress } from './progress.ts';
import type { SourceServer } from './source-server.ts';
import type { OnFailure } from './tables.ts';

export interface CaptureDeps {
  readonly server: SourceServer;
  readonly reader: ChunkReader;
  readonly log: PipelineLog;
  /** A decoder for one dump: it remembers table maps and the checksum mode. */
  readonly newDecoder: () => EventDecoder;
  readonly nowMs: () => number;
  /** Called at every kill point; a crash test ends the process there. */
  readonly reach: (point: CaptureKillPoint) => void;
  readonly report: (progress: CaptureProgress) => void;
  readonly notify: (notice: CaptureNotice) => void;
}

export interface CaptureInput extends TablePatterns {
  readonly pipeline: string;
  readonly prefix: string;
  /** `<namespace>/<workflow id>` */
  readonly owner: string;
  readonly snapshotMode: 'initial' | 'never';
  readonly chunkRows: number;
  readonly maxChunkBytes: number;
  readonly maxBatchBytes: number;
  readonly maxBatchRows: number;
  readonly idleMs: number;
  /** How often the checkpoint moves while no captured row comes. */
  readonly positionIntervalMs: number;
  readonly reportIntervalMs: number;
  readonly onFailure: OnFailure;
  readonly rowSettings: (table: TableId) => RowSettings;
  readonly tripwire: Tripwire;
  readonly commands: GivenCommands;
}

/**
 * Captures until the signal aborts: fence, read the position, judge the server's history, stream.
 *
 * Resolves after the last batch is committed and the dump is closed. Every failure ends the attempt;
 * the next one begins with the fence again, which settles the outcome of a commit whose answer was
 * lost.
 *
 * @throws {SluiceError} with the outcome its catalogue entry names
 */
export async function runCapture(
  deps: CaptureDeps,
  input: CaptureInput,
  signal: AbortSignal,
): Promise<void> {
  const captures = followedTables(input);
  const opened = await openSession(deps, input, captures);
  await using stream = await deps.server.openStream(opened.position.gtidSet, signal);
  const loop = new CaptureLoop(deps, input, opened, deps.newDecoder(), stream);
  await loop.run(signal);
}
