import type { Sequence } from '../change/sequence.ts';
import type { SchemaId, TableComments, TableId, TableName } from '../change/table.ts';

export { BEFORE_ALL } from '../change/sequence.ts';

/** A column of the physical tables. JSON-plain, as all of this file: it is stored beside the tables it describes. */
export interface PhysicalColumn {
  readonly name: string;
  /** The warehouse's type. */
  readonly type: string;
  /** What rows show that are older than the column. */
  readonly initial?: InitialValue;
}

/** The constant that rows from before an ADD COLUMN have in it. */
export interface InitialValue {
  /** Rows with a smaller sequence have it. */
  readonly before: Sequence;
  /** An SQL expression without column names. */
  readonly value: string;
}

/** A column of the source. */
export interface StoredColumn extends PhysicalColumn {
  /** As views show it. */
  readonly name: string;
  /** The name that the warehouse would give it, when another column of the table is called so there. */
  readonly wanted?: string;
  /** Values may exist that the type cannot hold; their text is then in `_cdc_inexact`. */
  readonly mayBeInexact: boolean;
  /** Name in the physical tables, when it is not the one that views show. */
  readonly stored?: string;
  /**
   * Columns that took its values before its type changed to one that they cannot be altered to,
   * newest first. A row has its value in one of them at most.
   */
  readonly earlier?: readonly PhysicalColumn[];
  /** Of a closed column, what people had written about it. */
  readonly comment?: string;
  /** It takes the place of a closed column until the next schema says whether there is one. */
  readonly presumed?: true;
}

/** Rows are told apart by one key from a sequence on. Those of two generations are never the same row. */
export interface KeyGeneration {
  /** Rows with a greater sequence, up to where the next generation begins, belong to it. */
  readonly after: Sequence;
  /** The key columns by their {@link StoredColumn} identity, in key order. */
  readonly key: readonly string[];
  /** Commit time of where it begins, where known. */
  readonly committedAtUs?: number;
}

/** What a table's columns are, and which make its key, from some sequence on. */
export interface TableForm {
  /** The schema, and the sequence it is known since. */
  readonly schemaId: SchemaId;
  readonly schemaSince: Sequence;
  /** Columns of the source, in its order. In warehouses of earlier versions also those it had dropped. */
  readonly columns: readonly StoredColumn[];
  /**
   * Columns whose values the source does not have any more, oldest first: changelog and history show
   * them, under a name that is free. Absent in warehouses of earlier versions.
   */
  readonly closed?: readonly StoredColumn[];
  /** Names of the key columns in key order; empty only when the table is dropped. */
  readonly key: readonly string[];
  /** Oldest first. Absent while the key has not changed. */
  readonly generations?: readonly KeyGeneration[];
  /** As the warehouse shows them, by the names of {@link columns}. Absent when there are none. */
  readonly comments?: TableComments;
  /** The source has no such table: what shows present rows is gone, and what shows changes stays. */
  readonly dropped?: true;
}

/** A form that the table had up to some sequence. */
export interface EarlierForm extends TableForm {
  /** Rows with a smaller sequence have this form, and so have views at a cut before it. */
  readonly until: Sequence;
}

/**
 * A source table as the warehouse keeps it: a changelog that takes every change, a state that holds
 * the present rows as of the watermark, and views over both. Its form is the newest.
 */
export interface StoredTable extends TableForm {
  readonly name: TableName;
  readonly id: TableId;
  /** Decided when the table appears. Absent in warehouses of earlier versions. */
  readonly names?: RelationNames;
  /** What its views are called at cuts before, oldest first. Absent when nothing else. */
  readonly earlierNames?: readonly EarlierNames[];
  /** Forms that rows may still come for, or that views still show, oldest first. */
  readonly earlierForms?: readonly EarlierForm[];
  /** Of the newest record of changed columns or of a drop that the form takes in. */
  readonly columnsSince?: Sequence;
  /** Constants of columns that no schema has had yet. */
  readonly awaited?: readonly AwaitedDefault[];
  /** Absent when the warehouse has all of the form. */
  readonly unmade?: UnmadeForm;
  /** Changes up to here are folded into the state. */
  readonly watermark: Sequence;
  /** Commit time of the watermark: no later change was committed before it. For warehouses that skip by time. */
  readonly watermarkAtUs?: number;
  /**
   * Commit time since which the changelog is whole; of what came before it has each row that lived
   * then. Absent while nothing has expired.
   */
  readonly changesSinceUs?: number;
}

/**
 * What a warehouse has refused of a form. The table has stopped, and its columns and views are made
 * before it goes on.
 */
export interface UnmadeForm {
  /** Sequence of the record that needs the form. */
  readonly since: Sequence;
  /** What the physical tables surely have; where they are not changed by transactions, perhaps more. */
  readonly columns: readonly PhysicalColumn[];
}

/** What the relations of a table are called. */
export interface RelationNames {
  /** Schema or dataset of its views. */
  readonly schema: string;
  /** Of the view of its rows; the names of the views beside it begin with it. */
  readonly view: string;
  /** What the names of its physical tables begin with. */
  readonly storage: string;
}

export interface EarlierNames {
  /** At cuts before this sequence; without names nothing is shown of the table there. */
  readonly until: Sequence;
  readonly names?: RelationNames;
}

/** A column of this name, as the source spells it, has the constant in rows before the sequence. */
export interface AwaitedDefault {
  readonly name: string;
  /** JSON text, as the image of a row has it. */
  readonly value: string;
  readonly before: Sequence;
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
  /**
   * JSON object column → original text of a value that the column cannot hold, or the bytes, as
   * `0x4181`, of one that is no text; NULL when there are none.
   */
  inexact: '_cdc_inexact',
} as const;

/** The struct that stands last in the changelog's view, where no column of the source has its name. */
export const CDC_STRUCT = '_cdc';

/** A column of the history's sub-query. */
export const NEXT_COMMITTED_AT = '_cdc_next_committed_at';

/** A column of the source that is called like one of these has another name in the physical tables. */
export const PHYSICAL_NAMES_TAKEN: ReadonlySet<string> = new Set([
  ...Object.values(META),
  NEXT_COMMITTED_AT,
  'rowid',
]);

/** Where everything that is not for analysts lives. */
export const INTERNAL_SCHEMA = '_sluice';

/** What the names of a table's views end in; the plain name is that of the source. */
export const VIEW_SUFFIXES = ['', '__changes', '__history', '__as_of', '__latest'] as const;

export type ViewSuffix = (typeof VIEW_SUFFIXES)[number];
