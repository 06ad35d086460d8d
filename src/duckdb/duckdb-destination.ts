import type { DuckDBConnection } from '@duckdb/node-api';
import { type TableName, tableName } from '../change/table.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import type {
  Destination,
  DestinationState,
  NewWarehouse,
  SinkBatch,
  StoppedTable,
} from '../sink/destination.ts';
import type { SinkKillPoint } from '../sink/kill-points.ts';
import { stoppedTables } from '../sink/move-stops.ts';
import { type Obstacle, rowsToStore } from '../sink/table-stop.ts';
import { type Topic, tableTopic } from '../topic/topic-name.ts';
import { BatchTransaction, type LeftAlone, type TransactionContext } from './batch-transaction.ts';
import type { DuckDbFile } from './database-file.ts';
import { DEFAULT_FOLDING, DeltaCounts, type FoldingPolicy } from './delta-counts.ts';
import { duckdbFailure } from './duckdb-error.ts';
import { HeldBlocks } from './held-blocks.ts';
import { interruptible } from './interruptible.ts';
import {
  createMetadata,
  isReadable,
  readIdentity,
  readState,
  type StoredState,
  takeOver,
  type WarehouseIdentity,
} from './metadata.ts';
import { RowStage } from './row-stage.ts';
import { mayPass, TableRefused } from './table-refused.ts';

export interface DuckDbDestinationOptions {
  readonly pipeline: string;
  readonly prefix: string;
  readonly folding?: FoldingPolicy;
  /** Days after which folded changes leave the changelog; never when absent. */
  readonly changesExpireDays?: number;
  readonly nowMs: () => number;
  readonly reach: (point: SinkKillPoint) => void;
  /** Ends a fold that is under way, which leaves its table as it was; a batch has its time. */
  readonly signal?: AbortSignal;
}

interface Opened {
  readonly context: TransactionContext;
  readonly deltas: DeltaCounts;
  state: StoredState;
}

/**
 * A warehouse in a DuckDB file. Rows, offsets, cut and the effect of control records are one DuckDB
 * transaction, whose COMMIT has reached the disk when it resolves. One call at a time.
 */
export class DuckDbDestination implements Destination {
  readonly #file: DuckDbFile;
  readonly #options: DuckDbDestinationOptions;
  #connection: DuckDBConnection | undefined;
  /** Tables that have met an obstacle since this destination was made. */
  readonly #tried = new Set<TableName>();
  readonly #blocks: HeldBlocks;
  /** Some tables of the batch have been committed alone: it cannot be stored from its beginning again. */
  #isPartStored = false;
  /** Absent before `open`, and after a failure until `open` has read the truth again. */
  #opened: Opened | undefined;

  /** @param file  stays open when the destination is closed */
  constructor(file: DuckDbFile, options: DuckDbDestinationOptions) {
    this.#file = file;
    this.#options = options;
    this.#blocks = new HeldBlocks(file.memory.mostMb);
  }

  /**
   * Brings bookkeeping of an earlier version up to date.
   * @throws {SluiceError} `sink.foreign-warehouse`
   */
  open(): Promise<DestinationState | undefined> {
    return this.#file.memory.enough(() => this.#open());
  }

  async #open(): Promise<DestinationState | undefined> {
    this.#disconnect();
    return this.#doing('opening the warehouse', async () => {
      const found = await this.#identity();
      if (!found) return undefined;
      const connection = await this.#file.connect();
      this.#connection = connection;
      await takeOver(connection, found);
      const state = await readState(connection);
      const context = {
        connection,
        stage: new RowStage(connection),
        file: this.#file.path,
        prefix: this.#options.prefix,
        reach: this.#options.reach,
      };
      const { folding = DEFAULT_FOLDING, nowMs } = this.#options;
      const deltas = await DeltaCounts.read(connection, state, folding, nowMs());
      this.#opened = { context, state, deltas };
      const { warehouseId } = found;
      return { offsets: [...state.offsets.values()], cut: state.cut, warehouseId };
    });
  }

  /** A warehouse that is there keeps its rows under another name: `<file>.<its id>`. */
  async create({ warehouseId, start }: NewWarehouse): Promise<DestinationState> {
    const { pipeline, prefix } = this.#options;
    this.#disconnect();
    await this.#doing('making the warehouse', async () => {
      const found = await this.#identity();
      if (found) await this.#file.setAside(found.warehouseId);
      const connection = await this.#file.connect();
      await createMetadata(connection, { warehouseId, pipeline, prefix }, start);
      this.#file.release(connection);
    });
    const state = await this.open();
    if (!state) throw new InvariantBroken('a warehouse that was made is not there');
    return state;
  }

  /**
   * DuckDB has no savepoints: what one table is refused for voids the transaction, and the batch is
   * tried again without that table. Rows that do not fit into memory are tried with all that the sink
   * may take, then when what others hold has been written, then in small pieces, and then by
   * themselves, before their table stops.
   */
  apply(batch: SinkBatch): Promise<readonly Topic[]> {
    this.#isPartStored = false;
    return this.#file.memory.enough(
      () => this.#apply(batch),
      async () => {
        // A COMMIT that failed may be one that was made.
        await this.open();
        if (isApplied(this.#mustBeOpen().state, batch)) return [];
        if (this.#isPartStored) throw partStored(this.#file.path);
        return this.#apply(batch);
      },
    );
  }

  async #apply(received: SinkBatch): Promise<readonly Topic[]> {
    const opened = this.#mustBeOpen();
    const nowUs = this.#options.nowMs() * 1000;
    let batch = rowsToStore(opened.state, received);
    const obstacles: Obstacle[] = [];
    const inPieces = new Set<TableName>();
    const unchanged = new Set<TableName>();
    const stopped: Topic[] = [];
    for (;;) {
      const refused = await this.#tryBatch(opened, batch, nowUs, obstacles, {
        inPieces,
        unchanged,
      });
      if (!(refused instanceof TableRefused)) return [...stopped, ...refused];
      const { table, part, failure } = refused;
      const isTooLarge = failure.code === 'duckdb.out-of-memory';
      const others = batch.tables.filter((rows) => rows.table !== table);
      if (isTooLarge && (await this.#file.memory.more())) continue;
      if (isTooLarge && (await this.#blocks.release(opened.context.connection))) continue;
      const isOfRows = isTooLarge && part === 'rows';
      if (isOfRows && !inPieces.has(table)) inPieces.add(table);
      else if (isOfRows && others.length > 0) {
        const topics = await this.#apply(this.#rowsOf(batch, others));
        this.#isPartStored = true;
        stopped.push(...topics);
        obstacles.length = 0;
        batch = restOf(batch, table, topics);
      } else {
        obstacles.push(this.#obstacleOf(batch, refused));
        if (part === 'form') unchanged.add(table);
      }
    }
  }

  /** @returns topics of the tables that it has stopped, or what made it void */
  async #tryBatch(
    opened: Opened,
    batch: SinkBatch,
    nowUs: number,
    obstacles: readonly Obstacle[],
    leftAlone: LeftAlone,
  ): Promise<readonly Topic[] | TableRefused> {
    let met: readonly Obstacle[] = [];
    try {
      const { added } = await this.#transaction(opened, async (transaction) => {
        met = await transaction.apply(batch, nowUs, obstacles, leftAlone);
        this.#options.reach('sinkBeforeCommit');
      });
      for (const [table, rows] of added) opened.deltas.added(table, rows);
      this.#blocks.written(
        [...added.keys()].flatMap((name) => opened.state.tables.get(name) ?? []),
      );
      if (this.#blocks.areMany) await this.#blocks.release(opened.context.connection);
    } catch (error) {
      if (!(error instanceof TableRefused)) throw error;
      this.#opened = opened;
      return error;
    }
    for (const { table } of met) this.#tried.add(table);
    return met.map(({ topic }) => topic);
  }

  /** Rows with the offsets of their topics, and the schemas that are announced; the rest of the batch comes later. */
  #rowsOf(batch: SinkBatch, tables: SinkBatch['tables']): SinkBatch {
    const topics = new Set(tables.map(({ schema }) => tableTopic(this.#options.prefix, schema.id)));
    const control = batch.control.filter(({ kind }) => FORM_KINDS.has(kind));
    const offsets = batch.offsets.filter(({ topic }) => topics.has(topic));
    return { ...batch, tables, control, offsets, cut: undefined };
  }

  #obstacleOf(batch: SinkBatch, { table, seq, part, failure }: TableRefused): Obstacle {
    const { code, message: reason } = failure;
    const use = batch.tables.find((rows) => rows.table === table)?.schema;
    const schema = use ?? [...batch.schemas.values()].find(({ id }) => tableName(id) === table);
    const id = schema?.id ?? this.#mustBeOpen().state.tables.get(table)?.id;
    if (!id) throw new InvariantBroken(`${table} was refused and is not in the batch`);
    const isPassedBy =
      part === 'form' &&
      batch.control.some(
        (record) =>
          (record.kind === 'columns' || record.kind === 'tableDropped') && record.table === table,
      );
    return {
      ...{ table, topic: tableTopic(this.#options.prefix, id), code, reason, seq },
      ...(isPassedBy ? { needsSnapshot: true } : {}),
    };
  }

  /** What may have passed is tried once: what stops a table for a second time stays for this start. */
  stopped(): readonly StoppedTable[] {
    return stoppedTables(
      this.#mustBeOpen().state,
      ({ table, code }) => mayPass(code) && !this.#tried.has(table),
    );
  }

  compact(untilMs: number): Promise<void> {
    return this.#file.memory.enough(
      () => this.#compact(untilMs),
      async () => {
        await this.open();
        await this.#compact(untilMs);
      },
    );
  }

  async #compact(untilMs: number): Promise<void> {
    const opened = this.#mustBeOpen();
    const { changesExpireDays: days, nowMs } = this.#options;
    for (const table of opened.deltas.due(opened.state, nowMs())) {
      if (nowMs() > untilMs) return;
      if (opened.state.stopped.has(table)) continue;
      await this.#interruptible(opened.context.connection, () =>
        this.#transaction(opened, async (transaction) => {
          await transaction.fold(table);
          if (days !== undefined) await transaction.expire(table, days, nowMs() * 1000);
          this.#options.reach('sinkCompacting');
        }),
      );
      const { deltas, context, state } = opened;
      await this.#doing('counting changes', () =>
        deltas.recount(context.connection, state, table, nowMs()),
      );
    }
  }

  /** @throws the reason of the signal, where that has ended the work */
  async #interruptible(connection: DuckDBConnection, work: () => Promise<unknown>): Promise<void> {
    const { signal } = this.#options;
    if (!signal) {
      await work();
      return;
    }
    signal.throwIfAborted();
    try {
      await interruptible(connection, signal, work);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#disconnect();
  }

  async #transaction(
    opened: Opened,
    work: (transaction: BatchTransaction) => Promise<void>,
  ): Promise<BatchTransaction> {
    const { connection } = opened.context;
    this.#opened = undefined;
    try {
      await this.#doing('beginning a transaction', () => connection.run('BEGIN'));
      const transaction = new BatchTransaction(opened.context, opened.state);
      await work(transaction);
      await this.#file.refuseReplaced();
      await this.#doing('committing', () => connection.run('COMMIT'));
      opened.state = transaction.state;
      this.#opened = opened;
      return transaction;
    } catch (error) {
      await connection.run('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  /** @throws {SluiceError} `sink.foreign-warehouse` */
  async #identity(): Promise<WarehouseIdentity | undefined> {
    const connection = await this.#file.connect();
    try {
      const found = await readIdentity(connection);
      if (found) this.#refuseForeign(found);
      return found;
    } finally {
      this.#file.release(connection);
    }
  }

  #refuseForeign(found: WarehouseIdentity): void {
    const { pipeline, prefix } = this.#options;
    if (found.pipeline === pipeline && found.prefix === prefix && isReadable(found)) return;
    throw new SluiceError(
      'sink.foreign-warehouse',
      `${this.#file.path} holds layout ${found.layout} of pipeline ${found.pipeline} with prefix ${found.prefix}, not what pipeline ${pipeline} with prefix ${prefix} can write.`,
      { facts: { file: this.#file.path, pipeline: found.pipeline, prefix: found.prefix } },
    );
  }

  async #doing<Result>(doing: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw duckdbFailure(doing, this.#file.path, error);
    }
  }

  #mustBeOpen(): Opened {
    if (this.#opened) return this.#opened;
    throw new InvariantBroken(
      'the destination is not open, or has failed and was not opened again',
    );
  }

  #disconnect(): void {
    if (this.#connection) this.#file.release(this.#connection);
    this.#connection = undefined;
    this.#opened = undefined;
  }
}

/** What rows need to have their places; each does nothing the second time. */
const FORM_KINDS: ReadonlySet<string> = new Set(['schema', 'columns', 'tableDropped']);

/** What is left of a batch when the rows of all tables but one are stored, or their tables stopped. */
function restOf(batch: SinkBatch, table: TableName, stopped: readonly Topic[]): SinkBatch {
  return {
    ...batch,
    tables: batch.tables.filter((rows) => rows.table === table),
    offsets: batch.offsets.filter(({ topic }) => !stopped.includes(topic)),
    without: [...(batch.without ?? []), ...stopped],
  };
}

const partStored = (file: string): SluiceError =>
  new SluiceError(
    'duckdb.out-of-memory',
    `DuckDB ran out of memory in ${file} when a part of a batch was stored; what is left of it is read again.`,
    { facts: { file } },
  );

/** Every batch of a sink moves an offset or the cut; those of stopped tables stay. */
function isApplied({ offsets, cut, stopped }: StoredState, batch: SinkBatch): boolean {
  const stays = new Set([...stopped.values()].map(({ topic }) => topic));
  const areStored = batch.offsets.every(
    ({ topic, partition, offset }) =>
      stays.has(topic) || offsets.get(`${topic}/${partition}`)?.offset === offset,
  );
  return areStored && (batch.cut === undefined || cut?.lastSequence === batch.cut.lastSequence);
}
