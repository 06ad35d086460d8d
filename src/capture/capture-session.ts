import type { BinlogEvent, RowsEvent } from '../binlog/event.ts';
import { JsonBytes } from '../binlog/json-bytes.ts';
import type { Checkpoint } from '../change/checkpoint.ts';
import type { EncodedRow } from '../change/encoded-row.ts';
import { formatSequence, type Sequence } from '../change/sequence.ts';
import { type TableId, type TableName, type TableSchema, tableName } from '../change/table.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import type { Chunk } from '../snapshot/chunk-reader.ts';
import type { SourceBlock, TableRoute } from '../topic/envelope.ts';
import type { OutgoingBatch } from '../topic/publisher.ts';
import { RowRecords } from '../topic/row-records.ts';
import { schemaIdOf } from '../topic/schema-record.ts';
import type { Topic, TopicIdentity } from '../topic/topic-name.ts';
import { OpenBatch } from './open-batch.ts';
import type { PipelineLog, StoredPipeline } from './pipeline-log.ts';
import { partialImage, unnamed, unsupported } from './refusals.ts';
import type { SnapshotDriver } from './snapshot-driver.ts';
import type { SourceTable } from './source-server.ts';
import { readStatement, type Statement } from './statement.ts';
import type { StreamTracker } from './stream-tracker.ts';
import { type TableEffect } from './table-effects.ts';
import type { TableRouter } from './table-router.ts';

export interface SessionSettings {
  readonly prefix: string;
  readonly owner: string;
  readonly epoch: number;
  readonly serverUuid: string;
}

export interface SessionParts {
  readonly log: PipelineLog;
  readonly tracker: StreamTracker;
  readonly router: TableRouter;
  readonly snapshot: SnapshotDriver;
  readonly nowMs: () => number;
}

/** Counts for progress, since the session began. */
export interface SessionCounts {
  rows: number;
  transactions: number;
  readonly byTable: Record<string, { c: number; u: number; d: number; r: number }>;
}

/**
 * Turns events into the records of the next Kafka transaction.
 *
 * Owns the batch that is being filled. Whatever changes here becomes durable together, with the
 * checkpoint that `seal` appends last; if the process dies before that, the next attempt starts from
 * the checkpoint before and fills the same batch again.
 */
export class CaptureSession {
  readonly #settings: SessionSettings;
  readonly #parts: SessionParts;
  readonly #batch: OpenBatch;
  readonly #appliedCommands: string[];
  /** The row at hand, on its way from the log into the batch. */
  readonly #rowBytes = new JsonBytes();
  readonly #records = new RowRecords();
  readonly counts: SessionCounts = { rows: 0, transactions: 0, byTable: {} };
  #newestEventAtUs = 0;
  /** Tables that DDL has touched; what is said of them at the source may be another thing now. */
  readonly #altered = new Map<TableName, TableId>();
  /** Definitions read since the last boundary. */
  #defined: readonly SourceTable[] = [];

  constructor(settings: SessionSettings, parts: SessionParts, stored: StoredPipeline) {
    this.#settings = settings;
    this.#parts = parts;
    this.#batch = new OpenBatch(
      parts.log,
      settings.prefix,
      parts.nowMs,
      () => parts.tracker.commitTimeUs,
      stored,
    );
    this.#appliedCommands = [...(stored.checkpoint?.appliedCommands ?? [])];
  }

  get records(): number {
    return this.#batch.outgoing.records;
  }
  get heldBytes(): number {
    return this.#batch.outgoing.heldBytes;
  }
  get newestEventAtUs(): number {
    return this.#newestEventAtUs;
  }
  /** Between transactions: the only place for chunks, commands and an unhurried cut. */
  get atBoundary(): boolean {
    return this.#parts.tracker.transaction === undefined && this.#parts.tracker.open === undefined;
  }

  markApplied(commandId: string): void {
    this.#appliedCommands.push(commandId);
    if (this.#appliedCommands.length > 32) this.#appliedCommands.shift();
  }

  /** Takes one event. Answers a promise only where it has to wait (a topic to create). */
  accept(event: BinlogEvent): Promise<void> | undefined {
    const { tracker } = this.#parts;
    switch (event.kind) {
      case 'rotate':
        tracker.rotate(event.file, event.pos);
        return undefined;
      case 'heartbeat':
        tracker.rotate(event.file, event.pos);
        return undefined;
      case 'gtid':
        tracker.begin(event.gtid, event.committedAtUs || event.header.timestampS * 1_000_000);
        if (event.committedAtUs > this.#newestEventAtUs)
          this.#newestEventAtUs = event.committedAtUs;
        break;
      case 'rows':
        return this.#rows(event);
      case 'xid':
        tracker.advance(event.header.logPos);
        this.#commit();
        return undefined;
      case 'begin':
        if (tracker.transaction) tracker.transaction.began = true;
        break;
      case 'query':
        this.#query(event);
        break;
      case 'anonymousGtid':
        throw unsupported(
          'a transaction without GTID (gtid_mode is not ON)',
          'SET PERSIST gtid_mode = ON',
        );
      case 'incident':
        throw new SluiceError(
          'binlog.incident',
          `The server reports lost events at ${this.#at()}: ${event.message}`,
        );
      case 'unsupported':
        throw unsupported(`${event.feature} at ${this.#at()}`);
      case 'formatDescription':
      case 'previousGtids':
      case 'tableMap':
      case 'rowsQuery':
      case 'ignored':
        break;
    }
    tracker.advance(event.header.logPos);
    return undefined;
  }

  #rows(event: RowsEvent & BinlogEvent): Promise<void> | undefined {
    const { tracker, router } = this.#parts;
    const transaction = tracker.transaction;
    if (!transaction) throw unsupported(`row events outside a transaction at ${this.#at()}`);
    const { id, schema } = event.table;
    if (!schema && router.captures(id)) throw unnamed(event, this.#at());
    const routing = schema ? router.routing(schema) : UNNAMED;
    switch (routing.kind) {
      case 'createTopic':
        return this.#createTopic(routing.topic).then(() => this.#rows(event));
      case 'skip':
        transaction.rows += event.count();
        break;
      case 'route':
        this.#emit(event, routing.route);
        break;
    }
    tracker.advance(event.header.logPos);
    return undefined;
  }

  #emit(event: RowsEvent & BinlogEvent, route: TableRoute): void {
    const { tracker, snapshot } = this.#parts;
    const transaction = tracker.transaction;
    if (!transaction) return;
    if (transaction.rows < transaction.skipRows) {
      const rows = event.count();
      if (transaction.rows + rows <= transaction.skipRows) {
        transaction.rows += rows;
        return;
      }
    }
    const firstRow = 2 * transaction.rows;
    const commitOrdinal = tracker.commitOrdinal + 1;
    this.#batch.recordSchema(route, () => this.#sequence(commitOrdinal, firstRow));
    const { table: name } = route;
    const rows = event.encode(this.#rowBytes);
    if (event.partial) throw partialImage(name);
    const isWatched = snapshot.watches(name);
    const source = this.#sourceOf(event, route.schema.id);
    this.#records.begin({ route, source, epoch: this.#settings.epoch, commitOrdinal });
    let emitted = 0;
    for (let rowInEvent = 0; rows.next(); rowInEvent += 1) {
      const rowOrdinal = transaction.rows;
      transaction.rows += 1;
      if (rowOrdinal < transaction.skipRows) continue;
      this.#records.append(this.#batch.outgoing, rows, rowOrdinal, rowInEvent);
      if (isWatched) touch(snapshot, rows);
      emitted += 1;
    }
    this.#count(name, event.op === 'insert' ? 'c' : event.op === 'update' ? 'u' : 'd', emitted);
  }

  #query(event: Extract<BinlogEvent, { kind: 'query' }>): void {
    const { tracker } = this.#parts;
    const statement = readStatement(event.sql, { ...event, lowerCaseNames: false });
    const transaction = tracker.transaction;
    switch (statement.kind) {
      case 'begin':
        if (transaction) transaction.began = true;
        return;
      case 'savepoint':
        return;
      case 'commit':
      case 'rollback':
        this.#commit();
        return;
      case 'xa':
        throw unsupported(`an XA transaction at ${this.#at()}`);
      case 'changesRows':
        this.#refuseStatementRows(statement.tables);
        break;
      case 'ddl':
        this.#applyDdl(statement);
        break;
      case 'harmless':
        break;
    }
    if (transaction && !transaction.began) {
      tracker.advance(event.header.logPos);
      this.#commit();
    }
  }

  #refuseStatementRows(tables: readonly TableId[] | 'unknown'): void {
    const hit = tables === 'unknown' || tables.some((table) => this.#parts.router.captures(table));
    if (hit)
      throw unsupported(
        `rows changed by a statement instead of row events at ${this.#at()}`,
        "SET PERSIST binlog_format = 'ROW' and end the sessions that set another format",
      );
  }

  #applyDdl({ effects, dropsDatabase: dropped }: Extract<Statement, { kind: 'ddl' }>): void {
    const { router, snapshot, tracker } = this.#parts;
    const captured = effects.filter(({ table }) => router.captures(table));
    const tablesOf = (matches: (effect: TableEffect) => boolean): readonly TableName[] => [
      ...new Set(captured.filter(matches).map(({ table }) => tableName(table))),
    ];
    for (const { table } of captured) {
      this.#altered.set(tableName(table), table);
      snapshot.invalidate(tableName(table));
    }
    const empties = [
      ...tablesOf(({ kind }) => kind === 'dropped' || kind === 'emptied'),
      ...(dropped === undefined
        ? []
        : this.#knownTables().filter((name) => name.startsWith(`${dropped}.`))),
    ];
    const ordinal = tracker.commitOrdinal + 1;
    const base = 2 * (tracker.transaction?.rows ?? 0);
    empties.forEach((table, index) => {
      snapshot.invalidate(table);
      this.#batch.control({ kind: 'truncate', seq: this.#sequence(ordinal, base + index), table });
    });
    const rewrites = tablesOf(needsCopy);
    if (rewrites.length > 0)
      snapshot.add(rewrites, {
        snapshotId: `ddl-${this.#settings.epoch}-${ordinal}`,
        mode: 'sweep',
        beganAt: this.#sequence(ordinal, 0),
        startedAtMs: this.#parts.nowMs(),
      });
  }

  /** Tables that have a topic, by the schemas and topics seen so far. */
  #knownTables(): readonly TableName[] {
    const head = `${this.#settings.prefix}.`;
    return [...this.#batch.topics.keys()].map((topic) => topic.slice(head.length) as TableName);
  }

  #commit(): void {
    if (!this.#parts.tracker.transaction) return;
    this.#parts.tracker.commit();
    this.counts.transactions += 1;
    this.recordComments();
  }

  /** Emits what is left of a chunk, under a commit ordinal of its own. Only at a boundary. */
  emitChunk(chunk: Chunk, surviving: Chunk['rows']): void {
    const { tracker, router } = this.#parts;
    const routing = router.routing(chunk.schema);
    if (routing.kind !== 'route')
      throw new InvariantBroken(`chunk of ${tableName(chunk.schema.id)} has no topic`);
    const { route } = routing;
    const ordinal = tracker.takeOrdinal();
    this.#batch.recordSchema(route, () => this.#sequence(ordinal, 0));
    const { table: name } = route;
    const source = this.#snapshotSource(route.schema.id);
    const { epoch } = this.#settings;
    this.#records.begin({ route, source, epoch, commitOrdinal: ordinal });
    for (let index = 0; index < surviving.length; index += 1)
      this.#records.appendSnapshot(this.#batch.outgoing, surviving.at(index), index);
    this.#count(name, 'r', surviving.length);
  }

  /** Says that a table's snapshot begins. Only at a boundary. */
  beginTable(table: TableName, snapshotId: string): void {
    const seq = this.#sequence(this.#parts.tracker.takeOrdinal(), 0);
    this.#batch.control({ kind: 'snapshotBegin', seq, table, snapshotId });
  }

  /** Ends a table's snapshot, with the sweep if it has one. Only at a boundary. */
  endTable(table: TableName, snapshotId: string, sweepOlderThan: Sequence | undefined): void {
    const ordinal = this.#parts.tracker.takeOrdinal();
    if (sweepOlderThan !== undefined)
      this.#batch.control({
        kind: 'sweep',
        seq: this.#sequence(ordinal, 0),
        table,
        olderThan: sweepOlderThan,
      });
    this.#batch.control({
      kind: 'snapshotEnd',
      seq: this.#sequence(ordinal, 2),
      table,
      snapshotId,
    });
  }

  recordGap(cause: string, from: string, to: string): void {
    const seq = this.#sequence(this.#parts.tracker.takeOrdinal(), 0);
    this.#batch.control({ kind: 'gap', seq, cause, from, to });
  }

  /** Puts the schemas of tables on record, so that a table without rows exists downstream too. Only at a boundary. */
  announce(schemas: readonly TableSchema[]): void {
    const fresh = schemas.filter((schema) => !this.#batch.hasSchema(schemaIdOf(schema)));
    if (fresh.length === 0) return;
    const ordinal = this.#parts.tracker.takeOrdinal();
    fresh.forEach((schema, index) => {
      const routing = this.#parts.router.routing(schema);
      if (routing.kind === 'route')
        this.#batch.recordSchema(routing.route, () => this.#sequence(ordinal, 2 * index));
    });
  }

  /** Tables whose definitions have to be read again; each is named once. */
  takeAltered(): readonly TableId[] {
    const altered = [...this.#altered.values()];
    this.#altered.clear();
    return altered;
  }

  /** Takes comments from definitions; those on record differently are recorded at the next boundary. */
  learnDefinitions(tables: readonly SourceTable[]): void {
    for (const { schema, comments } of tables) this.#batch.learnComments(schema, comments);
    this.#defined = [...this.#defined, ...tables];
  }

  /**
   * Puts comments on record that have changed without the schema. The definition may be newer than
   * the place in the log: a schema that no row has had yet brings its comments with its first row.
   * Only at a boundary.
   */
  recordComments(): void {
    if (this.#defined.length === 0) return;
    const due = this.#defined.filter(({ schema }) =>
      this.#batch.hasCommentsDue(schemaIdOf(schema), schema),
    );
    this.#defined = [];
    if (due.length === 0) return;
    const ordinal = this.#parts.tracker.takeOrdinal();
    due.forEach(({ schema }, index) => {
      const routing = this.#parts.router.routing(schema);
      if (routing.kind === 'route')
        this.#batch.recordComments(routing.route, this.#sequence(ordinal, 2 * index));
    });
  }

  async #createTopic(topic: Topic): Promise<void> {
    this.learnTopics(await this.#parts.log.ensureTopics([topic], this.topics));
  }

  /** Every table topic written or announced so far. */
  get topics(): ReadonlyMap<Topic, TopicIdentity> {
    return this.#batch.topics;
  }

  learnTopics(topics: ReadonlyMap<Topic, TopicIdentity>): void {
    this.#parts.router.learnTopics(topics);
    this.#batch.learnTopics(topics);
  }

  /** Closes the batch with the checkpoint that makes it true, and starts the next one. */
  seal(): { readonly batch: OutgoingBatch; readonly checkpoint: Checkpoint } {
    const { tracker, snapshot } = this.#parts;
    const open = tracker.open;
    const checkpoint: Checkpoint = {
      v: 1,
      owner: this.#settings.owner,
      epoch: this.#settings.epoch,
      serverUuid: this.#settings.serverUuid,
      gtidSet: tracker.gtidSet,
      ...tracker.position,
      commitOrdinal: tracker.commitOrdinal,
      ...(open ? { open } : {}),
      committedAtUs: tracker.committedAtUs,
      writtenAtMs: this.#parts.nowMs(),
      appliedCommands: [...this.#appliedCommands],
    };
    return { batch: this.#batch.seal(checkpoint, snapshot.plan), checkpoint };
  }

  /** The part of the envelope's source block that all rows of an event share. */
  #sourceOf(event: RowsEvent & BinlogEvent, table: TableId): SourceBlock {
    const { tracker } = this.#parts;
    const transaction = tracker.transaction;
    return {
      pipeline: this.#settings.prefix,
      tsUs: transaction?.committedAtUs ?? 0,
      committedAtUs: tracker.committedAtUs,
      snapshot: false,
      database: table.database,
      table: table.table,
      serverId: event.header.serverId,
      gtid: transaction?.gtid ?? null,
      file: tracker.file,
      pos: tracker.pos,
      threadId: null,
      nowMs: this.#parts.nowMs(),
    };
  }

  #snapshotSource(table: TableId): SourceBlock {
    const { tracker } = this.#parts;
    return {
      pipeline: this.#settings.prefix,
      tsUs: tracker.committedAtUs,
      snapshot: true,
      database: table.database,
      table: table.table,
      serverId: 0,
      gtid: null,
      ...tracker.position,
      threadId: null,
      nowMs: this.#parts.nowMs(),
    };
  }

  #sequence(commitOrdinal: number, row: number): Sequence {
    return formatSequence({ epoch: this.#settings.epoch, commitOrdinal, row });
  }

  #at(): string {
    const { file, pos } = this.#parts.tracker.position;
    return `${file}:${pos}`;
  }

  #count(name: TableName, op: 'c' | 'u' | 'd' | 'r', rows: number): void {
    if (rows === 0) return;
    this.counts.rows += rows;
    const table = (this.counts.byTable[name] ??= { c: 0, u: 0, d: 0, r: 0 });
    table[op] += rows;
  }
}

/** Whether stored rows may be other ones than downstream, so that only a copy mends it. */
function needsCopy(effect: TableEffect): boolean {
  switch (effect.kind) {
    case 'replaced':
    case 'rewritten':
    case 'rowsRemoved':
    case 'keyChanged':
      return true;
    case 'columns':
      return effect.changes.renamed.length > 0 || effect.changes.defaults.length > 0;
    case 'created':
    case 'dropped':
    case 'emptied':
    case 'touched':
      return false;
  }
}

/** Rows without column names, of a table that is not captured. */
const UNNAMED = { kind: 'skip' } as const;

/** Both keys of a change: a key that moved touches two rows of a chunk. */
function touch(snapshot: SnapshotDriver, { bytes, before, after }: EncodedRow): void {
  for (const image of [before, after])
    if (image && image.keyStart >= 0)
      snapshot.touch(bytes.toString('utf8', image.keyStart, image.keyEnd));
}
