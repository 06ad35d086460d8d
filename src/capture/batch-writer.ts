import type { RowsEvent } from '../binlog/event.ts';
import { JsonBytes } from '../binlog/json-bytes.ts';
import type { Checkpoint } from '../change/checkpoint.ts';
import type { EncodedRow } from '../change/encoded-row.ts';
import { formatSequence, type Sequence } from '../change/sequence.ts';
import type { SchemaId, TableId, TableName } from '../change/table.ts';
import type { Chunk } from '../snapshot/chunk-reader.ts';
import type { SnapshotPlan } from '../snapshot/plan.ts';
import { type ControlRecord, formatControlRecord } from '../topic/control-record.ts';
import type { SourceBlock, TableRoute } from '../topic/envelope.ts';
import { type OutgoingBatch, POSITION_KEYS, SEQUENCE_HEADER } from '../topic/publisher.ts';
import { RowRecords } from '../topic/row-records.ts';
import { canonicalSchema } from '../topic/schema-record.ts';
import { type InternalTopics, internalTopics, type Topic } from '../topic/topic-name.ts';
import { CommentRecord } from './comment-record.ts';
import type { Ledger } from './ledger.ts';
import type { OpenXa } from './open-xa.ts';
import type { PipelineLog } from './pipeline-log.ts';
import type { StreamPosition } from './position.ts';
import { PositionRecords, type StoredPipeline } from './position-records.ts';

export interface BatchSettings {
  readonly prefix: string;
  readonly owner: string;
  readonly epoch: number;
  readonly serverUuid: string;
}

export interface BatchParts {
  readonly log: PipelineLog;
  readonly position: StreamPosition;
  readonly ledger: Ledger;
  readonly xa: OpenXa;
  readonly nowMs: () => number;
}

/** Counts for progress, since the attempt began. */
export interface RowCounts {
  rows: number;
  readonly byTable: Map<TableName, { c: number; u: number; d: number; r: number }>;
}

type WithoutSequence<Statement> = Statement extends unknown ? Omit<Statement, 'seq'> : never;
/** A control record that gets the sequence of the place where it is written. */
export type ControlStatement = WithoutSequence<ControlRecord>;

/**
 * The next Kafka transaction while it is being filled: rows, what happened to tables, and what the
 * positions topic will say once it is committed. All of it becomes durable together, with the
 * checkpoint that `seal` appends last; if the process dies before that, the next attempt starts from
 * the checkpoint before and fills the same batch again.
 *
 * Schemas are written in the transaction of the first record that needs them, so a reader that has
 * seen the record can look them up.
 */
export class BatchWriter {
  readonly #settings: BatchSettings;
  readonly #parts: BatchParts;
  readonly #internal: InternalTopics;
  readonly #schemaIds: Set<SchemaId>;
  readonly #appliedCommands: string[];
  readonly #positions: PositionRecords;
  /** The row at hand, on its way from the log into the batch. */
  readonly #rowBytes = new JsonBytes();
  readonly #records = new RowRecords();
  readonly comments: CommentRecord;
  readonly counts: RowCounts = { rows: 0, byTable: new Map() };
  #outgoing: OutgoingBatch;
  #route: TableRoute | undefined;
  /** Place of the newest control record: two of one transaction differ. */
  #lastControl = { ordinal: 0, row: -1 };

  constructor(settings: BatchSettings, parts: BatchParts, stored: StoredPipeline) {
    this.#settings = settings;
    this.#parts = parts;
    this.#internal = internalTopics(settings.prefix);
    this.#schemaIds = new Set(stored.schemaIds);
    this.#appliedCommands = [...(stored.checkpoint?.appliedCommands ?? [])];
    this.#positions = new PositionRecords(stored.plan);
    this.comments = new CommentRecord(stored.comments);
    this.#outgoing = parts.log.newBatch();
  }

  /** Rows that have got another key, so far. */
  get keyChanges(): number {
    return this.#records.keyChanges;
  }
  get records(): number {
    return this.#outgoing.records;
  }
  get heldBytes(): number {
    return this.#outgoing.heldBytes;
  }

  /** Whether a checkpoint names it, this batch's among them. */
  hasApplied(commandId: string): boolean {
    return this.#appliedCommands.includes(commandId);
  }

  markApplied(commandId: string): void {
    this.#appliedCommands.push(commandId);
    if (this.#appliedCommands.length > 32) this.#appliedCommands.shift();
  }

  hasSchema(id: SchemaId): boolean {
    return this.#schemaIds.has(id);
  }

  /**
   * Appends the records of one event's rows, those left out that an earlier attempt has committed,
   * and counts all of them as read.
   *
   * @param onRow  is shown every row that goes out; the row holds until it returns
   * @throws {SluiceError} when a row cannot be decoded or is too large; the rows before it are in the
   *   batch and counted then, and the failed one is not counted
   */
  rows(
    event: RowsEvent,
    route: TableRoute,
    source: SourceBlock,
    onRow: ((row: EncodedRow) => void) | undefined,
  ): void {
    const { position } = this.#parts;
    const { currentOrdinal: commitOrdinal, transaction } = position;
    if (!transaction) return;
    const rows = event.encode(this.#rowBytes);
    this.schema(route, () => this.#sequence(commitOrdinal, 2 * transaction.rows));
    this.#records.begin({ route, source, epoch: this.#settings.epoch, commitOrdinal });
    let emitted = 0;
    try {
      for (let rowInEvent = 0; rows.next(); rowInEvent += 1) {
        const rowOrdinal = transaction.rows;
        if (rowOrdinal >= transaction.skipRows) {
          this.#records.append(this.#outgoing, rows, rowOrdinal, rowInEvent);
          if (onRow) onRow(rows);
          emitted += 1;
        }
        position.rowsRead(1);
      }
    } finally {
      this.#count(route.table, OPERATIONS[event.op], emitted);
    }
  }

  /** Appends what is left of a chunk, under a commit ordinal of its own. Only between transactions. */
  chunk(surviving: Chunk['rows'], route: TableRoute, source: SourceBlock): void {
    const commitOrdinal = this.#parts.position.takeOrdinal();
    this.schema(route, () => this.#sequence(commitOrdinal, 0));
    this.#records.begin({ route, source, epoch: this.#settings.epoch, commitOrdinal });
    for (let index = 0; index < surviving.length; index += 1)
      this.#records.appendSnapshot(this.#outgoing, surviving.at(index), index);
    this.#count(route.table, 'r', surviving.length);
  }

  /**
   * Puts a schema on record unless it is; `seq` is that of the first row that has it. After a table was
   * made again, or its columns changed, one that is on record says once more what the table is.
   */
  schema(route: TableRoute, seq: () => Sequence): void {
    if (route === this.#route) return;
    const isSaid = this.#isSaid(route);
    this.#route = route;
    this.#parts.ledger.hold(route.schema, route.schemaId);
    if (isSaid) return;
    if (!this.#schemaIds.has(route.schemaId)) {
      this.#schemaIds.add(route.schemaId);
      this.#append(this.#internal.schemas, route.schemaId, canonicalSchema(route.schema));
    }
    this.#schemaRecord(route, seq());
  }

  /**
   * Puts a schema on record before any row has it, so that a table without rows exists downstream
   * too; or once more with the comments that it has got since, or after it had another one meanwhile.
   * Only between transactions.
   */
  announce(route: TableRoute): void {
    const { ledger, position } = this.#parts;
    const { schema, schemaId, table } = route;
    const isSaid = this.#isSaid(route);
    const { schemaId: last = schemaId } = ledger.get(table) ?? {};
    if (isSaid && last === schemaId && !this.comments.isDue(schema)) return;
    const seq = this.#sequence(position.takeOrdinal(), 0);
    if (isSaid) {
      ledger.hold(schema, schemaId);
      this.#schemaRecord(route, seq);
    } else this.schema(route, () => seq);
  }

  #isSaid({ table, schemaId }: TableRoute): boolean {
    const isUnannounced = this.#parts.ledger.get(table)?.isUnannounced ?? false;
    return this.#schemaIds.has(schemaId) && !isUnannounced;
  }

  #schemaRecord({ table, schema, schemaId }: TableRoute, seq: Sequence): void {
    const comments = this.comments.take(schema);
    this.#control({ kind: 'schema', seq, table, schemaId, ...(comments ? { comments } : {}) });
  }

  /** Writes what happened to a table, or to all, where the stream is now. */
  control(statement: ControlStatement): Sequence {
    // It may be of the table whose rows came last, and take its schema from the record.
    this.#route = undefined;
    const { position } = this.#parts;
    const isBetween = position.atBoundary;
    const ordinal = isBetween ? position.takeOrdinal() : position.currentOrdinal;
    const first = isBetween ? 0 : 2 * position.rowsPassed;
    const { ordinal: lastOrdinal, row: lastRow } = this.#lastControl;
    const row = ordinal === lastOrdinal ? Math.max(first, lastRow + 1) : first;
    this.#lastControl = { ordinal, row };
    const seq = this.#sequence(ordinal, row);
    this.#control({ ...statement, seq });
    return seq;
  }

  /**
   * Ends the copy of a table: sweeps what it has not met, and says what it covers. Only between
   * transactions.
   * @param covers  absent when the copy was given up
   */
  endCopy(table: TableName, snapshotId: string, covers?: Sequence, sweeps = false): void {
    const ordinal = this.#parts.position.takeOrdinal();
    if (covers !== undefined && sweeps)
      this.#control({
        kind: 'sweep',
        seq: this.#sequence(ordinal, 0),
        table,
        olderThan: covers,
      });
    const seq = this.#sequence(ordinal, 2);
    const end = { kind: 'snapshotEnd', seq, table, snapshotId } as const;
    this.#control(covers === undefined ? end : { ...end, covers });
  }

  /**
   * The sequence that a copy which is asked for now begins at: after everything that is out, and
   * before whatever comes next. It covers what has happened before.
   */
  get copyBegins(): Sequence {
    return this.#sequence(this.#parts.position.freshOrdinal, 0);
  }

  /** Closes the batch with the checkpoint that makes it true, and starts the next one. */
  seal(plan: SnapshotPlan): { readonly batch: OutgoingBatch; readonly checkpoint: Checkpoint } {
    const { position, ledger, xa, nowMs } = this.#parts;
    const { positions } = this.#internal;
    const { open } = position;
    const checkpoint: Checkpoint = {
      v: 1,
      owner: this.#settings.owner,
      epoch: this.#settings.epoch,
      serverUuid: this.#settings.serverUuid,
      gtidSet: position.gtidSet,
      ...position.place,
      commitOrdinal: position.commitOrdinal,
      ...(open ? { open } : {}),
      committedAtUs: position.committedAtUs,
      writtenAtMs: nowMs(),
      appliedCommands: [...this.#appliedCommands],
    };
    const changes = this.#positions.changes(ledger.entries, ledger.takeChanged(), plan);
    for (const [key, value] of changes) this.#append(positions, key, value);
    const comments = this.comments.takeChanged();
    if (comments)
      this.#append(positions, POSITION_KEYS.comments, JSON.stringify(Object.fromEntries(comments)));
    const prepared = xa.takeChanged();
    if (prepared) this.#append(positions, POSITION_KEYS.xa, JSON.stringify([...prepared]));
    this.#append(positions, POSITION_KEYS.checkpoint, JSON.stringify(checkpoint));
    const batch = this.#outgoing;
    this.#outgoing = this.#parts.log.newBatch();
    return { batch, checkpoint };
  }

  /** The part of the envelope's source block that all rows of a chunk share. */
  snapshotSource(table: TableId): SourceBlock {
    const { position, nowMs } = this.#parts;
    return {
      pipeline: this.#settings.prefix,
      tsUs: position.committedAtUs,
      snapshot: true,
      database: table.database,
      table: table.table,
      serverId: 0,
      gtid: null,
      ...position.place,
      threadId: null,
      nowMs: nowMs(),
    };
  }

  /** The same for the rows of an event. */
  streamSource(table: TableId, serverId: number): SourceBlock {
    const { position, nowMs } = this.#parts;
    const { transaction } = position;
    return {
      pipeline: this.#settings.prefix,
      tsUs: transaction?.committedAtUs ?? 0,
      committedAtUs: position.committedAtUs,
      snapshot: false,
      database: table.database,
      table: table.table,
      serverId,
      gtid: transaction?.gtid ?? null,
      file: position.file,
      pos: position.pos,
      threadId: null,
      nowMs: nowMs(),
    };
  }

  #control(record: ControlRecord): void {
    const key = 'table' in record ? record.table : null;
    const timed = { ...record, committedAtUs: this.#parts.position.commitTimeUs };
    this.#append(this.#internal.control, key, formatControlRecord(timed), [
      [SEQUENCE_HEADER, record.seq],
    ]);
  }

  #append(
    topic: Topic,
    key: string | null,
    value: string,
    headers: readonly (readonly [string, string])[] = [],
  ): void {
    const timestampMs = this.#parts.nowMs();
    this.#outgoing.append({ topic, partition: 0, key, value, headers, timestampMs });
  }

  #sequence(commitOrdinal: number, row: number): Sequence {
    return formatSequence({ epoch: this.#settings.epoch, commitOrdinal, row });
  }

  #count(name: TableName, op: 'c' | 'u' | 'd' | 'r', rows: number): void {
    if (rows === 0) return;
    this.counts.rows += rows;
    let counts = this.counts.byTable.get(name);
    if (!counts) {
      counts = { c: 0, u: 0, d: 0, r: 0 };
      this.counts.byTable.set(name, counts);
    }
    counts[op] += rows;
  }
}

const OPERATIONS = { insert: 'c', update: 'u', delete: 'd' } as const;
