import type { RowSettings } from '../change/row-settings.ts';
import type { Sequence } from '../change/sequence.ts';
import { type TableId, type TableName, tableName } from '../change/table.ts';
import type { ErrorCode } from '../errors/catalogue.ts';
import { SluiceError } from '../errors/error.ts';
import type { SnapshotRunner } from '../snapshot/runner.ts';
import type { ColumnChanges, TableGap, TableGapCause } from '../topic/control-record.ts';
import { type Topic, type TopicIdentity, tableTopic } from '../topic/topic-name.ts';
import type { BatchWriter } from './batch-writer.ts';
import type { Definitions } from './definitions.ts';
import type { Ledger, StopReason, TableState } from './ledger.ts';
import type { CaptureNotice, StoppedTable } from './progress.ts';

/** What happens to the pipeline when a table cannot be captured. */
export type OnFailure = (table: TableId) => 'stop-table' | 'stop-pipeline';

export interface TablesParts {
  readonly prefix: string;
  readonly ledger: Ledger;
  readonly batch: BatchWriter;
  readonly snapshot: SnapshotRunner;
  readonly definitions: Definitions;
  /** Topics that an earlier version wrote to without a record of their tables. */
  readonly formerTopics: ReadonlyMap<Topic, TopicIdentity>;
  /** `file:pos` where the stream is. */
  readonly at: () => string;
  readonly nowMs: () => number;
  readonly onFailure: OnFailure;
  readonly rowSettings: (table: TableId) => RowSettings;
}

/**
 * The one place where a table changes what it is to the pipeline: followed, left out, stopped, gone.
 * Each change is on record in the ledger and in the control topic in the transaction that makes it
 * true, and takes care of the copy that it makes due or void.
 */
export class Tables {
  readonly #parts: TablesParts;
  #notices: CaptureNotice[] = [];
  /** Tables that foreign keys may have changed since a copy of them was last asked for. */
  readonly #cascaded = new Set<TableName>();

  constructor(parts: TablesParts) {
    this.#parts = parts;
  }

  /** What is to be told once the batch that is being filled is committed. */
  takeNotices(): readonly CaptureNotice[] {
    const notices = this.#notices;
    this.#notices = [];
    return notices;
  }

  /** The latest last. */
  get stopped(): readonly StoppedTable[] {
    const stopped = [...this.#parts.ledger.entries].flatMap(([table, { state }]) =>
      isStopped(state) ? [stoppedTable(table, state)] : [],
    );
    return stopped.sort((a, b) => a.sinceMs - b.sinceMs);
  }

  /**
   * Takes a table up. One whose topic belongs to another table is stopped instead.
   *
   * @param missing  why rows of it may be missing downstream; absent for a table that is empty here
   * @returns whether it is followed now
   */
  follow(id: TableId, missing?: TableGapCause): boolean {
    const { ledger, batch, formerTopics, prefix } = this.#parts;
    const name = tableName(id);
    const topic = tableTopic(prefix, id);
    const owner = ledger.ownerOf(topic);
    if (owner !== undefined && owner !== name) {
      this.stop(id, collision(topic, owner, name));
      return false;
    }
    const before = ledger.get(name)?.state;
    const isHeld = formerTopics.has(topic);
    const since =
      missing === undefined
        ? batch.copyBegins
        : batch.control({ kind: 'tableGap', table: name, cause: missing, followed: true });
    ledger.move(id, { kind: 'followed', since }, isHeld);
    ledger.claim(topic, name);
    this.#tellReturned(name, before);
    return true;
  }

  /**
   * Stops a table that cannot be captured, or the pipeline where that is asked for.
   * @throws {SluiceError} `error`, where a failure of this table stops the pipeline
   */
  stop(id: TableId, error: SluiceError): void {
    if (this.#parts.onFailure(id) === 'stop-pipeline') throw error;
    this.#stop(id, 'stopped', error.code, error.message);
  }

  /** Passes nothing on any more of a table that the account may not read. */
  hide(id: TableId): void {
    const reason = `The account may not read ${tableName(id)}. Grant it SELECT on the table, or exclude the table.`;
    this.#stop(id, 'invisible', 'mysql.grant-missing', reason);
  }

  /** Passes nothing on any more of a table that the configuration leaves out. */
  exclude(id: TableId): void {
    const name = tableName(id);
    const before = this.#parts.ledger.get(name)?.state;
    this.#leave(id, { cause: 'excluded', followed: false }, (since) => ({
      kind: 'excluded',
      since,
    }));
    this.#tellReturned(name, before);
  }

  #stop(id: TableId, cause: 'stopped' | 'invisible', code: ErrorCode, reason: string): void {
    const { at, nowMs, ledger, rowSettings } = this.#parts;
    const name = tableName(id);
    const known = ledger.get(name)?.state;
    if (isStopped(known) && known.code === code) return;
    const why: StopReason = { code, reason, position: at(), sinceMs: nowMs() };
    this.#leave(id, { cause, followed: false, code, reason }, (since) => ({
      kind: cause,
      since,
      ...why,
      rows: rowSettings(id),
    }));
    this.#notices.push({ kind: 'tableStopped', table: name, ...why });
  }

  #leave(id: TableId, gap: TableGap, state: (since: Sequence) => TableState): void {
    const { ledger, batch, snapshot, definitions } = this.#parts;
    const name = tableName(id);
    ledger.move(id, state(batch.control({ kind: 'tableGap', table: name, ...gap })));
    this.#cascaded.delete(name);
    snapshot.remove(name);
    definitions.forget(name);
  }

  #tellReturned(name: TableName, before: TableState | undefined): void {
    if (isStopped(before)) this.#notices.push({ kind: 'tableReturned', table: name });
  }

  /** Stored rows may have changed without row events: what downstream has is not known to be right. */
  rewritten(id: TableId, cause: 'rewritten' | 'cascade', reason: string): void {
    const { ledger, batch } = this.#parts;
    const name = tableName(id);
    if (!ledger.isFollowed(name)) return;
    batch.control({ kind: 'tableGap', table: name, cause, followed: true, reason });
    if (cause === 'rewritten') this.copy([name], this.#statementId());
  }

  /**
   * A foreign key may have changed rows of the table. That is on record once until a copy is asked
   * for, which covers what was before it, and nothing of what comes while it is made.
   */
  cascaded(id: TableId, parent: TableName): void {
    const name = tableName(id);
    if (this.#cascaded.has(name) || !this.#parts.ledger.isFollowed(name)) return;
    this.#cascaded.add(name);
    this.rewritten(id, 'cascade', `a foreign key to ${parent} may have changed its rows`);
  }

  /** Rows are gone without row events, and no other row has changed. */
  rowsRemoved(id: TableId, reason: string): void {
    const { ledger, batch, snapshot, nowMs } = this.#parts;
    const name = tableName(id);
    if (!ledger.isFollowed(name)) return;
    batch.control({ kind: 'tableGap', table: name, cause: 'rewritten', followed: true, reason });
    const snapshotId = this.#statementId();
    this.#cascaded.delete(name);
    snapshot.addAfterRemoval(name, {
      snapshotId,
      mode: 'sweep',
      beganAt: batch.copyBegins,
      startedAtMs: nowMs(),
    });
  }

  /** The table has no rows from here on. */
  emptied(id: TableId): void {
    const { ledger, batch, snapshot } = this.#parts;
    const name = tableName(id);
    if (!ledger.isFollowed(name)) return;
    batch.control({ kind: 'truncate', table: name });
    snapshot.invalidate(name);
  }

  /** The source has no such table any more. */
  dropped(id: TableId): void {
    const { ledger, batch, snapshot, definitions } = this.#parts;
    const name = tableName(id);
    const before = ledger.get(name)?.state;
    // Also of a table that nobody has met: a look that met it before this is not to bring it in.
    definitions.forget(name);
    this.#cascaded.delete(name);
    if (!before || before.kind === 'gone') return;
    batch.control({ kind: 'truncate', table: name });
    const since = batch.control({ kind: 'tableDropped', table: name });
    ledger.move(id, { kind: 'gone', since });
    snapshot.invalidate(name);
    snapshot.remove(name);
    this.#tellReturned(name, before);
  }

  columns(id: TableId, changes: ColumnChanges): void {
    const name = tableName(id);
    const { ledger, batch } = this.#parts;
    if (!ledger.isFollowed(name)) return;
    batch.control({ kind: 'columns', table: name, ...changes });
    ledger.unannounce(name);
  }

  /** Asks for a copy of followed tables, which covers all that has happened before. */
  copy(
    names: readonly TableName[],
    snapshotId: string,
    estimates?: ReadonlyMap<TableName, number>,
  ): void {
    const { snapshot, batch, ledger, nowMs } = this.#parts;
    const request = { snapshotId, beganAt: batch.copyBegins, startedAtMs: nowMs() };
    const isHeld = (name: TableName): boolean => ledger.get(name)?.held ?? false;
    const fresh = names.filter((name) => !isHeld(name));
    for (const name of names) this.#cascaded.delete(name);
    snapshot.add(names.filter(isHeld), { ...request, mode: 'sweep' }, estimates);
    if (fresh.length > 0) snapshot.add(fresh, { ...request, mode: 'initial' }, estimates);
  }

  /** One for all that a statement asks for. */
  #statementId(): string {
    return `ddl-${this.#parts.batch.copyBegins}`;
  }
}

type Stopped = Extract<TableState, StopReason>;

const isStopped = (state: TableState | undefined): state is Stopped =>
  state?.kind === 'stopped' || state?.kind === 'invisible';

function stoppedTable(table: TableName, state: Stopped): StoppedTable {
  const { code, reason, position, sinceMs } = state;
  return { table, code, reason, position, sinceMs };
}

function collision(topic: Topic, owner: TableName, newcomer: TableName): SluiceError {
  return new SluiceError(
    'topic.collision',
    `Tables ${owner} and ${newcomer} would share topic ${topic}, which belongs to ${owner}. Rename or exclude one of them.`,
    { facts: { topic, tables: [owner, newcomer] } },
  );
}
