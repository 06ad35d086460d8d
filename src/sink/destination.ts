import type { Checkpoint } from '../change/checkpoint.ts';
import type { HexText } from '../change/encoded-row.ts';
import { lastSequenceOf, type Sequence } from '../change/sequence.ts';
import type { SchemaId, TableName, TableSchema } from '../change/table.ts';
import type { ErrorCode } from '../errors/catalogue.ts';
import type { ControlRecord } from '../topic/control-record.ts';
import type { Topic } from '../topic/topic-name.ts';
import type { PartitionOffset } from './record-source.ts';

/** One change on its way into a changelog. `after` is the envelope's row as JSON text; `key` the record key as JSON text. */
export interface ChangeRow {
  readonly op: 'c' | 'u' | 'd' | 'r';
  readonly seq: Sequence;
  readonly key: string;
  /** JSON object of the row: `after`, or `before` for a delete. */
  readonly row: string;
  /** By column: the bytes of values that are no texts of its charset. Absent in nearly every row. */
  readonly invalid?: ReadonlyMap<string, HexText>;
  /** Source commit time, microseconds since 1970; never decreases from one commit ordinal to a later one. */
  readonly committedAtUs: number;
  /** `file:pos` of the source event. */
  readonly position: string;
  /** Of its record, in the table's topic. */
  readonly partition: number;
  readonly offset: number;
}

/** Rows of one table under one schema, in sequence order within a partition. */
export interface TableRows {
  readonly table: TableName;
  readonly schemaId: SchemaId;
  readonly schema: TableSchema;
  readonly rows: readonly ChangeRow[];
}

/** The point up to which everything has arrived and may be shown. */
export interface Cut {
  readonly commitOrdinal: number;
  /** Largest sequence that belongs to the cut. */
  readonly lastSequence: Sequence;
  readonly committedAtUs: number;
  readonly gtidSet: string;
}

/** What goes in together or not at all. */
export interface SinkBatch {
  readonly tables: readonly TableRows[];
  /** In sequence order; those behind the cut are kept by the destination until a later cut covers them. */
  readonly control: readonly ControlRecord[];
  /** Schemas that `control` names. */
  readonly schemas: ReadonlyMap<SchemaId, TableSchema>;
  readonly offsets: readonly PartitionOffset[];
  /**
   * Where reading began in the partitions of stopped tables that are read again; in all others at
   * the offset that the destination holds. None when absent.
   */
  readonly begins?: readonly PartitionOffset[];
  /** Present only with the last batch of a cut. */
  readonly cut: Cut | undefined;
  /** Topics of tables that have stopped, which were not read for this cut; none when absent. */
  readonly without?: readonly Topic[];
}

/** A table that is at a cut of its own while the others continue. */
export interface StoppedTable {
  readonly table: TableName;
  readonly topic: Topic;
  /** Where reading its topic continues; a partition that is not here begins at its first record. */
  readonly offsets: readonly PartitionOffset[];
  /**
   * Whether its topic is read again. `fromSnapshot`: a snapshot brings all that came before it, so
   * that it does not matter what retention has taken of that.
   */
  readonly readAgain: 'never' | 'fromOffsets' | 'fromSnapshot';
  readonly code: ErrorCode;
  /** For a person; quotes no value. */
  readonly reason: string;
  /** Offset, where one is known, and sequence of what stopped it. */
  readonly position: string;
}

export interface DestinationState {
  readonly offsets: readonly PartitionOffset[];
  readonly cut: Cut | undefined;
  readonly warehouseId: string;
  /**
   * Where a commit ends that an earlier attempt has begun and cannot have undone. The first batch
   * has to end there, and to carry this cut.
   */
  readonly planned?: Pick<SinkBatch, 'offsets' | 'begins' | 'cut' | 'without'>;
}

/** The cut that a position is the end of. */
export function cutOf({ epoch, commitOrdinal, committedAtUs, gtidSet }: Checkpoint): Cut {
  const lastSequence = lastSequenceOf(epoch, commitOrdinal);
  return { commitOrdinal, lastSequence, committedAtUs, gtidSet };
}

/** A warehouse to be made. */
export interface NewWarehouse {
  readonly warehouseId: string;
  /**
   * Where it begins, when not with the first record of every topic. It takes no rows from before
   * the cut, and of the control records from before it only what they say of schemas and of the
   * continuity of tables; a table that was there by then is incomplete until a copy of it that
   * began after the cut has ended.
   */
  readonly start?: { readonly cut: Cut; readonly offsets: readonly PartitionOffset[] };
}

/**
 * Port: a warehouse. Implemented in src/duckdb and src/bigquery.
 *
 * `apply` is atomic and durable when it resolves: rows, offsets, cut and the effect of control
 * records together. A retry after a lost answer reads `open` again first. It resolves with the
 * topics of tables that it has stopped: their rows of this batch are not in, and their offsets have
 * not moved.
 */
export interface Destination {
  /** What is there; `undefined` when there is no warehouse. Changes nothing. */
  open(): Promise<DestinationState | undefined>;
  /**
   * Makes an empty warehouse and opens it. One that `open` has found is put aside, not destroyed.
   * Atomic: after a failure there is the whole new one, or none.
   */
  create(warehouse: NewWarehouse): Promise<DestinationState>;
  apply(batch: SinkBatch): Promise<readonly Topic[]>;
  /**
   * Folds changes up to the present cut into the state tables where that pays. Commits wait
   * meanwhile: no table is begun after `untilMs`, and those that are left come with the next call.
   */
  compact(untilMs: number): Promise<void>;
  /** As of the last batch. */
  stopped(): readonly StoppedTable[];
  close(): Promise<void>;
}
