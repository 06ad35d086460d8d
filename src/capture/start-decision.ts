import type { Checkpoint } from '../change/checkpoint.ts';
import { formatGtidSet, parseGtidSet } from '../change/gtid-set.ts';
import type { StreamCommand, Tripwire } from '../control/stream-command.ts';
import { SluiceError } from '../errors/error.ts';
import { type GtidAlgebra, judgeHistory } from '../recovery/history-verdict.ts';
import type { ServerHistory } from './source-server.ts';

export type StartDecision =
  /** A pipeline that never ran: the first transaction writes the server's present position. */
  | { readonly kind: 'fresh' }
  | { readonly kind: 'resume'; readonly checkpoint: Checkpoint }
  /** New epoch at the server's present position; `from` is what was read before it. */
  | {
      readonly kind: 'reopen';
      readonly command: Extract<StreamCommand, { kind: 'resnapshot' }>;
      readonly checkpoint: Checkpoint | undefined;
      readonly from: string;
    };

const algebra: GtidAlgebra = {
  isSubset: (inner, outer) => parseGtidSet(inner).isSubsetOf(parseGtidSet(outer)),
  subtract: (from, what) => formatGtidSet(parseGtidSet(from).subtract(parseGtidSet(what))),
};

/**
 * Where the stream may start, from what is stored, what the server has and what was asked.
 *
 * @throws {SluiceError} `position.lost`, `binlog.purged`, `binlog.diverged`: the pipeline is in GAP
 */
export function decideStart(
  checkpoint: Checkpoint | undefined,
  history: ServerHistory,
  tripwire: Tripwire,
  commands: readonly StreamCommand[],
): StartDecision {
  const reopen = commands.find(
    (command) =>
      command.kind === 'resnapshot' && !checkpoint?.appliedCommands.includes(command.commandId),
  );
  if (reopen?.kind === 'resnapshot')
    return { kind: 'reopen', command: reopen, checkpoint, from: checkpoint?.gtidSet ?? '' };
  if (!checkpoint) {
    if (tripwire.hasCommitted) throw positionLost('the position record is gone', tripwire, 0);
    return { kind: 'fresh' };
  }
  if (checkpoint.epoch < tripwire.epoch)
    throw positionLost('the position record is of an older epoch', tripwire, checkpoint.epoch);
  return resumeOn(checkpoint, history);
}

function resumeOn(checkpoint: Checkpoint, history: ServerHistory): StartDecision {
  const verdict = judgeHistory(checkpoint, history, algebra);
  const facts = {
    lastCommitted: checkpoint.gtidSet,
    lastPosition: `${checkpoint.file}:${checkpoint.pos}`,
    serverUuid: history.serverUuid,
    serverOldestFile: history.oldestFile,
    serverPurged: history.gtidPurged,
  };
  switch (verdict.kind) {
    case 'resume':
      return { kind: 'resume', checkpoint };
    case 'purged':
      throw new SluiceError(
        'binlog.purged',
        `The server has purged transactions that were never read: ${verdict.missing}. ` +
          `Last committed position ${checkpoint.file}:${checkpoint.pos}; the oldest file on the server is ${history.oldestFile}.`,
        { facts: { ...facts, missing: verdict.missing } },
      );
    case 'diverged':
      throw new SluiceError(
        'binlog.diverged',
        `The server does not know transactions that were already captured: ${verdict.unknown}. ` +
          'It was replaced, restored, or failed over to a replica that lagged.',
        { facts: { ...facts, unknown: verdict.unknown } },
      );
  }
}

function positionLost(what: string, tripwire: Tripwire, epoch: number): SluiceError {
  return new SluiceError(
    'position.lost',
    `This pipeline has committed before (epoch ${tripwire.epoch}), but ${what}. It does not start from now by itself.`,
    { facts: { expectedEpoch: tripwire.epoch, foundEpoch: epoch } },
  );
}
