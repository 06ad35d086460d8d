import type { Checkpoint } from '../change/checkpoint.ts';
import { formatGtidSet, parseGtidSet } from '../change/gtid-set.ts';
import type { RowSettings } from '../change/row-settings.ts';
import type { TableId } from '../change/table.ts';
import type { StreamCommand, Tripwire } from '../control/stream-command.ts';
import { SluiceError } from '../errors/error.ts';
import type { TableGapCause } from '../topic/control-record.ts';
import { verdictOn } from './admission.ts';
import type { TableState } from './ledger.ts';
import type { PositionStart } from './position.ts';
import type { ServerHistory, Sight } from './source-server.ts';

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
  const verdict = judgeHistory(checkpoint, history);
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

type HistoryVerdict =
  | { readonly kind: 'resume' }
  /** Transactions needed next are no longer in any binlog of the server. */
  | { readonly kind: 'purged'; readonly missing: string }
  /** Transactions already captured are unknown to the server. */
  | { readonly kind: 'diverged'; readonly unknown: string };

/**
 * Whether the stream may continue after this checkpoint on this server: only if
 * `gtid_purged ⊆ position ⊆ gtid_executed`. The dump protocol itself refuses the second case for
 * the server's own uuid only, so it is asked here for all.
 *
 * Another server uuid alone is no verdict: after a failover the GTID sets decide.
 */
function judgeHistory(
  { gtidSet }: Pick<Checkpoint, 'gtidSet'>,
  { gtidExecuted, gtidPurged }: Pick<ServerHistory, 'gtidExecuted' | 'gtidPurged'>,
): HistoryVerdict {
  const [read, executed, purged] = [gtidSet, gtidExecuted, gtidPurged].map(parseGtidSet) as [
    ReturnType<typeof parseGtidSet>,
    ReturnType<typeof parseGtidSet>,
    ReturnType<typeof parseGtidSet>,
  ];
  if (!read.isSubsetOf(executed))
    return { kind: 'diverged', unknown: formatGtidSet(read.subtract(executed)) };
  if (!purged.isSubsetOf(read))
    return { kind: 'purged', missing: formatGtidSet(purged.subtract(read)) };
  return { kind: 'resume' };
}

/** Where the attempt begins, and in which epoch. */
export function beginning(
  decision: StartDecision,
  history: ServerHistory,
  tripwire: Tripwire,
): PositionStart & { readonly epoch: number } {
  const fromServer = { gtidSet: history.gtidExecuted, ...history.binlogEnd, open: undefined };
  switch (decision.kind) {
    case 'fresh':
      return { ...fromServer, epoch: 1, commitOrdinal: 0, committedAtUs: 0 };
    case 'resume':
      return { ...decision.checkpoint, open: decision.checkpoint.open };
    case 'reopen':
      return {
        ...fromServer,
        epoch: Math.max(decision.checkpoint?.epoch ?? 0, tripwire.epoch) + 1,
        commitOrdinal: decision.checkpoint?.commitOrdinal ?? 0,
        committedAtUs: decision.checkpoint?.committedAtUs ?? 0,
      };
  }
}

/** What is known of one table when an attempt starts. */
export interface TableFacts {
  readonly id: TableId;
  /** On record; absent for a table that nobody has met. */
  readonly state: TableState | undefined;
  /** The configuration wants it. */
  readonly captured: boolean;
  /** As the source lists it; absent for one that it does not list. */
  readonly sight: Sight | undefined;
  /** An earlier version, which kept no record of tables, has written its topic up to here. */
  readonly wasWritten: boolean;
}

export type TableStep =
  | { readonly kind: 'keep' }
  | { readonly kind: 'exclude' }
  | { readonly kind: 'hide' }
  | { readonly kind: 'stop'; readonly error: SluiceError }
  /** Follow it from here, and copy what was missed. */
  | { readonly kind: 'follow'; readonly missing: TableGapCause }
  /** It has been followed all along. */
  | { readonly kind: 'takeOver' }
  /** The source does not list it: whether it is gone or hidden is told once the stream has caught up. */
  | { readonly kind: 'lookAgain' };

/** What the start of an attempt makes of one table. */
export function tableStep(facts: TableFacts, nowMs: number, settings: RowSettings): TableStep {
  const { id, state, captured, sight, wasWritten } = facts;
  if (!captured)
    return {
      kind: state && state.kind !== 'gone' && state.kind !== 'excluded' ? 'exclude' : 'keep',
    };
  if (!sight) return { kind: state && state.kind !== 'gone' ? 'lookAgain' : 'keep' };
  const verdict = verdictOn(id, state, sight, nowMs, settings);
  switch (verdict.kind) {
    case 'announce':
    case 'leave':
      return { kind: 'keep' };
    case 'hide':
      return { kind: 'hide' };
    case 'stop':
      return { kind: 'stop', error: verdict.error };
    case 'drop':
      return { kind: 'lookAgain' };
    case 'follow':
      // Names of databases with a dot were cut wrongly then: such a table was never copied.
      if (!state && wasWritten && !/[.`]/.test(id.database)) return { kind: 'takeOver' };
      return { kind: 'follow', missing: missingSince(state) };
  }
}

function missingSince(state: TableState | undefined): TableGapCause {
  switch (state?.kind) {
    case 'excluded':
    case 'stopped':
    case 'invisible':
      return state.kind;
    case 'followed':
    case 'gone':
    case undefined:
      return 'gap';
  }
}

function positionLost(what: string, tripwire: Tripwire, epoch: number): SluiceError {
  return new SluiceError(
    'position.lost',
    `This pipeline has committed before (epoch ${tripwire.epoch}), but ${what}. It does not start from now by itself.`,
    { facts: { expectedEpoch: tripwire.epoch, foundEpoch: epoch } },
  );
}
