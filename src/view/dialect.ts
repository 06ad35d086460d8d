import type { Sequence } from '../change/sequence.ts';
import type { TableComments } from '../change/table.ts';
import type { RelationNames, StoredColumn, StoredTable, ViewSuffix } from './stored-table.ts';

/**
 * What differs between the warehouses in the SQL of src/view. Everything else, QUALIFY among it, is
 * written the same in both.
 */
export interface Dialect {
  /** The table that takes every change. */
  readonly changes: (table: NamedTable) => string;
  /** The table of the rows as of the watermark. */
  readonly state: (table: NamedTable) => string;
  /** The view of a source table, or one beside it whose name ends in the suffix. */
  readonly view: (table: NamedTable, suffix: ViewSuffix) => string;
  /** The same of a table with these names. */
  readonly relation: (names: RelationNames, suffix: ViewSuffix) => string;
  /** What the warehouse has beside each other for a table. */
  readonly suffixes: readonly ViewSuffix[];
  /** Query for the last sequence of the published cut, in its stored form. */
  readonly cut: string;
  /** A value of one physical type as one of another that holds it. */
  readonly convert: (expression: string, from: string, to: string) => string;
  /** A constant as a value of a physical type. */
  readonly typed: (constant: string, type: string) => string;
  /** The value of a key column, where rows are grouped by it. */
  readonly groupable: (column: StoredColumn, value: string) => string;
  /** Whether two values of a key column are the same. */
  readonly isSame: (a: string, b: string) => string;
  /**
   * Condition, with AND before it, that lets the warehouse skip what was committed before a time,
   * in microseconds since 1970; of all times without one. Empty where it skips by sequence already.
   */
  readonly committedSince: (alias: string, us: number | undefined) => string;
  /** How rows without a match are asked for: BigQuery takes a correlated sub-query only where it can undo it. */
  readonly antiJoin: 'notExists' | 'leftJoin';
  /** Quotes one name, whatever is in it. */
  readonly identifier: (name: string) => string;
  readonly text: (value: string) => string;
  /** A literal that compares with a stored sequence. */
  readonly sequence: (seq: Sequence) => string;
  /** A stored sequence as its text. */
  readonly sequenceText: (expression: string) => string;
  /** The text of a member of a JSON object; NULL when it is not there. */
  readonly jsonMember: (object: string, member: string) => string;
  /** A literal of microseconds since 1970. */
  readonly timestamp: (us: number) => string;
  readonly asText: (expression: string) => string;
  readonly asTimestamp: (expression: string) => string;
  /** An expression that fails with a message, wherever it is evaluated. */
  readonly fail: (message: string) => string;
  readonly struct: (fields: readonly (readonly [name: string, expression: string])[]) => string;
  /** Statements that make a view, whatever was there before. */
  readonly createView: (
    name: string,
    body: string,
    described: DescribedColumns,
  ) => readonly string[];
  readonly createTableFunction: (name: string, parameter: string, body: string) => string;
  /** Statements that take a view or table function away, if it is there. */
  readonly dropView: (name: string) => string;
  readonly dropTableFunction: (name: string) => string;
}

export type NamedTable = Pick<StoredTable, 'id' | 'name' | 'names'>;

/** What a view shows, for people. */
export interface DescribedColumns {
  /** Every column of the view, in order. */
  readonly columns: readonly string[];
  readonly comments: TableComments | undefined;
}
