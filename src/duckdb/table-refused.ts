import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import type { ErrorCode } from '../errors/catalogue.ts';
import { SluiceError } from '../errors/error.ts';

/** Whether it is about the table's rows, or its columns and views, which then stay what they are. */
export type TablePart = 'rows' | 'form';

/** What DuckDB refuses of one table. The transaction is void; the other tables can do without it. */
export class TableRefused extends Error {
  readonly table: TableName;
  /** Of the newest record that may be in the way. */
  readonly seq: Sequence;
  readonly part: TablePart;
  readonly failure: SluiceError;

  constructor(table: TableName, seq: Sequence, part: TablePart, failure: SluiceError) {
    super(failure.message);
    this.table = table;
    this.seq = seq;
    this.part = part;
    this.failure = failure;
  }
}

/** Kinds of `duckdb.failed` that speak of a statement, not of the file. */
const OF_STATEMENTS = new Set(['Binder', 'Catalog', 'Parser', 'Not implemented', 'Constraint']);

const OF_TABLES = new Set<ErrorCode>([
  'duckdb.value-refused',
  'duckdb.out-of-memory',
  'duckdb.table-refused',
]);

/** Whether a failure of a statement about one table is that table's own. */
export function isOfTable(error: unknown): error is SluiceError {
  if (!(error instanceof SluiceError)) return false;
  if (error.code === 'duckdb.failed') return OF_STATEMENTS.has(String(error.facts['kind']));
  return OF_TABLES.has(error.code);
}

/** Causes that may be gone at the next start: a version, a setting, a name that was taken; earlier versions stopped at another table's name. */
const MAY_PASS = new Set<ErrorCode>([
  'duckdb.failed',
  'duckdb.out-of-memory',
  'duckdb.table-refused',
  'sink.name-collision',
  'sink.schema-conflict',
]);

export const mayPass = (code: ErrorCode): boolean => MAY_PASS.has(code);
