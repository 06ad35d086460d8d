import { Wakeup } from '../async/wakeup.ts';
import type { Checkpoint } from '../change/checkpoint.ts';
import { type TableId, type TableName, tableName } from '../change/table.ts';
import { finishedRequests, type SnapshotPlan } from '../snapshot/plan.ts';
import { SnapshotRunner } from '../snapshot/runner.ts';
import { tableTopic } from '../topic/topic-name.ts';
import { Admission } from './admission.ts';
import { BatchWriter } from './batch-writer.ts';
import { Cascades } from './cascades.ts';
import { Commands } from './commands.ts';
import { Definitions } from './definitions.ts';
import { EventHandler } from './event-handler.ts';
import { Ledger } from './ledger.ts';
import { OpenXa } from './open-xa.ts';
import { StreamPosition } from './position.ts';
import { type StoredPipeline, topicsOf } from './position-records.ts';
import { refuseForeignOwner } from './refusals.ts';
import type { CaptureDeps, CaptureInput } from './run-capture.ts';
import type { ServerHistory, Sight } from './source-server.ts';
import { beginning, decideStart, type StartDecision, tableStep } from './start.ts';
import { TableCopies } from './table-copies.ts';
import { TableRouter } from './table-router.ts';
import { Tables } from './tables.ts';

/** Everything the loop works on, with the first checkpoint of this attempt already committed. */
export interface OpenedSession {
  readonly events: EventHandler;
  readonly position: StreamPosition;
  readonly batch: BatchWriter;
  readonly tables: Tables;
  readonly admission: Admission;
  readonly definitions: Definitions;
  readonly snapshot: SnapshotRunner;
  readonly copies: TableCopies;
  readonly commands: Commands;
  readonly wakeup: Wakeup;
  readonly checkpoint: Checkpoint;
}

interface ListedTable {
  readonly id: TableId;
  readonly sight: Sight;
}

/**
 * The start order that makes restarts exact: refuse a foreign owner before doing harm, fence, and
 * only then read the position; judge the server's history; settle what becomes of each table; commit
 * a first checkpoint, which also proves that nobody has fenced this attempt since.
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
  const asked = input.commands.begin();
  const history = await settledHistory(deps, stored.checkpoint);
  const decision = decideStart(stored.checkpoint, history, input.tripwire, asked);
  const listed = await deps.server.capturedTables();
  const cascades = new Cascades();
  const cascadingKeys = await deps.server.cascadingKeys();
  const executed = await deps.server.executed();
  cascades.learn(cascadingKeys, executed);
  const session = assemble(deps, input, captures, stored, decision, history, cascades);
  const { batch, position, tables, admission, definitions, snapshot } = session;
  definitions.listed(listed, executed);
  if (decision.kind === 'reopen') {
    const since = batch.control({
      kind: 'gap',
      cause: 'resnapshot',
      from: decision.from,
      to: history.gtidExecuted,
    });
    for (const { id, state } of session.ledger.entries.values())
      if (state.kind === 'followed') session.ledger.move(id, { ...state, since });
    snapshot.restart(batch.copyBegins);
  }
  settleTables(deps, input, captures, stored, decision, listed, session);
  // A new epoch begins with whatever topics there are: its copies fill them.
  const followed = [...session.ledger.entries.values()].map(({ id }) => id);
  await admission.verifyTopics(decision.kind === 'reopen' ? followed : listed.map(({ id }) => id));
  // Inside a transaction, the end of a copy would cut that in two: the stream takes them behind it.
  const taken = position.atBoundary ? input.commands.takeMore() : [];
  const commandIds = taken.map(({ commandId }) => commandId);
  session.commands.apply(taken);
  if (position.atBoundary) await admission.settle();
  deps.reach('captureBeforeFirstCheckpoint');
  const { batch: first, checkpoint } = batch.seal(snapshot.plan);
  await deps.log.publish(first);
  input.commands.settle(commandIds);
  deps.notify({
    kind: 'started',
    epoch: checkpoint.epoch,
    gtidSet: checkpoint.gtidSet,
    commandIds,
    finished: finishedRequests(snapshot.plan),
    stopped: tables.stopped.slice(-MAX_STOPPED_LISTED),
  });
  for (const notice of tables.takeNotices()) deps.notify(notice);
  return { ...session, checkpoint };
}

/** Stopped tables that progress and notices name; all of them are counted. */
export const MAX_STOPPED_LISTED = 50;

/** A position may be ahead of `gtid_executed` for as long as an engine commit takes; only what stays missing has diverged. */
export const ENGINE_COMMIT_GRACE_MS = 10_000;

async function settledHistory(
  deps: CaptureDeps,
  checkpoint: Checkpoint | undefined,
): Promise<ServerHistory> {
  if (checkpoint) await deps.server.waitForExecuted(checkpoint.gtidSet, ENGINE_COMMIT_GRACE_MS);
  return deps.server.history();
}

type Session = Omit<OpenedSession, 'checkpoint'> & {
  readonly ledger: Ledger;
};

function assemble(
  deps: CaptureDeps,
  input: CaptureInput,
  captures: (table: TableId) => boolean,
  stored: StoredPipeline,
  decision: StartDecision,
  history: ServerHistory,
  cascades: Cascades,
): Session {
  const { log, server, nowMs } = deps;
  const { prefix, owner } = input;
  const begin = beginning(decision, history, input.tripwire);
  const plan = sweeping(stored.plan);
  const position = new StreamPosition(begin);
  const ledger = new Ledger(stored.tables);
  const xa = new OpenXa(stored.openXa);
  const wakeup = new Wakeup();
  const batch = new BatchWriter(
    { prefix, owner, epoch: begin.epoch, serverUuid: history.serverUuid },
    { log, position, ledger, xa, nowMs },
    { ...stored, plan },
  );
  const snapshot = new SnapshotRunner(
    deps.reader,
    { maxRows: input.chunkRows, maxBytes: input.maxChunkBytes },
    plan,
    nowMs,
    () => {
      wakeup.wake();
    },
  );
  const definitions = new Definitions();
  const router = new TableRouter(ledger, captures, input.rowSettings);
  const formerTopics = decision.kind === 'reopen' ? new Map() : topicsOf(stored);
  const tables = new Tables({
    prefix,
    ledger,
    batch,
    snapshot,
    definitions,
    formerTopics: topicsOf(stored),
    at: () => `${position.file}:${position.pos}`,
    nowMs,
    onFailure: input.onFailure,
    rowSettings: input.rowSettings,
  });
  const copies = input.snapshotMode === 'initial';
  const admission = new Admission({
    ...{
      prefix,
      server,
      log,
      position,
      ledger,
      router,
      tables,
      definitions,
      batch,
      cascades,
      nowMs,
    },
    copies,
    formerTopics,
    rowSettings: input.rowSettings,
  });
  const events = new EventHandler({
    ...{ position, ledger, router, tables, admission, definitions, snapshot, batch, xa, cascades },
    ignoresNameCase: history.ignoresNameCase,
  });
  const target = new TableCopies({
    ...{ admission, router, batch, tables, definitions },
    reach: deps.reach,
  });
  const commands = new Commands({ ledger, tables, batch, snapshot, copies: target, cascades });
  return {
    ...{
      events,
      position,
      batch,
      tables,
      admission,
      definitions,
      snapshot,
      commands,
      wakeup,
      ledger,
    },
    copies: target,
  };
}

/** Copies that an earlier version has begun end with a sweep, too. */
function sweeping(plan: SnapshotPlan): SnapshotPlan {
  if (!plan.tables.some(({ mode }) => mode === 'requested')) return plan;
  const tables = plan.tables.map((copy) =>
    copy.mode === 'requested' ? { ...copy, mode: 'sweep' as const } : copy,
  );
  return { ...plan, tables };
}

/** Brings the ledger in step with the configuration and with what the source lists. */
function settleTables(
  deps: CaptureDeps,
  input: CaptureInput,
  captures: (table: TableId) => boolean,
  stored: StoredPipeline,
  decision: StartDecision,
  listed: readonly ListedTable[],
  { tables, definitions, ledger, batch }: Session,
): void {
  const sights = new Map(listed.map(({ id, sight }) => [tableName(id), sight]));
  const ids = new Map<TableName, TableId>(listed.map(({ id }) => [tableName(id), id]));
  for (const [name, { id }] of stored.tables) ids.set(name, id);
  const isTakenOver = stored.tables.size === 0 && decision.kind !== 'fresh';
  const due: TableName[] = [];
  for (const [name, id] of ids) {
    const step = tableStep(
      {
        id,
        state: stored.tables.get(name)?.state,
        captured: captures(id),
        sight: sights.get(name),
        wasWritten: isTakenOver && stored.formerTopics.has(tableTopic(input.prefix, id)),
      },
      deps.nowMs(),
      input.rowSettings(id),
    );
    switch (step.kind) {
      case 'keep':
        break;
      case 'exclude':
        tables.exclude(id);
        break;
      case 'hide':
        tables.hide(id);
        break;
      case 'stop':
        tables.stop(id, step.error);
        break;
      case 'follow':
        if (tables.follow(id, step.missing)) due.push(name);
        break;
      case 'takeOver':
        tables.follow(id);
        break;
      case 'lookAgain':
        definitions.touched(id);
        break;
    }
  }
  if (due.length === 0 && decision.kind !== 'fresh') return;
  if (input.snapshotMode !== 'initial') return;
  const estimates = new Map(
    listed.flatMap(({ id, sight }) =>
      sight.kind === 'readable' ? [[tableName(id), sight.table.estimatedRows] as const] : [],
    ),
  );
  const snapshotId = decision.kind === 'fresh' ? 'initial' : `added-${batch.copyBegins}`;
  tables.copy(
    due.filter((name) => ledger.isFollowed(name)),
    snapshotId,
    estimates,
  );
}
