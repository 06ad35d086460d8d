import type { Topic } from './topic-name.ts';

/** A record on its way out. Strings are UTF-8 on the wire; `null` value is a tombstone. */
export interface OutgoingRecord {
  readonly topic: Topic;
  readonly partition: number;
  readonly key: string | null;
  readonly value: string | null;
  /** Names and values in order; `__sluice.seq` and `__sluice.schema` on table records. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly timestampMs: number;
}

/** Header names on table and control records. */
export const SEQUENCE_HEADER = '__sluice.seq';
export const SCHEMA_HEADER = '__sluice.schema';
/**
 * Decimal microseconds: the non-decreasing commit time, on a record whose own `source.ts_us` is
 * below that of an earlier transaction. Without the header the two are the same.
 */
export const COMMITTED_AT_HEADER = '__sluice.committed_at';

/**
 * On a record with a value that stands for one which is no text of its column's charset; see
 * `invalid-text-header.ts`.
 */
export const INVALID_TEXT_HEADER = '__sluice.invalid_text';
/** `key` on an update whose `before` is the key alone. */
export const BEFORE_HEADER = '__sluice.before';

/** Keys of the positions topic. */
export const POSITION_KEYS = {
  checkpoint: 'checkpoint',
  /** What snapshots have read so far, by request; which tables are to be copied is in their own records. */
  snapshot: 'snapshot',
  /** Head of the key of a table, before its name: whether it is followed, its topic, the copy that is due. */
  table: 'table:',
  /** Written by earlier versions: JSON object topic → partition count and id. */
  topics: 'topics',
  /** JSON object table → digest of its comments in its newest schema record. Tables without comments are left out. */
  comments: 'comments',
  /** JSON list of prepared XA transactions, each with the tables it has touched. */
  xa: 'xa',
} as const;

/** A record that writes itself into the buffer of its batch. */
export interface EncodedRecord {
  readonly topic: Topic;
  readonly partition: number;
  readonly timestampMs: number;
  /** Bytes that certainly hold the record. */
  readonly room: number;
  /**
   * Writes the record (length, attributes, deltas, key, value, headers) at `at` and returns the
   * offset behind it. `out` has {@link room} bytes there, and is lent until the call returns.
   */
  write(out: Buffer, at: number, offsetDelta: number, timestampDelta: number): number;
}

/** The records of one Kafka transaction, gathered per partition in the order of `append`. */
export interface OutgoingBatch {
  readonly records: number;
  /** Bytes before compression, as the broker would count them. */
  readonly bytes: number;
  /** Bytes kept in memory: buffers count whole, what has been compressed as that. */
  readonly heldBytes: number;
  /**
   * Encodes the record at once; nothing of the argument is retained.
   * @throws {SluiceError} `kafka.record-too-large` when the record alone exceeds the topic's limit; the batch is then unchanged
   */
  append(record: OutgoingRecord): void;
  /** The same for a record that writes itself, within this call. */
  appendEncoded(record: EncodedRecord): void;
}
