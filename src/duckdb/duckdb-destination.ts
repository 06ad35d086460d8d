import type { DuckDBConnection } from '@duckdb/node-api';
import type { TableName } from '../change/table.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import type {
  Destination,
  DestinationState,
  NewWarehouse,
  SinkBatch,
} from '../sink/destination.ts';
import type { SinkKillPoint } from '../sink/kill-points.ts';
import { BatchTransaction, type TransactionContext } from './batch-transaction.ts';
import type { DuckDbFile } from './database-file.ts';
import { DEFAULT_FOLDING, DeltaCounts, type FoldingPolicy } from './delta-counts.ts';
import { duckdbFailure } from './duckdb-error.ts';
import {
  createMetadata,
  isReadable,
  readIdentity,
  readState,
  type StoredState,
  type WarehouseIdentity,
} from './metadata.ts';
import { RowCounter } from './row-counter.ts';
import { RowStage } from './row-stage.ts';

export interface DuckDbDestinationOptions {
  readonly pipeline: string;
  readonly prefix: string;
  readonly folding?: FoldingPolicy;
  readonly nowMs: () => number;
  readonly reach: (point: SinkKillPoint) => void;
}

interface Opened {
  readonly context: TransactionContext;
  readonly deltas: DeltaCounts;
  readonly counter: RowCounter;
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
  /** Absent before `open`, and after a failure until `open` has read the truth again. */
  #opened: Opened | undefined;

  /** @param file  stays open when the destination is closed */
  constructor(file: DuckDbFile, options: DuckDbDestinationOptions) {
    this.#file = file;
    this.#options = options;
  }

  /** @throws {SluiceError} `sink.foreign-warehouse` */
  async open(): Promise<DestinationState | undefined> {
    this.#disconnect();
    return this.#doing('opening the warehouse', async () => {
      const found = await this.#identity();
      if (!found) return undefined;
      const connection = await this.#file.connect();
      this.#connection = connection;
      const state = await readState(connection);
      const context = {
        connection,
        stage: new RowStage(connection),
        file: this.#file.path,
        reach: this.#options.reach,
      };
      const { folding = DEFAULT_FOLDING, nowMs } = this.#options;
      const deltas = await DeltaCounts.read(connection, state, folding, nowMs());
      const counter = new RowCounter(connection, nowMs);
      this.#opened = { context, state, deltas, counter };
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

  /** A batch that runs out of memory is stored again with all that the sink may take. */
  apply(batch: SinkBatch): Promise<readonly []> {
    return this.#file.memory.enough(
      () => this.#apply(batch),
      async () => {
        // A COMMIT that failed may be one that was made.
        const state = await this.open();
        return state && isApplied(state, batch) ? [] : this.#apply(batch);
      },
    );
  }

  async #apply(batch: SinkBatch): Promise<readonly []> {
    const opened = this.#mustBeOpen();
    const nowUs = this.#options.nowMs() * 1000;
    const { added } = await this.#transaction(opened, async (transaction) => {
      await transaction.apply(batch, nowUs);
      this.#options.reach('sinkBeforeCommit');
    });
    for (const [table, rows] of added) opened.deltas.added(table, rows);
    return [];
  }

  compact(): Promise<void> {
    return this.#file.memory.enough(
      () => this.#compact(),
      async () => {
        await this.open();
        await this.#compact();
      },
    );
  }

  async #compact(): Promise<void> {
    const opened = this.#mustBeOpen();
    for (const table of opened.deltas.due(opened.state, this.#options.nowMs())) {
      await this.#transaction(opened, async (transaction) => {
        await transaction.fold(table);
        this.#options.reach('sinkCompacting');
      });
      const { deltas, context, state } = opened;
      await this.#doing('counting changes', () =>
        deltas.recount(context.connection, state, table, this.#options.nowMs()),
      );
    }
  }

  /** Exact as of a recent cut: counting is bounded to a small part of the time. */
  async rowCounts(): Promise<ReadonlyMap<TableName, number>> {
    const { counter, state } = this.#mustBeOpen();
    return this.#doing('counting rows', () => counter.counts(state));
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

/** Every batch of a sink moves an offset or the cut. */
function isApplied({ offsets, cut }: DestinationState, batch: SinkBatch): boolean {
  const stored = new Map(offsets.map((one) => [`${one.topic}/${one.partition}`, one.offset]));
  const areStored = batch.offsets.every(
    ({ topic, partition, offset }) => stored.get(`${topic}/${partition}`) === offset,
  );
  return areStored && (batch.cut === undefined || cut?.lastSequence === batch.cut.lastSequence);
}
