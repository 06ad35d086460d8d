import type { Checkpoint } from '../change/checkpoint.ts';
import type { SchemaId, TableSchema } from '../change/table.ts';
import type { Topic } from '../topic/topic-name.ts';

/** Offsets are far below 2^53 in any topic that fits on a disk, so a number holds them exactly. */
export interface PartitionOffset {
  readonly topic: Topic;
  readonly partition: number;
  readonly offset: number;
  /** Of the topic the offset is in: one that was deleted and made anew has another. Absent where it is not known. */
  readonly topicId?: string;
}

/** A committed record of a table topic or of the control topic. Buffers are owned by the caller. */
export interface TopicRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: ReadonlyMap<string, string>;
}

/** A run of one partition: its records, and where to read on. Control and aborted batches move `nextOffset` too. */
export interface RecordRun {
  readonly topic: Topic;
  readonly partition: number;
  readonly records: readonly TopicRecord[];
  readonly nextOffset: number;
}

/** A committed position record and the topics record as of it. */
export interface CommittedPosition {
  readonly checkpoint: Checkpoint;
  /** Every table topic that the pipeline has written up to the checkpoint. */
  readonly topics: ReadonlyMap<Topic, number>;
}

/** Port: reads a pipeline's topics read_committed by explicit offsets, without a group. Implemented in src/kafka. */
export interface RecordSource {
  /**
   * The newest committed position, waiting at most `waitMs` for one newer than the last call gave.
   * `undefined` while the pipeline has none.
   */
  newestPosition(waitMs: number, signal: AbortSignal): Promise<CommittedPosition | undefined>;
  /** High watermarks (isolation level 0) and topic ids: records and markers below them have been written. */
  highWatermarks(
    of: readonly { readonly topic: Topic; readonly partition: number }[],
  ): Promise<readonly PartitionOffset[]>;
  /** The first offsets that retention has left. */
  logStarts(
    of: readonly { readonly topic: Topic; readonly partition: number }[],
  ): Promise<readonly PartitionOffset[]>;
  /**
   * Reads every range to its end, in offset order within a partition, in runs of bounded bytes.
   * Waits where a transaction is still open below `until`.
   * @throws {SluiceError} `sink.offset-out-of-range` when an offset has left the retention
   */
  read(
    ranges: readonly (PartitionOffset & { readonly until: number })[],
    signal: AbortSignal,
  ): AsyncIterable<RecordRun>;
  /** Waits for the id up to a deadline. @throws {SluiceError} `sink.unknown-schema` */
  schema(id: SchemaId, signal: AbortSignal): Promise<TableSchema>;
  close(): Promise<void>;
}
