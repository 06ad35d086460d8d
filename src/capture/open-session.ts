import { Wakeup } from '../async/wakeup.ts';
import type { Checkpoint } from '../change/checkpoint.ts';
import { formatSequence } from '../change/sequence.ts';
import { type TableId, type TableName, tableName } from '../change/table.ts';
import { tableFilter } from '../change/table-pattern.ts';
import { SluiceError } from '../errors/error.ts';
import { emptyPlan, finishedRequests } from '../snapshot/plan.ts';
import {
  collidingTopics,
  type Topic,
  type TopicIdentity,
  tableTopic,
} from '../topic/topic-name.ts';
import { CaptureSession } from './capture-session.ts';
import { refuseForeignOwner } from './refusals.ts';
import type { CaptureDeps, CaptureInput } from './run-capture.ts';
import { SnapshotDriver } from './snapshot-driver.ts';
import type { ServerHistory, SourceTable } from './source-server.ts';
import { decideStart, type StartDecision } from './start-decision.ts';
import { StreamTracker } from './stream-tracker.ts';
import { TableRouter } from './table-router.ts';

/** Everything the loop works on, with the first checkpoint of this attempt already committed. */
export interface OpenedSession {
  readonly session: CaptureSession;
  readonly tracker: StreamTracker;
  readonly snapshot: SnapshotDriver;
  readonly wakeup: Wakeup;
  readonly checkpoint: Checkpoint;
}

/**
 * The start order that makes restarts exact: refuse a foreign owner before doing harm, fence, and
 * only then read the position; judge the server's history; commit a first checkpoint, which also
 * proves that nobody has fenced this attempt since.
 */
export async function openSession(
  deps: CaptureDeps,
  input: CaptureInput,
  captures: (table: TableId) => boolean,
): Promise<OpenedSession> {
  refuseForeignOwner((await deps.log.peek()).checkpoint, input);
  await deps.log.fence();
  deps.reach('captureFenced');
  const stored = await deps.log.load();
  refuseForeignOwner(stored.checkpoint, input);
  const history = await settledHistory(deps, stored.checkpoint);
  const decision = decideStart(stored.checkpoint, history, input.tripwire, input.commands);
  const tables = await capturedTables(deps, input);
  const begin = beginning(decision, history, input);
  const tracker = new StreamTracker(begin);
  const router = new TableRouter(input.prefix, captures);
  const wakeup = new Wakeup();
  const snapshot = new SnapshotDriver(
    deps.reader,
    { maxRows: input.chunkRows, maxBytes: input.maxChunkBytes },
    stored.snapshot ?? emptyPlan(),
    () => {
      wakeup.wake();
    },
  );
  const session = new CaptureSession(
    {
      prefix: input.prefix,
      owner: input.owner,
      epoch: begin.epoch,
      serverUuid: history.serverUuid,
    },
    { log: deps.log, tracker, router, snapshot, nowMs: deps.nowMs },
    stored,
  );
  session.learnTopics(stored.topics);
  // A new epoch begins with whatever topics there are: its snapshots fill them.
  const held = decision.kind === 'reopen' ? new Map<Topic, TopicIdentity>() : stored.topics;
  const topics = tables.map(({ schema }) => tableTopic(input.prefix, schema.id));
  session.learnTopics(await deps.log.ensureTopics(topics, held));
  session.learnDefinitions(tables);
  if (session.atBoundary && tracker.open === undefined) {
    session.announce(tables.map(({ schema }) => schema));
    session.recordComments();
  }
  applyStart(
    decision,
    { session, snapshot, tracker, epoch: begin.epoch, nowMs: deps.nowMs(), known: stored.topics },
    tables,
    input,
    history,
  );
  deps.reach('captureBeforeFirstCheckpoint');
  const { batch, checkpoint } = session.seal();
  await deps.log.publish(batch);
  const finished = finishedRequests(snapshot.plan);
  deps.notify({
    kind: 'started',
    epoch: checkpoint.epoch,
    gtidSet: checkpoint.gtidSet,
    finished,
    stopped: [],
  });
  return { session, tracker, snapshot, wakeup, checkpoint };
}

/** A position may be ahead of `gtid_executed` for as long as an engine commit takes; only what stays missing has diverged. */
export const ENGINE_COMMIT_GRACE_MS = 10_000;

async function settledHistory(
  deps: CaptureDeps,
  checkpoint: Checkpoint | undefined,
): Promise<ServerHistory> {
  if (checkpoint) await deps.server.waitForExecuted(checkpoint.gtidSet, ENGINE_COMMIT_GRACE_MS);
  return deps.server.history();
}

async function capturedTables(
  deps: CaptureDeps,
  input: CaptureInput,
): Promise<readonly SourceTable[]> {
  const tables = await deps.server.capturedTables();
  const [collision] = collidingTopics(
    input.prefix,
    tables.map(({ schema }) => schema.id),
  );
  if (collision)
    throw new SluiceError(
      'topic.collision',
      `Tables ${collision.map(tableName).join(' and ')} would share topic ${tableTopic(input.prefix, collision[0] ?? { database: '', table: '' })}. Exclude one of them.`,
    );
  const keyless = tables.filter(({ schema }) => schema.key.length === 0);
  if (keyless.length > 0)
    throw new SluiceError(
      'table.no-key',
      `Tables without a primary key cannot be captured: ${keyless.map(({ schema }) => tableName(schema.id)).join(', ')}. Add a key, or exclude them.`,
    );
  return tables;
}

interface Beginning {
  readonly epoch: number;
  readonly gtidSet: Checkpoint['gtidSet'];
  readonly commitOrdinal: number;
  readonly committedAtUs: number;
  readonly open: Checkpoint['open'];
  readonly file: string;
  readonly pos: number;
}

function beginning(
  decision: StartDecision,
  history: ServerHistory,
  input: CaptureInput,
): Beginning {
  const fromServer = { gtidSet: history.gtidExecuted, ...history.binlogEnd, open: undefined };
  switch (decision.kind) {
    case 'fresh':
      return { ...fromServer, epoch: 1, commitOrdinal: 0, committedAtUs: 0 };
    case 'resume':
      return { ...decision.checkpoint, open: decision.checkpoint.open };
    case 'reopen':
      return {
        ...fromServer,
        epoch: Math.max(decision.checkpoint?.epoch ?? 0, input.tripwire.epoch) + 1,
        commitOrdinal: decision.checkpoint?.commitOrdinal ?? 0,
        committedAtUs: decision.checkpoint?.committedAtUs ?? 0,
      };
  }
}

interface StartContext {
  readonly session: CaptureSession;
  readonly snapshot: SnapshotDriver;
  readonly tracker: StreamTracker;
  readonly epoch: number;
  readonly nowMs: number;
  /** Topics of tables that were captured before this attempt. */
  readonly known: ReadonlyMap<Topic, TopicIdentity>;
}

/**
 * Plans what the decision and the commands ask for. A command is applied once, with the checkpoint
 * that names it.
 */
function applyStart(
  decision: StartDecision,
  context: StartContext,
  tables: readonly SourceTable[],
  input: CaptureInput,
  history: ServerHistory,
): void {
  const { session, snapshot, tracker, epoch, nowMs, known } = context;
  const names = tables.map(({ schema }) => tableName(schema.id));
  const estimates = new Map(
    tables.map(({ schema, estimatedRows }) => [tableName(schema.id), estimatedRows]),
  );
  const beganAt = formatSequence({ epoch, commitOrdinal: tracker.commitOrdinal + 1, row: 0 });
  // Patterns as in the configuration; an operator may type `shop.order_*`.
  const pick = (asked: readonly string[]): readonly TableName[] => {
    const matches = asked.length === 0 ? () => true : tableFilter(asked, []);
    return tables
      .filter(({ schema }) => matches(schema.id))
      .map(({ schema }) => tableName(schema.id));
  };
  if (decision.kind === 'fresh' && input.snapshotMode === 'initial')
    snapshot.add(
      names,
      { snapshotId: 'initial', mode: 'initial', beganAt, startedAtMs: nowMs },
      estimates,
    );
  // Tables that the configuration has taken in since: their present rows are in no event.
  const added = tables
    .filter(({ schema }) => !known.has(tableTopic(input.prefix, schema.id)))
    .map(({ schema }) => tableName(schema.id));
  if (decision.kind === 'resume' && added.length > 0 && input.snapshotMode === 'initial')
    snapshot.add(
      added,
      { snapshotId: `added-${beganAt}`, mode: 'initial', beganAt, startedAtMs: nowMs },
      estimates,
    );
  if (decision.kind === 'reopen')
    session.recordGap('resnapshot', decision.from, history.gtidExecuted);
  const applied = decision.kind === 'fresh' ? [] : (decision.checkpoint?.appliedCommands ?? []);
  for (const command of input.commands) {
    if (applied.includes(command.commandId)) continue;
    switch (command.kind) {
      case 'resnapshot':
        snapshot.add(
          pick(command.tables),
          { snapshotId: command.commandId, mode: 'sweep', beganAt, startedAtMs: nowMs },
          estimates,
        );
        break;
      case 'snapshot':
        snapshot.add(
          pick(command.tables),
          { snapshotId: command.snapshotId, mode: 'requested', beganAt, startedAtMs: nowMs },
          estimates,
        );
        break;
      case 'cancelSnapshot':
        snapshot.cancel(command.snapshotId);
        break;
    }
    session.markApplied(command.commandId);
  }
}
