import type { RowsEvent } from '../binlog/event.ts';
import type { Checkpoint } from '../change/checkpoint.ts';
import { type TableName, tableName } from '../change/table.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';

/** Something in the log that would have to be guessed or skipped; the pipeline stops instead. */
export function unsupported(what: string, fix?: string): SluiceError {
  return new SluiceError(
    'binlog.unsupported',
    `The log holds ${what}.${fix === undefined ? '' : ` Fix: ${fix}.`}`,
  );
}

/** Rows whose columns have no names, or names that cannot be read: the decoder knows which. */
export function unnamed(event: RowsEvent, at: string): SluiceError {
  const table = tableName(event.table.id);
  try {
    event.read();
  } catch (error) {
    if (error instanceof SluiceError)
      return new SluiceError(error.code, `${table} at ${at}: ${error.message}`, {
        cause: error,
        facts: { ...error.facts, table, position: at },
      });
  }
  throw new InvariantBroken(`rows of ${table} at ${at} have no schema and yet could be read`);
}

/** A value that is missing from a row image is not NULL; downstream could not tell. */
export function partialImage(table: TableName): SluiceError {
  return unsupported(
    `a partial row image of ${table} (binlog_row_image is not FULL in some session)`,
    "SET PERSIST binlog_row_image = 'FULL'",
  );
}

/** One prefix, one pipeline: two of them would overwrite each other's positions. */
export function refuseForeignOwner(
  checkpoint: Checkpoint | undefined,
  { prefix, owner }: { readonly prefix: string; readonly owner: string },
): void {
  if (!checkpoint || checkpoint.owner === owner) return;
  throw new SluiceError(
    'pipeline.foreign-owner',
    `Topic prefix ${prefix} belongs to pipeline ${checkpoint.owner}, not to ${owner}. Give this pipeline a prefix of its own.`,
    { facts: { prefix, owner: checkpoint.owner } },
  );
}
