import type { Sequence } from '../change/sequence.ts';
import type { SchemaId, TableComments, TableId, TableName } from '../change/table.ts';

export { BEFORE_ALL } from '../change/sequence.ts';

/** JSON-plain, as all of this file: it is stored beside the tables it describes. */
export interface StoredColumn {
  readonly name: string;
  /** The warehouse's type. */
  readonly type: string;
  /** Values may exist that the type cannot hold; their text is then in `_cdc_inexact`. */
  readonly mayBeInexact: boolean;
  /** Name in the physical tables, when it is not the one that views show. */
  readonly stored?: string;
  /**
   * Columns that took its values before its type changed to one that they cannot be altered to,
   * newest first. A row has its value in one of them at most.
   */
  readonly earlier?: readonly { readonly name: string; readonly type: string }[];
}

/**
 * A source table as the warehouse keeps it: a changelog that takes every change, a state that holds
 * the present rows as of the watermark, and views over both.
 */
export interface StoredTable {
  readonly name: TableName;
  readonly id: TableId;
  /** The newest schema, and the sequence it is known since. */
  readonly schemaId: SchemaId;
  readonly schemaSince: Sequence;
  /** Columns of the newest schema in source order, then those the source has dropped. */
  readonly columns: readonly StoredColumn[];
  /** Names of the key columns in key order; never empty. */
  readonly key: readonly string[];
  /** Changes up to here are folded into the state. */
  readonly watermark: Sequence;
  /** Commit time of the watermark: no later change was committed before it. For warehouses that skip by time. */
  readonly watermarkAtUs?: number;
  /** As the warehouse shows them, by the names of {@link columns}. Absent when there are none. */
  readonly comments?: TableComments;
}

/**
 * Columns of the physical tables beside the source's own. The changelog has all of them, the state
 * `seq` and `inexact`.
 */
export const META = {
  seq: '_cdc_seq',
  op: '_cdc_op',
  committedAt: '_cdc_committed_at',
  ingestedAt: '_cdc_ingested_at',
  position: '_cdc_position',
  schemaId: '_cdc_schema_id',
  /** JSON object column → original text, or NULL. */
  inexact: '_cdc_inexact',
} as const;

/** The struct that stands last in the changelog's view. */
export const CDC_STRUCT = '_cdc';

/** A source column may have none of these names. */
export const RESERVED_COLUMNS: ReadonlySet<string> = new Set([CDC_STRUCT, ...Object.values(META)]);

/** Where everything that is not for analysts lives. */
export const INTERNAL_SCHEMA = '_sluice';

/** What the names of a table's views end in; the plain name is that of the source. */
export const VIEW_SUFFIXES = ['', '__changes', '__history', '__as_of', '__latest'] as const;

export type ViewSuffix = (typeof VIEW_SUFFIXES)[number];
