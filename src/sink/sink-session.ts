import type { Checkpoint } from '../change/checkpoint.ts';
import { lastSequenceOf, type Sequence } from '../change/sequence.ts';
import type { SchemaId, TableSchema } from '../change/table.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import { isCancellation } from '../errors/policy.ts';
import { parseControlRecord } from '../topic/control-record.ts';
import { internalTopics, type Topic } from '../topic/topic-name.ts';
import { decodeChange } from './change-record.ts';
import type { Clock } from './clock.ts';
import type { Cut, Destination } from './destination.ts';
import type { SinkKillPoint } from './kill-points.ts';
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
import type { SinkLog } from './sink-log.ts';

export interface SinkInput {
  readonly source: RecordSource;
  readonly destination: Destination;
  readonly log: SinkLog;
  readonly prefix: string;
  readonly settings: {
    /** A commit at most this often while changes keep coming. */
    readonly commitIntervalMs: number;
    /** A round is applied in pieces of about this size. */
    readonly maxBatchBytes: number;
  };
  readonly onProgress: (progress: SinkSessionProgress) => void;
  /** Called at every kill point; a crash test ends the process there. */
  readonly reach: (point: SinkKillPoint) => void;
  readonly clock: Clock;
  /** An id that no other warehouse has. */
  readonly newId: () => string;
  readonly signal: AbortSignal;
}

/** How long one wait for a newer position takes; progress is reported after each. */
const IDLE_WAIT_MS = 1_000;

/**
 * Moves committed records into the destination until the signal aborts, one consistent cut after
 * another. Resolves when the transaction under way has ended. No port is closed.
 *
 * @throws {SluiceError} with the outcome its catalogue entry names; the next attempt starts from
 *   what the destination holds, whatever was lost
 */
export async function runSink(input: SinkInput): Promise<void> {
  try {
    await new SinkSession(input).run();
  } catch (error) {
    if (!(input.signal.aborted && isCancellation(error))) throw error;
  }
}

/**
 * One attempt. A round makes one cut:
 *
 * 1. read a committed position: its commit ordinal is W, and its topics are all that W needs
 * 2. take the high watermark of every partition; whatever belongs to W lies below
 * 3. read every partition read_committed up to there, and apply it in pieces with their offsets
 * 4. with the last piece, publish W
 *
 * Rows beyond W that come along are stored and stay invisible. A crash between pieces repeats
 * nothing: offsets moved with the rows.
 */
class SinkSession {
  readonly #input: SinkInput;
  readonly #control: Topic;
  readonly #offsets = new Map<string, number>();
  readonly #newestSeq = new Map<string, Sequence>();
  readonly #schemas = new Map<SchemaId, TableSchema>();
  readonly #rowsByTable: Record<string, number> = {};
  #cut: Cut | undefined;
  #checkpoint: Checkpoint | undefined;
  #rows = 0;
  #commits = 0;
  #lastCommit: SinkSessionProgress['lastCommit'];

  constructor(input: SinkInput) {
    this.#input = input;
    this.#control = internalTopics(input.prefix).control;
  }

  async run(): Promise<void> {
    const { source, destination, signal, clock, settings } = this.#input;
    const state = await openWarehouse(this.#input);
    this.#cut = state.cut;
    for (const { topic, partition, offset } of state.offsets)
      this.#offsets.set(`${topic}/${partition}`, offset);
    while (!signal.aborted) {
      const position = await source.newestPosition(IDLE_WAIT_MS, signal);
      const startedAtMs = clock.nowMs();
      const moved = position !== undefined && this.#isNewer(position.checkpoint);
      if (moved) await this.#round(position);
      this.#report(!moved);
      if (!moved) continue;
      await destination.compact();
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

  async #round(position: CommittedPosition): Promise<void> {
    const { source, signal, settings } = this.#input;
    const ranges = await this.#ranges(position);
    let piece = new Piece();
    if (ranges.length > 0)
      for await (const run of source.read(ranges, signal)) {
        await this.#take(piece, run);
        if (piece.bytes < settings.maxBatchBytes) continue;
        await this.#apply(piece, undefined);
        piece = new Piece();
      }
    signal.throwIfAborted();
    for (const { topic, partition, until } of ranges)
      if (this.#next(topic, partition) < until)
        throw new InvariantBroken(`${topic} partition ${partition} was not read up to ${until}`);
    await this.#apply(piece, cutOf(position.checkpoint));
  }

  /** From the next offset of every partition to its high watermark; a topic not seen before starts at its beginning. */
  async #ranges({ topics }: CommittedPosition): Promise<(PartitionOffset & { until: number })[]> {
    const partitions = [...topics].flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, partition) => ({ topic, partition })),
    );
    partitions.push({ topic: this.#control, partition: 0 });
    const marks = await this.#input.source.highWatermarks(partitions);
    return marks.flatMap(({ topic, partition, offset: until }) => {
      const offset = this.#next(topic, partition);
      if (until < offset) throw recreated(topic, partition, offset, until);
      return until === offset ? [] : [{ topic, partition, offset, until }];
    });
  }

  #next(topic: Topic, partition: number): number {
    return this.#offsets.get(`${topic}/${partition}`) ?? 0;
  }

  async #take(piece: Piece, run: RecordRun): Promise<void> {
    const { topic, partition, records, nextOffset } = run;
    const id = `${topic}/${partition}`;
    const first = this.#offsets.get(id) ?? 0;
    for (const record of records) {
      if (record.offset < first)
        throw new InvariantBroken(`${id} gave offset ${record.offset} when asked for ${first}`);
      if (topic === this.#control) await this.#takeControl(piece, record);
      else await this.#takeChange(piece, record, topic, partition);
    }
    this.#offsets.set(id, nextOffset);
    piece.advance(run);
  }

  async #takeChange(
    piece: Piece,
    record: TopicRecord,
    topic: Topic,
    partition: number,
  ): Promise<void> {
    const change = decodeChange(record, topic, partition);
    if (!change) return;
    const { schemaId, row } = change;
    const id = `${topic}/${partition}`;
    const newest = this.#newestSeq.get(id);
    if (newest !== undefined && row.seq <= newest)
      throw new SluiceError(
        'sink.out-of-order',
        `Sequence ${row.seq} at offset ${record.offset} of ${topic} partition ${partition} comes after ${newest}.`,
        { facts: { topic, partition, offset: record.offset, seq: row.seq, newest } },
      );
    this.#newestSeq.set(id, row.seq);
    const schema = this.#schemas.get(schemaId) ?? (await this.#learnSchema(schemaId));
    piece.addRow(schemaId, schema, row);
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
    const batch = piece.batch(cut);
    const startedAtMs = clock.nowMs();
    reach('sinkBeforeApply');
    await destination.apply(batch);
    reach('sinkCommitted');
    this.#lastCommit = { rows: piece.rows, durationMs: clock.nowMs() - startedAtMs };
    this.#commits += 1;
    this.#rows += piece.rows;
    for (const { table, rows } of batch.tables)
      this.#rowsByTable[table] = (this.#rowsByTable[table] ?? 0) + rows.length;
    if (cut) this.#cut = cut;
    else this.#report(false);
  }

  #report(caughtUp: boolean): void {
    this.#input.onProgress({
      rows: this.#rows,
      rowsByTable: { ...this.#rowsByTable },
      commits: this.#commits,
      cut: this.#cut,
      checkpoint: this.#checkpoint,
      lastCommit: this.#lastCommit,
      caughtUp,
    });
  }
}

function cutOf({ epoch, commitOrdinal, committedAtUs, gtidSet }: Checkpoint): Cut {
  const lastSequence = lastSequenceOf(epoch, commitOrdinal);
  return { commitOrdinal, lastSequence, committedAtUs, gtidSet };
}

function recreated(topic: Topic, partition: number, offset: number, until: number): SluiceError {
  return new SluiceError(
    'sink.offset-out-of-range',
    `The next offset of ${topic} partition ${partition} is ${offset}, but the partition ends at ${until}: the topic was recreated.`,
    { facts: { topic, partition, offset, end: until } },
  );
}
