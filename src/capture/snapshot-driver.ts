import type { SnapshotPlan } from '../change/checkpoint.ts';
import type { GtidSetText } from '../change/gtid.ts';
import { type TableName, tableIdOf } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { Chunk, ChunkReader } from '../snapshot/chunk-reader.ts';
import { ChunkWindow } from '../snapshot/chunk-window.ts';
import {
  addTables,
  advanceTable,
  cancelSnapshot,
  finishTable,
  nextTable,
  type SnapshotRequest,
} from '../snapshot/plan.ts';

export interface SnapshotLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
}

/** What the loop should do with the chunk in flight, asked at a transaction boundary. */
export type ChunkVerdict =
  | { readonly kind: 'wait' }
  | { readonly kind: 'idle' }
  | { readonly kind: 'emit'; readonly chunk: Chunk; readonly surviving: Chunk['rows'] }
  | { readonly kind: 'tableGone'; readonly table: TableName };

/**
 * Reads one chunk at a time beside the stream and says when its rows may be emitted.
 *
 * The window opens when the barrier set is taken and closes when the stream has passed the end of
 * the log as read after the SELECT; a row whose key the stream showed in between is dropped, since
 * the stream's row is at least as new. DDL on the table throws the chunk away.
 */
export class SnapshotDriver {
  readonly #reader: ChunkReader;
  readonly #limits: SnapshotLimits;
  readonly #onSettled: () => void;
  #plan: SnapshotPlan;
  #flight: Flight | undefined;

  constructor(
    reader: ChunkReader,
    limits: SnapshotLimits,
    plan: SnapshotPlan,
    onSettled: () => void,
  ) {
    this.#reader = reader;
    this.#limits = limits;
    this.#plan = plan;
    this.#onSettled = onSettled;
  }

  /** Replaced on every change, never altered in place: identity tells whether it changed. */
  get plan(): SnapshotPlan {
    return this.#plan;
  }

  add(
    tables: readonly TableName[],
    request: SnapshotRequest,
    estimates?: ReadonlyMap<TableName, number>,
  ): void {
    this.#plan = addTables(this.#plan, tables, request, estimates);
    if (this.#flight && tables.includes(this.#flight.table)) this.#flight.window.invalidate();
  }

  cancel(snapshotId: string): void {
    this.#plan = cancelSnapshot(this.#plan, snapshotId);
    this.#flight?.window.invalidate();
  }

  /** Whether keys of this table must be reported by `touch`. */
  watches(table: TableName): boolean {
    return this.#flight?.table === table;
  }

  touch(keyText: string): void {
    this.#flight?.window.touch(keyText);
  }

  invalidate(table: TableName): void {
    this.#reader.forget(table);
    if (this.#flight?.table === table) this.#flight.window.invalidate();
  }

  /** A chunk is in flight or waits to be read. */
  get active(): boolean {
    return this.#flight !== undefined || this.#plan.tables.length > 0;
  }

  get current(): SnapshotPlan['tables'][number] | undefined {
    return nextTable(this.#plan);
  }

  /** Starts the next chunk unless one is in flight. `barrier`: everything taken off the stream. */
  start(barrier: GtidSetText, signal: AbortSignal): void {
    const entry = this.current;
    if (this.#flight || !entry) return;
    const flight: Flight = {
      table: entry.table,
      window: new ChunkWindow(),
      chunk: undefined,
      error: undefined,
    };
    this.#flight = flight;
    this.#reader
      .readChunk(
        {
          table: tableIdOf(entry.table),
          ...(entry.cursor ? { after: entry.cursor } : {}),
          maxRows: this.#limits.maxRows,
          maxBytes: this.#limits.maxBytes,
          barrier,
        },
        signal,
      )
      .then(
        (chunk) => {
          flight.chunk = chunk;
          flight.window.settle(chunk.high);
        },
        (error: unknown) => {
          flight.error = { cause: error };
        },
      )
      .finally(this.#onSettled);
  }

  /** @throws whatever the read failed with, except that the table is gone */
  verdict(position: { readonly file: string; readonly pos: number }): ChunkVerdict {
    const flight = this.#flight;
    if (!flight) return { kind: this.current ? 'wait' : 'idle' };
    if (flight.error) return this.#failed(flight.table, flight.error.cause);
    const chunk = flight.chunk;
    if (!chunk) return { kind: 'wait' };
    if (flight.window.invalid) {
      this.#flight = undefined;
      return { kind: 'wait' };
    }
    if (!flight.window.ready(position)) return { kind: 'wait' };
    return { kind: 'emit', chunk, surviving: flight.window.surviving(chunk.rows) };
  }

  #failed(table: TableName, error: unknown): ChunkVerdict {
    this.#flight = undefined;
    if (error instanceof SluiceError && error.code === 'snapshot.table-gone')
      return { kind: 'tableGone', table };
    throw error;
  }

  /** The chunk has been emitted: the cursor moves behind it. */
  advanced(chunk: Chunk): void {
    const entry = this.current;
    this.#flight = undefined;
    if (!entry) return;
    this.#plan = chunk.complete
      ? finishTable(this.#plan, entry.table, chunk.rows.length)
      : advanceTable(this.#plan, entry.table, chunk.lastKey ?? [], chunk.rows.length);
  }

  drop(table: TableName): void {
    this.#plan = finishTable(this.#plan, table, 0);
  }
}

interface Flight {
  readonly table: TableName;
  readonly window: ChunkWindow;
  chunk: Chunk | undefined;
  error: { readonly cause: unknown } | undefined;
}
