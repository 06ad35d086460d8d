import type { GtidSetText } from '../change/gtid.ts';
import type { Sequence } from '../change/sequence.ts';
import { type TableId, type TableName, tableIdOf } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { Chunk, ChunkReader } from './chunk-reader.ts';
import { ChunkWindow, type StreamedLog } from './chunk-window.ts';
import {
  addAfterRemoval,
  addTables,
  advanceTable,
  cancelSnapshot,
  finishTable,
  nextTable,
  removeTable,
  restarted,
  type SnapshotPlan,
  type SnapshotRequest,
  type SnapshotTable,
} from './plan.ts';

export interface SnapshotLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
}

/** Where the runner leaves what it has read. Called between transactions only. */
export interface CopyTarget {
  begin(copy: SnapshotTable): void;
  /** May have to wait for the table's topic. */
  emit(chunk: Chunk, surviving: Chunk['rows']): Promise<void>;
  /** All of the table has been read and emitted. */
  end(copy: SnapshotTable): void;
  /** The copy is given up: another statement of the plan, or nobody, takes its place. */
  abandon(copy: SnapshotTable): void;
  /** The table was not there to be read. */
  gone(id: TableId): void;
  /** The table cannot be read, for a reason of its own. */
  failed(id: TableId, error: SluiceError): void;
}

/** So often a chunk that fails is read before its table, or the attempt, is given up. */
const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 1_000;

/** Failures of the connection that chunks are read on: the stream has its own, and goes on. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  'mysql.unreachable',
  'mysql.connection-lost',
  'mysql.busy',
]);

/** Failures of the server as a whole, or that last: no table's own, so that the attempt ends. */
const NOT_OF_ONE_TABLE: ReadonlySet<string> = new Set([
  ...OF_THE_CONNECTION,
  'mysql.access-denied',
  'mysql.tls-failed',
  'snapshot.barrier-timeout',
  'mysql.server-changed',
]);

/** How long the stream may stand still before what SELECT has seen, while nothing keeps it from here. */
const WINDOW_TIMEOUT_MS = 60_000;

/** A chunk that was given up is read again with so many times fewer rows, so that its read ends sooner. */
const SHRINKS_BY = 4;

/** Failures that may pass by themselves. */
const MAY_PASS: ReadonlySet<string> = new Set(['mysql.query-failed']);

interface Flight {
  readonly table: TableName;
  readonly window: ChunkWindow;
  chunk: Chunk | undefined;
  error: { readonly cause: unknown } | undefined;
}

/** The stream as a copy needs it: between two transactions, with everything that has been taken off it. */
export interface StreamPlace extends StreamedLog {
  readonly gtidSet: GtidSetText;
}

interface Failures {
  readonly count: number;
  readonly notBeforeMs: number;
}

/**
 * Copies tables beside the stream: one chunk at a time, each emitted when its window has closed.
 *
 * The window opens when the barrier set is taken and closes when the stream has read what the server
 * had executed after the SELECT; a row whose key the stream showed in between is dropped, since the
 * stream's row is at least as new. DDL on the table throws the chunk away, and so do changes of too
 * many keys while it is read: then fewer rows are read at once. A table that fails is tried again
 * while others are read, and then given up alone; the stream ends only with what is no table's own
 * and stays.
 */
export class SnapshotRunner {
  readonly #reader: ChunkReader;
  readonly #limits: SnapshotLimits;
  readonly #nowMs: () => number;
  readonly #onSettled: () => void;
  readonly #failures = new Map<TableName, Failures>();
  /** Of the connection, since a chunk was last read. */
  #connectionFailures: Failures | undefined;
  /** Rows of a chunk, of tables whose chunks had to shrink. */
  readonly #fewerRows = new Map<TableName, number>();
  #plan: SnapshotPlan;
  #flight: Flight | undefined;
  /** The copies whose beginning this attempt has put on record. */
  readonly #begun = new Set<string>();

  constructor(
    reader: ChunkReader,
    limits: SnapshotLimits,
    plan: SnapshotPlan,
    nowMs: () => number,
    onSettled: () => void,
  ) {
    this.#reader = reader;
    this.#limits = limits;
    this.#plan = plan;
    this.#nowMs = nowMs;
    this.#onSettled = onSettled;
  }

  /** Replaced on every change, never altered in place: identity tells whether it changed. */
  get plan(): SnapshotPlan {
    return this.#plan;
  }

  /** A chunk is in flight or waits to be read. */
  get active(): boolean {
    return this.#flight !== undefined || this.#plan.tables.length > 0;
  }

  /** The table that is being read, or would be next. */
  get current(): SnapshotTable | undefined {
    const flown = this.#flight?.table;
    return flown === undefined
      ? nextTable(this.#plan)
      : this.#plan.tables.find(({ table }) => table === flown);
  }

  has(table: TableName): boolean {
    return this.#plan.tables.some((entry) => entry.table === table);
  }

  add(
    tables: readonly TableName[],
    request: SnapshotRequest,
    estimates?: ReadonlyMap<TableName, number>,
  ): void {
    this.#plan = addTables(this.#plan, tables, request, estimates);
    for (const table of tables) {
      this.#failures.delete(table);
      this.#distrust(table);
    }
  }

  /** Rows of the table were removed and none was changed: a chunk in flight stays good. */
  addAfterRemoval(table: TableName, request: SnapshotRequest): void {
    this.#plan = addAfterRemoval(this.#plan, table, request);
  }

  /** Begins every copy anew, with a sweep. */
  restart(beganAt: Sequence): void {
    this.#plan = restarted(this.#plan, beganAt);
  }

  cancel(snapshotId: string, target: CopyTarget): void {
    const before = this.#plan.tables;
    this.#plan = cancelSnapshot(this.#plan, snapshotId);
    for (const copy of before)
      if (!this.has(copy.table) && this.#hasBegun(copy)) target.abandon(copy);
    if (this.#flight) this.#distrust(this.#flight.table);
  }

  /** The table leaves the plan, whatever was asked of it. */
  remove(table: TableName): void {
    this.#plan = removeTable(this.#plan, table);
    this.#failures.delete(table);
    this.#distrust(table);
  }

  /** Whether keys of this table must be reported by `touch`. */
  watches(table: TableName): boolean {
    return this.#flight?.table === table && !this.#flight.window.invalid;
  }

  touch(keyText: string): void {
    this.#flight?.window.touch(keyText);
  }

  /** The table's definition may have changed: a chunk in flight is read again. */
  invalidate(table: TableName): void {
    this.#distrust(table);
  }

  #distrust(table: TableName): void {
    this.#reader.forget(table);
    if (this.#flight?.table === table) this.#flight.window.invalidate();
  }

  /**
   * Emits the chunk in flight when its window has closed, and starts the next one. Only between
   * transactions.
   *
   * @throws whatever is no table's own failure; `snapshot.window-timeout` when the log does not show
   *   what the server has executed
   */
  async step(stream: StreamPlace, target: CopyTarget, signal: AbortSignal): Promise<void> {
    await this.#land(stream, target);
    this.#takeOff(stream, target, signal);
  }

  async #land(stream: StreamPlace, target: CopyTarget): Promise<void> {
    const flight = this.#flight;
    if (!flight) return;
    if (flight.error) {
      this.#flight = undefined;
      const { cause } = flight.error;
      if (this.#isConnectedAgain(cause)) return;
      if (!flight.window.invalid) this.#failed(flight.table, cause, target);
      else throwUnlessOfOneTable(cause);
      return;
    }
    const { chunk, window } = flight;
    if (!chunk) return;
    const copy = this.current;
    if (window.invalid || !copy) {
      this.#flight = undefined;
      if (window.overflowed) this.#shrink(flight.table);
      return;
    }
    if (!window.ready(stream, this.#nowMs())) {
      throwIfOverdue(flight);
      return;
    }
    this.#flight = undefined;
    await target.emit(chunk, window.surviving(chunk.rows));
    this.#grow(flight.table);
    this.#advance(copy, chunk, target);
  }

  #rowsOf(table: TableName): number {
    return this.#fewerRows.get(table) ?? this.#limits.maxRows;
  }

  #shrink(table: TableName): void {
    this.#fewerRows.set(table, Math.max(1, Math.floor(this.#rowsOf(table) / SHRINKS_BY)));
  }

  #grow(table: TableName): void {
    const rows = this.#rowsOf(table) * 2;
    if (rows >= this.#limits.maxRows) this.#fewerRows.delete(table);
    else this.#fewerRows.set(table, rows);
  }

  /** The target may have given the table up while it took the chunk. */
  #advance({ table }: SnapshotTable, chunk: Chunk, target: CopyTarget): void {
    const copy = this.#plan.tables.find((entry) => entry.table === table);
    if (!copy) return;
    this.#failures.delete(table);
    if (!chunk.complete) {
      this.#plan = advanceTable(this.#plan, table, chunk.lastKey ?? [], chunk.rows.length);
      return;
    }
    this.#plan = finishTable(this.#plan, table, chunk.rows.length);
    target.end(copy);
  }

  /** The reader connects anew with the next chunk, whichever table's that is, after a pause. */
  #isConnectedAgain(error: unknown): boolean {
    if (!(error instanceof SluiceError) || !OF_THE_CONNECTION.has(error.code)) return false;
    const failures = oneMore(this.#connectionFailures, this.#nowMs());
    this.#connectionFailures = failures;
    return failures.count < ATTEMPTS;
  }

  #failed(table: TableName, error: unknown, target: CopyTarget): void {
    throwUnlessOfOneTable(error);
    const id = tableIdOf(table);
    if (error.code === 'snapshot.table-gone') {
      const copy = this.#plan.tables.find((entry) => entry.table === table);
      this.remove(table);
      if (copy && this.#hasBegun(copy)) target.abandon(copy);
      target.gone(id);
      return;
    }
    const failures = oneMore(this.#failures.get(table), this.#nowMs());
    if (MAY_PASS.has(error.code) && failures.count < ATTEMPTS) {
      this.#failures.set(table, failures);
      return;
    }
    this.remove(table);
    target.failed(id, error);
  }

  #takeOff(stream: StreamPlace, target: CopyTarget, signal: AbortSignal): void {
    if (this.#flight) return;
    const nowMs = this.#nowMs();
    if (nowMs < (this.#connectionFailures?.notBeforeMs ?? 0)) return;
    const isReady = (table: TableName): boolean =>
      (this.#failures.get(table)?.notBeforeMs ?? 0) <= nowMs;
    const copy = nextTable(this.#plan, isReady);
    if (!copy) return;
    if (!this.#hasBegun(copy)) {
      this.#begun.add(copyId(copy));
      target.begin(copy);
    }
    const flight: Flight = {
      table: copy.table,
      window: new ChunkWindow(),
      chunk: undefined,
      error: undefined,
    };
    this.#flight = flight;
    const { maxBytes } = this.#limits;
    const maxRows = this.#rowsOf(copy.table);
    const after = copy.cursor ? { after: copy.cursor } : {};
    const barrier = stream.gtidSet;
    this.#reader
      .readChunk({ table: tableIdOf(copy.table), ...after, maxRows, maxBytes, barrier }, signal)
      .then((chunk) => {
        flight.window.settle(chunk);
        flight.chunk = chunk;
        this.#connectionFailures = undefined;
      })
      .catch((error: unknown) => {
        flight.error = { cause: error };
      })
      .finally(this.#onSettled);
  }

  #hasBegun(copy: SnapshotTable): boolean {
    return copy.cursor !== undefined || this.#begun.has(copyId(copy));
  }
}

const oneMore = (before: Failures | undefined, nowMs: number): Failures => {
  const count = (before?.count ?? 0) + 1;
  return { count, notBeforeMs: nowMs + FIRST_PAUSE_MS * 5 ** (count - 1) };
};

const copyId = ({ snapshotId, table, beganAt }: SnapshotTable): string =>
  `${snapshotId}/${beganAt}/${table}`;

function throwIfOverdue({ table, window }: Flight): void {
  const missing = window.overdue(WINDOW_TIMEOUT_MS);
  if (missing === undefined) return;
  throw new SluiceError(
    'snapshot.window-timeout',
    `While copying ${table}: the server has executed ${shortened(missing)}, which its log has not shown for ${WINDOW_TIMEOUT_MS / 1000} s.`,
    { facts: { table, missing: shortened(missing), timeoutMs: WINDOW_TIMEOUT_MS } },
  );
}

const shortened = (set: GtidSetText): string => (set.length > 300 ? `${set.slice(0, 300)}…` : set);

function throwUnlessOfOneTable(error: unknown): asserts error is SluiceError {
  if (!(error instanceof SluiceError) || NOT_OF_ONE_TABLE.has(error.code)) throw error;
}
