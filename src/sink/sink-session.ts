import type { Checkpoint } from '../change/checkpoint.ts';
import { lastSequenceOf, type Sequence } from '../change/sequence.ts';
import type { SchemaId, TableSchema } from '../change/table.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import { isCancellation } from '../errors/policy.ts';
import { parseControlRecord } from '../topic/control-record.ts';
import { internalTopics, type Topic } from '../topic/topic-name.ts';
import { decodeChange } from './change-record.ts';
import type { Clock } from './clock.ts';
import { Cursors, type Range } from './cursors.ts';
import {
  type Cut,
  cutOf,
  type Destination,
  type DestinationState,
  type StoppedTable,
} from './destination.ts';
import type { SinkKillPoint } from './kill-points.ts';
import { hasNewlyReadable, leftOut, readable, tablesOf } from './left-out.ts';
import { openWarehouse } from './open-warehouse.ts';
import { Piece } from './piece.ts';
import type { SinkSessionProgress } from './progress.ts';
import type {
  CommittedPosition,
  PartitionOffset,
  RecordRun,
  RecordSource,
  TopicRecord,
} from './record-source.ts';
import type { SinkLog, SinkOrders } from './sink-log.ts';
import { Tally } from './tally.ts';

export interface SinkInput {
  readonly source: RecordSource;
  readonly destination: Destination;
  readonly log: SinkLog;
  readonly orders: SinkOrders;
  readonly prefix: string;
  readonly settings: {
    /** A commit at most this often while changes keep coming. */
    readonly commitIntervalMs: number;
    /** A round is applied in pieces of about this size. */
    readonly maxBatchBytes: number;
    /** Columns of all tables that a piece has rows of, where a warehouse holds memory for each. */
    readonly maxBatchColumns?: number;
  };
  readonly onProgress: (progress: SinkSessionProgress) => void;
  /** Called at every kill point; a crash test ends the process there. */
  readonly reach: (point: SinkKillPoint) => void;
  readonly clock: Clock;
  /** An id that no other warehouse has. */
  readonly newId: () => string;
  readonly signal: AbortSignal;
}

/** Why a sink has ended in order. */
export type SinkEnd =
  | { readonly kind: 'stopped' }
  /** It goes on when a snapshot of this id was asked for. */
  | { readonly kind: 'needsSnapshot'; readonly snapshotId: string };

/** How long one wait for a newer position takes; progress is reported after each. */
const IDLE_WAIT_MS = 1_000;

/**
 * Moves committed records into the destination until the signal aborts, one consistent cut after
 * another. Resolves when the transaction under way has ended. No port is closed.
 *
 * @throws {SluiceError} with the outcome its catalogue entry names; the next attempt starts from
 *   what the destination holds, whatever was lost
 */
export async function runSink(input: SinkInput): Promise<SinkEnd> {
  try {
    const opened = await openWarehouse(input);
    if (opened.kind === 'needsSnapshot') return opened;
    await new SinkSession(input, opened.state).run(opened.state.planned, opened.position);
  } catch (error) {
    if (!(input.signal.aborted && isCancellation(error))) throw error;
  }
  return { kind: 'stopped' };
}

/**
 * One attempt. A round makes one cut:
 *
 * 1. read a committed position: its commit ordinal is W, and its topics are all that W needs
 * 2. take the high watermark of every partition; whatever belongs to W lies below
 * 3. read every partition read_committed up to there, the control topic first, because it says what
 *    the tables are, and apply it in pieces with their offsets
 * 4. with the last piece, publish W
 *
 * A partition is read up to its first record after W: what the control topic says of such a record
 * may lie beyond the mark of the control topic. A crash between pieces repeats nothing: offsets moved
 * with the rows. A table that the destination stops leaves the cut: what is
 * left of its topic in the round is passed over, and rounds leave it out until it goes on.
 */
class SinkSession {
  readonly #input: SinkInput;
  readonly #control: Topic;
  readonly #cursors: Cursors;
  readonly #schemas = new Map<SchemaId, TableSchema>();
  readonly #tally = new Tally();
  /** Topics of stopped tables, which this round does not take in. */
  #without = new Set<Topic>();
  /** End of the cut that this round makes; absent where a plan says how far to read. */
  #until: Sequence | undefined;
  /** Partitions of which this round has met a record after its cut. */
  readonly #ahead = new Set<string>();
  /** Stopped tables that the newest round has read again. */
  #readAgain: readonly StoppedTable[] = [];
  /** Topics that this round reads from elsewhere than their stored offsets. */
  #returned: ReadonlySet<Topic> = new Set();
  #cut: Cut | undefined;
  #checkpoint: Checkpoint | undefined;

  constructor(input: SinkInput, { cut, offsets }: DestinationState) {
    this.#input = input;
    this.#control = internalTopics(input.prefix).control;
    this.#cut = cut;
    this.#cursors = new Cursors(offsets);
  }

  /** @param first  the newest position, where it is known already */
  async run(
    planned: DestinationState['planned'],
    first: CommittedPosition | undefined,
  ): Promise<void> {
    const { source, destination, signal, clock, settings } = this.#input;
    if (planned) await this.#finish(planned);
    let last = first;
    for (let known = first; !signal.aborted; known = undefined) {
      const position = known ?? (await source.newestPosition(IDLE_WAIT_MS, signal)) ?? last;
      last = position;
      const startedAtMs = clock.nowMs();
      const moved =
        position !== undefined && (this.#isNewer(position.checkpoint) || this.#isAwaited());
      if (moved) await this.#round(position);
      this.#report(!moved);
      await destination.compact(clock.nowMs() + settings.commitIntervalMs);
      if (!moved) continue;
      const spentMs = clock.nowMs() - startedAtMs;
      if (spentMs < settings.commitIntervalMs)
        await clock.sleep(settings.commitIntervalMs - spentMs, signal);
    }
  }

  #isNewer(checkpoint: Checkpoint): boolean {
    this.#checkpoint = checkpoint;
    if (!this.#cut) return true;
    const last = lastSequenceOf(checkpoint.epoch, checkpoint.commitOrdinal);
    if (last < this.#cut.lastSequence)
      throw new SluiceError(
        'position.lost',
        `The positions topic ends at ${last}, but the warehouse already shows ${this.#cut.lastSequence}: the topic was lost or restored to an older state.`,
        { facts: { position: last, cut: this.#cut.lastSequence } },
      );
    return last > this.#cut.lastSequence;
  }

  /** A table that has become able to go on does not wait for the source to commit something more. */
  #isAwaited(): boolean {
    return hasNewlyReadable(this.#readAgain, readable(this.#input.destination));
  }

  async #round(position: CommittedPosition): Promise<void> {
    const { source, signal, settings } = this.#input;
    const { maxBatchColumns = Number.POSITIVE_INFINITY } = settings;
    await this.#leaveOut(position);
    const ranges = await this.#ranges(position);
    this.#tally.beginRound(ranges.reduce((sum, { offset, until }) => sum + until - offset, 0));
    const isControl = ({ topic }: PartitionOffset): boolean => topic === this.#control;
    this.#until = cutOf(position.checkpoint).lastSequence;
    this.#ahead.clear();
    let piece = new Piece();
    for (const part of [ranges.filter(isControl), ranges.filter((range) => !isControl(range))]) {
      if (part.length === 0) continue;
      for await (const run of source.read(part, signal)) {
        await this.#take(piece, run);
        if (piece.bytes < settings.maxBatchBytes && piece.columns < maxBatchColumns) continue;
        await this.#apply(piece, undefined);
        piece = new Piece();
      }
    }
    signal.throwIfAborted();
    for (const range of ranges)
      if (!this.#without.has(range.topic) && !this.#ahead.has(partitionOf(range)))
        this.#cursors.expectReached(range);
    await this.#apply(piece, cutOf(position.checkpoint));
  }

  /** Repeats the commit that an earlier attempt has begun, in one piece, whatever has come since. */
  async #finish({
    offsets,
    begins = [],
    cut,
    without,
  }: NonNullable<DestinationState['planned']>): Promise<void> {
    const { source, signal } = this.#input;
    this.#without = new Set(without);
    // Retention may have taken what the plan did not read either.
    for (const begin of begins) this.#cursors.returnTo(begin);
    const ends = new Map(
      offsets.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]),
    );
    const marks = await source.highWatermarks(offsets);
    const ranges = marks.flatMap((mark) =>
      this.#cursors.range(mark, ends.get(`${mark.topic}/${mark.partition}`) ?? 0),
    );
    this.#until = undefined;
    this.#ahead.clear();
    const piece = new Piece();
    // The plan also names a partition that did not move: its first record was after the cut.
    for (const end of offsets)
      if (this.#cursors.next(end).offset === end.offset) piece.advance(end);
    for await (const run of source.read(ranges, signal)) await this.#take(piece, run);
    signal.throwIfAborted();
    await this.#apply(piece, cut);
  }

  /** A topic that is taken in again is read from where its table stands, by sequences as of there. */
  async #leaveOut({ topics }: CommittedPosition): Promise<void> {
    const { destination, source } = this.#input;
    this.#readAgain = readable(destination);
    const left = await leftOut(destination, source, topics);
    this.#without = new Set(left.topics);
    this.#returned = new Set(left.again.keys());
    for (const offset of [...left.again.values()].flat()) this.#cursors.returnTo(offset);
  }

  /** From the next offset of every partition to its high watermark. */
  async #ranges({ topics }: CommittedPosition): Promise<readonly Range[]> {
    const partitions = [...topics].flatMap(([topic, count]) =>
      this.#without.has(topic)
        ? []
        : Array.from({ length: count }, (_, partition) => ({ topic, partition })),
    );
    partitions.push({ topic: this.#control, partition: 0 });
    const marks = await this.#input.source.highWatermarks(partitions);
    return marks.flatMap((mark) => this.#cursors.range(mark, mark.offset));
  }

  async #take(piece: Piece, run: RecordRun): Promise<void> {
    const { topic, partition, records, nextOffset } = run;
    if (this.#without.has(topic) || this.#ahead.has(partitionOf(run))) return;
    const { offset: first, topicId } = this.#cursors.next(run);
    if (this.#returned.has(topic))
      piece.beginAt({
        topic,
        partition,
        offset: first,
        ...(topicId === undefined ? {} : { topicId }),
      });
    let end = nextOffset;
    for (const record of records) {
      if (record.offset < first)
        throw new InvariantBroken(
          `${topic}/${partition} gave offset ${record.offset} when asked for ${first}`,
        );
      if (topic === this.#control) await this.#takeControl(piece, record);
      else {
        const change = decodeChange(record, topic, partition);
        if (!change) continue;
        if (this.#until !== undefined && change.row.seq > this.#until) {
          this.#ahead.add(partitionOf(run));
          end = record.offset;
          break;
        }
        const { schemaId } = change;
        const schema = this.#schemas.get(schemaId) ?? (await this.#learnSchema(schemaId));
        this.#cursors.inOrder(change.row.seq, record, run);
        piece.addRow(schemaId, schema, change.row);
      }
    }
    piece.offsets += end - first;
    piece.advance(this.#cursors.pass({ ...run, nextOffset: end }));
  }

  async #takeControl(piece: Piece, { value }: TopicRecord): Promise<void> {
    if (value === null) return;
    const record = parseControlRecord(value.toString());
    if (record.kind === 'schema') {
      const { schemaId } = record;
      piece.addSchema(schemaId, this.#schemas.get(schemaId) ?? (await this.#learnSchema(schemaId)));
    }
    piece.addControl(record);
  }

  async #learnSchema(id: SchemaId): Promise<TableSchema> {
    const schema = await this.#input.source.schema(id, this.#input.signal);
    this.#schemas.set(id, schema);
    return schema;
  }

  async #apply(piece: Piece, cut: Cut | undefined): Promise<void> {
    const { destination, clock, reach } = this.#input;
    const batch = piece.batch(cut, [...this.#without]);
    const startedAtMs = clock.nowMs();
    reach('sinkBeforeApply');
    const stopped = await destination.apply(batch);
    reach('sinkCommitted');
    for (const topic of stopped) this.#without.add(topic);
    const left = tablesOf(destination, stopped);
    const tables = batch.tables.filter(({ table }) => !left.has(table));
    this.#tally.commit(tables, piece.offsets, clock.nowMs() - startedAtMs);
    if (cut) {
      this.#cut = cut;
      this.#tally.endRound();
    } else this.#report(false);
  }

  #report(caughtUp: boolean): void {
    this.#input.onProgress({
      ...this.#tally.counts,
      cut: this.#cut,
      checkpoint: this.#checkpoint,
      caughtUp,
      stopped: this.#input.destination
        .stopped()
        .map(({ table, code, reason, position }) => ({ table, code, reason, position })),
    });
  }
}

const partitionOf = ({ topic, partition }: Pick<RecordRun, 'topic' | 'partition'>): string =>
  `${topic}/${partition}`;
