import { nextTurn } from '../async/turn.ts';
import type { BinlogEvent, CompressedTransaction } from '../binlog/event.ts';
import type { Checkpoint, SnapshotTally } from '../change/checkpoint.ts';
import type { GtidSetText } from '../change/gtid.ts';
import type { TableId } from '../change/table.ts';
import { finishedRequests } from '../snapshot/plan.ts';
import { tableTopic } from '../topic/topic-name.ts';
import { ENGINE_COMMIT_GRACE_MS, type OpenedSession } from './open-session.ts';
import type { CaptureNotice, CaptureProgress, SnapshotProgress } from './progress.ts';
import type { CaptureDeps, CaptureInput } from './run-capture.ts';
import type { EventBytes, EventStream } from './source-server.ts';

/** Bytes of one event to what it means. */
export interface EventDecoder {
  decode(bytes: Buffer, start: number, end: number): BinlogEvent | CompressedTransaction;
}

/** A few milliseconds of decoding; then timers and sockets have their turn, also during a long backlog. */
const MAX_TURN_BYTES = 256 << 10;

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
  #batches = 0;
  #begunTable: string | undefined;
  #defining = false;
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
  }

  /** Ends in order on abort: what has been read is committed, then the loop returns. */
  async run(signal: AbortSignal): Promise<void> {
    const { wakeup } = this.#opened;
    const onAbort = (): void => {
      wakeup.wake();
    };
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted) {
        this.#throwIfFailed();
        await this.#driveSnapshot(signal);
        this.#driveDefinitions();
        this.#publishIfDue();
        this.#read();
        await wakeup.wait(this.#arrived || this.#inFlight ? this.#input.idleMs : this.#restMs());
        await this.#takeArrived(signal);
        this.#reportIfDue();
      }
      await this.#drain();
    } finally {
      signal.removeEventListener('abort', onAbort);
      await this.#inFlight?.catch(() => undefined);
    }
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure.cause;
  }

  #restMs(): number {
    return this.#opened.session.records > 0 ? this.#input.idleMs : this.#input.reportIntervalMs;
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

  /** Reads anew what DDL has touched, beside the stream, which never waits for it. */
  #driveDefinitions(): void {
    const { session, tracker, wakeup } = this.#opened;
    if (session.atBoundary) session.recordComments();
    if (this.#defining) return;
    const altered = session.takeAltered();
    if (altered.length === 0) return;
    this.#defining = true;
    this.#define(altered, tracker.gtidSet)
      .catch((error: unknown) => {
        this.#failure ??= { cause: error };
      })
      .finally(() => {
        this.#defining = false;
        wakeup.wake();
      });
  }

  /** The log shows a statement before the definitions do. */
  async #define(altered: readonly TableId[], after: GtidSetText): Promise<void> {
    await this.#deps.server.waitForExecuted(after, ENGINE_COMMIT_GRACE_MS);
    for (const id of altered) {
      const table = await this.#deps.server.table(id);
      if (table) this.#opened.session.learnDefinitions([table]);
    }
  }

  async #takeArrived(signal: AbortSignal): Promise<void> {
    const arrived = this.#arrived;
    if (!arrived) return;
    this.#arrived = undefined;
    let turnBytes = 0;
    for (const { bytes, start, end } of arrived) {
      this.#bytes += end - start;
      turnBytes += end - start;
      if (turnBytes > MAX_TURN_BYTES) {
        turnBytes = 0;
        await nextTurn();
        this.#throwIfFailed();
      }
      const decoded = this.#decoder.decode(bytes, start, end);
      if (decoded.kind === 'compressed')
        for (const event of decoded.events) await this.#take(event, signal);
      else {
        const waiting = this.#take(decoded, signal);
        if (waiting) await waiting;
      }
    }
    this.#idleSinceMs = this.#deps.nowMs();
    this.#opened.wakeup.wake();
  }

  /** Answers a promise only where it has to wait. */
  #take(event: BinlogEvent, signal: AbortSignal): Promise<void> | undefined {
    const { session, snapshot } = this.#opened;
    const waiting = session.accept(event);
    return waiting || snapshot.active || this.#full() ? this.#settle(waiting, signal) : undefined;
  }

  async #settle(accepted: Promise<void> | undefined, signal: AbortSignal): Promise<void> {
    await accepted;
    if (this.#full()) await this.#publishFull();
    if (this.#opened.snapshot.active) await this.#driveSnapshot(signal);
  }

  /** With nothing in flight a full batch is sent; otherwise it waits for the room that both have together. */
  #full(): boolean {
    const { heldBytes, records } = this.#opened.session;
    const { maxBatchBytes, maxBatchRows } = this.#input;
    if (records >= maxBatchRows) return true;
    if (heldBytes < maxBatchBytes) return false;
    return !this.#inFlight || heldBytes + this.#inFlightBytes >= BATCHES_OF_ROOM * maxBatchBytes;
  }

  /** Back-pressure: nothing more is read until the batch before this one is committed. */
  async #publishFull(): Promise<void> {
    if (this.#opened.tracker.open) this.#deps.reach('captureCutInsideTransaction');
    await this.#inFlight;
    this.#throwIfFailed();
    this.#publish();
  }

  /** Sends the batch at a boundary when the stream is idle or the batch is a few idle times old. */
  #publishIfDue(): void {
    const { session, tracker } = this.#opened;
    if (this.#inFlight || !session.atBoundary) return;
    const nowMs = this.#deps.nowMs();
    if (session.records === 0) {
      const moved = tracker.commitOrdinal !== this.#committed.commitOrdinal;
      if (moved && nowMs - this.#committed.writtenAtMs >= this.#input.positionIntervalMs)
        this.#publish();
      else this.#batchSinceMs = nowMs;
      return;
    }
    const idle = !this.#arrived && nowMs - this.#idleSinceMs >= this.#input.idleMs;
    if (idle || nowMs - this.#batchSinceMs >= 4 * this.#input.idleMs) this.#publish();
  }

  #publish(): void {
    const { session, wakeup } = this.#opened;
    const { batch, checkpoint } = session.seal();
    const { records, bytes } = batch;
    this.#inFlightBytes = batch.heldBytes;
    const startedAtMs = this.#deps.nowMs();
    const finished = this.#snapshotsFinished();
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
          for (const notice of finished) this.#deps.notify(notice);
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
    const { session, tracker } = this.#opened;
    if (session.records === 0 && tracker.commitOrdinal === this.#committed.commitOrdinal) return;
    this.#publish();
    await this.#inFlight;
    this.#throwIfFailed();
  }

  /** Emits the chunk in flight when its window has closed, and starts the next one. Only at a boundary. */
  async #driveSnapshot(signal: AbortSignal): Promise<void> {
    const { session, snapshot, tracker } = this.#opened;
    if (!session.atBoundary) return;
    const verdict = snapshot.verdict(tracker.position);
    switch (verdict.kind) {
      case 'idle':
        return;
      case 'wait':
        break;
      case 'tableGone':
        snapshot.drop(verdict.table);
        break;
      case 'emit': {
        this.#deps.reach('captureChunkRead');
        const topic = tableTopic(this.#input.prefix, verdict.chunk.schema.id);
        session.learnTopics(await this.#deps.log.ensureTopics([topic], session.topics));
        this.#emit(verdict);
        break;
      }
    }
    this.#startChunk(signal);
    if (this.#full()) await this.#publishFull();
  }

  #emit({
    chunk,
    surviving,
  }: {
    chunk: Parameters<OpenedSession['session']['emitChunk']>[0];
    surviving: typeof chunk.rows;
  }): void {
    const { session, snapshot } = this.#opened;
    const entry = snapshot.current;
    if (!entry) return;
    session.emitChunk(chunk, surviving);
    snapshot.advanced(chunk);
    if (chunk.complete) {
      const olderThan = entry.mode === 'sweep' ? entry.beganAt : undefined;
      session.endTable(entry.table, entry.snapshotId, olderThan);
    }
    this.#deps.reach('captureChunkEmitted');
  }

  #startChunk(signal: AbortSignal): void {
    const { session, snapshot, tracker } = this.#opened;
    const entry = snapshot.current;
    if (!entry) return;
    if (!entry.cursor && this.#begunTable !== `${entry.snapshotId}/${entry.table}`) {
      this.#begunTable = `${entry.snapshotId}/${entry.table}`;
      session.beginTable(entry.table, entry.snapshotId);
    }
    snapshot.start(tracker.gtidSet, signal);
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
    const { session } = this.#opened;
    this.#deps.report({
      rows: session.counts.rows,
      transactions: session.counts.transactions,
      bytes: this.#bytes,
      batches: this.#batches,
      rowsByTable: session.counts.byTable,
      checkpoint: this.#committed,
      newestEventAtUs: session.newestEventAtUs,
      caughtUp:
        !this.#arrived &&
        !this.#inFlight &&
        session.records === 0 &&
        nowMs - this.#idleSinceMs > 100,
      lastBatch: this.#lastBatch,
      snapshot: this.#snapshotProgress(),
      stopped: [],
      stoppedCount: 0,
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

function idsOf(requests: readonly SnapshotTally[]): ReadonlySet<string> {
  return new Set(requests.map(({ snapshotId }) => snapshotId));
}
