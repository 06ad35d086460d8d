import type { RowChange } from '../binlog/event.ts';
import { type TableId, type TableName, tableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';

/** Something in the log that would have to be guessed or skipped; the pipeline stops instead. */
export function unsupported(what: string, fix?: string): SluiceError {
  return new SluiceError(
    'binlog.unsupported',
    `The log holds ${what}.${fix === undefined ? '' : ` Fix: ${fix}.`}`,
  );
}

export function metadataMissing(table: TableId, at: string): SluiceError {
  return new SluiceError(
    'binlog.metadata-missing',
    `Rows of ${tableName(table)} at ${at} come without column names. Run SET PERSIST binlog_row_metadata = 'FULL' on the source.`,
    { facts: { table: tableName(table), position: at } },
  );
}

/** A value that is missing from a row image is not NULL; downstream could not tell. */
export function refusePartialImage(row: RowChange, table: TableName): void {
  if (row.before?.includes(undefined) || row.after?.includes(undefined))
    throw unsupported(
      `a partial row image of ${table} (binlog_row_image is not FULL in some session)`,
      "SET PERSIST binlog_row_image = 'FULL'",
    );
}
