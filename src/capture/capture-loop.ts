import { nextTurn } from '../async/turn.ts';
import type { BinlogEvent, CompressedTransaction } from '../binlog/event.ts';
import type { Checkpoint } from '../change/checkpoint.ts';
import type { StreamCommand } from '../control/stream-command.ts';
import { SluiceError } from '../errors/error.ts';
import type { SnapshotTally } from '../snapshot/plan.ts';
import { finishedRequests } from '../snapshot/plan.ts';
import { ENGINE_COMMIT_GRACE_MS, MAX_STOPPED_LISTED, type OpenedSession } from './open-session.ts';
import type { CaptureNotice, CaptureProgress, SnapshotProgress } from './progress.ts';
import type { CaptureDeps, CaptureInput } from './run-capture.ts';
import type { EventBytes, EventStream } from './source-server.ts';

/** Bytes of one event to what it means. */
export interface EventDecoder {
  decode(bytes: Buffer, start: number, end: number): BinlogEvent | CompressedTransaction;
}

/** A few milliseconds of decoding; then timers and sockets have their turn, also during a long backlog. */
const MAX_TURN_BYTES = 256 << 10;

/** How often tables are looked at that may have become readable without a word in the log. */
const RECHECK_INTERVAL_MS = 60_000;

/**
 * While the broker commits, the next batch may grow beyond its limit: a transaction of hundreds of
 * partitions takes it a tenth of a second, whatever it holds, and fewer of them carry more.
 */
const BATCHES_OF_ROOM = 3;

/**
 * The one loop of capture: events in, transactions out, a chunk beside them.
 *
 * While one transaction commits, the next batch is already being filled; a batch is sent when
 * nothing is in flight and it is full, or old enough, or the stream is idle. At most one batch is in
 * flight and one being filled, with the room of three full ones: that, one chunk and the socket's
 * buffer bound the memory.
 */
export class CaptureLoop {
  readonly #deps: CaptureDeps;
  readonly #input: CaptureInput;
  readonly #opened: OpenedSession;
  readonly #decoder: EventDecoder;
  readonly #stream: EventStream;
  #arrived: Iterable<EventBytes> | undefined;
  #reading = false;
  #inFlight: Promise<void> | undefined;
  #inFlightBytes = 0;
  #failure: { readonly cause: unknown } | undefined;
  #committed: Checkpoint;
  #lastBatch: CaptureProgress['lastBatch'];
  #batchSinceMs: number;
  #idleSinceMs: number;
  #reportedAtMs = 0;
  #bytes = 0;
  /** Decoded since timers and sockets had their turn. */
  #turnBytes = 0;
  #batches = 0;
  #looking = false;
  #recheckedAtMs: number;
  /** Commands whose effect is in the batch that is being filled. */
  #applied: readonly string[] = [];
  /** Finished snapshots that have been told of. */
  #told: ReadonlySet<string>;

  constructor(
    deps: CaptureDeps,
    input: CaptureInput,
    opened: OpenedSession,
    decoder: EventDecoder,
    stream: EventStream,
  ) {
    this.#deps = deps;
    this.#input = input;
    this.#opened = opened;
    this.#decoder = decoder;
    this.#stream = stream;
    this.#committed = opened.checkpoint;
    this.#told = idsOf(finishedRequests(opened.snapshot.plan));
    this.#batchSinceMs = deps.nowMs();
    this.#idleSinceMs = deps.nowMs();
    this.#recheckedAtMs = deps.nowMs();
  }

  /**
   * Ends in order on abort: what has been read is committed, then the loop returns. The same when an
   * event is refused: it stops the stream, and what the log has before it is downstream.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { wakeup } = this.#opened;
    const onAbort = (): void => {
      wakeup.wake();
    };
    signal.addEventListener('abort', onAbort);
    this.#input.commands.onGiven(onAbort);
    try {
      while (!signal.aborted) {
        this.#throwIfFailed();
        await this.#betweenTransactions(signal);
        this.#lookAtTables();
        this.#publishIfDue();
        this.#read();
        await wakeup.wait(this.#arrived || this.#inFlight ? this.#input.idleMs : this.#restMs());
        await this.#takeArrived(signal);
        this.#reportIfDue();
      }
      await this.#drain();
    } catch (error) {
      if (error instanceof SluiceError && !this.#failure)
        await this.#drain().catch(() => undefined);
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      await this.#inFlight?.catch(() => undefined);
    }
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure.cause;
  }

  #restMs(): number {
    return this.#opened.batch.records > 0 ? this.#input.idleMs : this.#input.reportIntervalMs;
  }

  #read(): void {
    if (this.#reading || this.#arrived) return;
    this.#reading = true;
    this.#stream
      .read()
      .then(
        (events) => {
          this.#arrived = events;
        },
        (error: unknown) => {
          this.#failure ??= { cause: error };
        },
      )
      .finally(() => {
        this.#reading = false;
        this.#opened.wakeup.wake();
      });
  }

  /** Asks about what statements have touched, beside the stream, which never waits for it. */
  #lookAtTables(): void {
    const { admission, definitions, wakeup } = this.#opened;
    const nowMs = this.#deps.nowMs();
    if (nowMs - this.#recheckedAtMs >= RECHECK_INTERVAL_MS) {
      this.#recheckedAtMs = nowMs;
      admission.recheck();
    }
    if (this.#looking) return;
    const due = definitions.takeDue();
    if (due.length === 0) return;
    this.#looking = true;
    admission
      .look(due, ENGINE_COMMIT_GRACE_MS)
      .catch((error: unknown) => {
        this.#failure ??= { cause: error };
      })
      .finally(() => {
        this.#looking = false;
        wakeup.wake();
      });
  }

  async #takeArrived(signal: AbortSignal): Promise<void> {
    const arrived = this.#arrived;
    if (!arrived) return;
    this.#turnBytes = 0;
    for (const { bytes, start, end } of arrived) {
      this.#bytes += end - start;
      if (this.#isTurnOver(end - start)) await this.#endTurn();
      const decoded = this.#decoder.decode(bytes, start, end);
      if (decoded.kind === 'compressed') {
        await this.#takeSteps(decoded, signal);
        if (signal.aborted) return;
      } else {
        const waiting = this.#take(decoded, signal);
        if (waiting) await waiting;
      }
    }
    this.#arrived = undefined;
    this.#idleSinceMs = this.#deps.nowMs();
    this.#opened.wakeup.wake();
  }

  /** One transaction may take minutes: it is left where it is when the attempt is to end. */
  async #takeSteps({ steps }: CompressedTransaction, signal: AbortSignal): Promise<void> {
    for await (const { bytes, events } of steps) {
      if (signal.aborted) return;
      if (this.#isTurnOver(bytes)) await this.#endTurn();
      this.#reportIfDue();
      for (const event of events) {
        const waiting = this.#take(event, signal);
        if (waiting) await waiting;
      }
    }
  }

  #isTurnOver(bytes: number): boolean {
    this.#turnBytes += bytes;
    return this.#turnBytes > MAX_TURN_BYTES;
  }

  async #endTurn(): Promise<void> {
    this.#turnBytes = 0;
    await nextTurn();
    this.#throwIfFailed();
  }

  /** Returns a promise only where it has to wait. */
  #take(event: BinlogEvent, signal: AbortSignal): Promise<void> | undefined {
    const waiting = this.#opened.events.accept(event);
    return waiting || this.#isAwaited() || this.#full() ? this.#settle(waiting, signal) : undefined;
  }

  async #settle(accepted: Promise<void> | undefined, signal: AbortSignal): Promise<void> {
    await accepted;
    if (this.#full()) await this.#publishFull();
    if (this.#isAwaited()) await this.#betweenTransactions(signal);
  }

  /** Something waits for a place between two transactions, and this is one. */
  #isAwaited(): boolean {
    const { position, snapshot, definitions } = this.#opened;
    const { hasMore } = this.#input.commands;
    return position.atBoundary && (hasMore || snapshot.active || definitions.isReady(position));
  }

  /** With nothing in flight a full batch is sent; otherwise it waits for the room that both have together. */
  #full(): boolean {
    const { heldBytes, records } = this.#opened.batch;
    const { maxBatchBytes, maxBatchRows } = this.#input;
    if (records >= maxBatchRows) return true;
    if (heldBytes < maxBatchBytes) return false;
    return !this.#inFlight || heldBytes + this.#inFlightBytes >= BATCHES_OF_ROOM * maxBatchBytes;
  }

  /** Back-pressure: nothing more is read until the batch before this one is committed. */
  async #publishFull(): Promise<void> {
    if (this.#opened.position.open) this.#deps.reach('captureCutInsideTransaction');
    await this.#inFlight;
    this.#throwIfFailed();
    this.#publish();
  }

  /** Sends the batch at a boundary when the stream is idle or the batch is a few idle times old. */
  #publishIfDue(): void {
    const { batch, position } = this.#opened;
    if (this.#inFlight || !position.atBoundary) return;
    const nowMs = this.#deps.nowMs();
    if (batch.records === 0) {
      const moved = position.commitOrdinal !== this.#committed.commitOrdinal;
      const isDue = nowMs - this.#committed.writtenAtMs >= this.#input.positionIntervalMs;
      if (this.#applied.length > 0 || (moved && isDue)) this.#publish();
      else this.#batchSinceMs = nowMs;
      return;
    }
    const idle = !this.#arrived && nowMs - this.#idleSinceMs >= this.#input.idleMs;
    if (idle || nowMs - this.#batchSinceMs >= 4 * this.#input.idleMs) this.#publish();
  }

  #publish(): void {
    const { batch: writer, snapshot, tables, wakeup } = this.#opened;
    const { batch, checkpoint } = writer.seal(snapshot.plan);
    const { records, bytes } = batch;
    this.#inFlightBytes = batch.heldBytes;
    const startedAtMs = this.#deps.nowMs();
    const { commands } = this.#input;
    const applied = this.#applied;
    this.#applied = [];
    const notices = [
      ...commandsApplied(checkpoint.epoch, applied),
      ...tables.takeNotices(),
      ...this.#snapshotsFinished(),
    ];
    this.#batchSinceMs = startedAtMs;
    this.#deps.reach('captureBeforePublish');
    this.#inFlight = this.#deps.log
      .publish(batch)
      .then(
        () => {
          this.#deps.reach('capturePublished');
          this.#committed = checkpoint;
          this.#batches += 1;
          this.#lastBatch = { records, bytes, publishMs: this.#deps.nowMs() - startedAtMs };
          commands.settle(applied);
          for (const notice of notices) this.#deps.notify(notice);
          this.#deps.reach('captureHeartbeatPending');
        },
        (error: unknown) => {
          this.#failure ??= { cause: error };
        },
      )
      .finally(() => {
        this.#inFlight = undefined;
        wakeup.wake();
      });
  }

  async #drain(): Promise<void> {
    await this.#inFlight;
    this.#throwIfFailed();
    const { batch, position } = this.#opened;
    if (batch.records === 0 && position.commitOrdinal === this.#committed.commitOrdinal) return;
    this.#publish();
    await this.#inFlight;
    this.#throwIfFailed();
  }

  /** What may only be done where no transaction is open: tables come in, chunks are emitted. */
  async #betweenTransactions(signal: AbortSignal): Promise<void> {
    const { admission, snapshot, position, copies } = this.#opened;
    if (!position.atBoundary) return;
    await admission.settle();
    if (this.#input.commands.hasMore) this.#apply(this.#input.commands.takeMore());
    await snapshot.step(position, copies, signal);
    if (this.#full()) await this.#publishFull();
  }

  /** One that a checkpoint names already is told of again: whoever gave it has not heard. */
  #apply(commands: readonly StreamCommand[]): void {
    this.#opened.commands.apply(commands);
    this.#applied = [...this.#applied, ...commands.map(({ commandId }) => commandId)];
  }

  /** Snapshots whose last table ends with this batch. */
  #snapshotsFinished(): readonly CaptureNotice[] {
    const finished = finishedRequests(this.#opened.snapshot.plan);
    const told = this.#told;
    this.#told = idsOf(finished);
    return finished
      .filter(({ snapshotId }) => !told.has(snapshotId))
      .map((tally) => ({ kind: 'snapshotFinished', ...tally }));
  }

  #reportIfDue(): void {
    const nowMs = this.#deps.nowMs();
    if (nowMs - this.#reportedAtMs < this.#input.reportIntervalMs) return;
    this.#reportedAtMs = nowMs;
    const { batch, events, tables } = this.#opened;
    const { stopped } = tables;
    this.#deps.report({
      rows: batch.counts.rows,
      transactions: events.transactions,
      bytes: this.#bytes,
      batches: this.#batches,
      rowsByTable: Object.fromEntries(batch.counts.byTable),
      checkpoint: this.#committed,
      newestEventAtUs: events.newestEventAtUs,
      caughtUp:
        !this.#arrived && !this.#inFlight && batch.records === 0 && nowMs - this.#idleSinceMs > 100,
      lastBatch: this.#lastBatch,
      snapshot: this.#snapshotProgress(),
      stopped: stopped.slice(-MAX_STOPPED_LISTED),
      stoppedCount: stopped.length,
    });
  }

  #snapshotProgress(): SnapshotProgress | undefined {
    const { plan, current } = this.#opened.snapshot;
    if (!current) return undefined;
    const sum = (values: readonly number[]): number =>
      values.reduce((total, value) => total + value, 0);
    const rows = plan.finishedRows + sum(plan.tables.map((table) => table.rows));
    return {
      table: current.table,
      rows: current.rows,
      estimatedRows: current.estimatedRows,
      tablesDone: plan.finishedTables,
      tablesTotal: plan.finishedTables + plan.tables.length,
      totalRows: rows,
      totalEstimatedRows: Math.max(
        rows,
        plan.finishedRows +
          sum(plan.tables.map((table) => Math.max(table.rows, table.estimatedRows))),
      ),
    };
  }
}

const commandsApplied = (epoch: number, commandIds: readonly string[]): readonly CaptureNotice[] =>
  commandIds.length === 0 ? [] : [{ kind: 'commandsApplied', epoch, commandIds }];

function idsOf(requests: readonly SnapshotTally[]): ReadonlySet<string> {
  return new Set(requests.map(({ snapshotId }) => snapshotId));
}
