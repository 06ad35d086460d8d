import type { DuckDBConnection } from '@duckdb/node-api';
import type { TableName } from '../change/table.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { physicalColumns } from '../view/table-form.ts';
import { CATALOG } from './names.ts';
import { CHANGES_META } from './table-plan.ts';

/** A vector of 2,048 values of 16 bytes: what a column of few rows has in memory until a checkpoint. */
const BLOCK_BYTES = 32 << 10;
/** Of the tables that one commit has rows of: about a hundred of a dozen columns, whose blocks it needs. */
export const MAX_BATCH_COLUMNS = 1_200;

/**
 * What DuckDB keeps in memory of tables that were written since the last checkpoint: a block a column,
 * however few the rows. It is too small to be spilled, so that some hundreds of tables with a row each
 * take all there is; a checkpoint writes it to the file and gives it back. DuckDB itself makes one when
 * its log has grown, which says nothing of the number of tables. One costs some milliseconds a table,
 * so that it is made only where it has to be.
 */
export class HeldBlocks {
  readonly #maxBytes: number;
  readonly #columns = new Map<TableName, number>();
  #bytes = 0;

  /** @param mostMb  what DuckDB may take for everything: other work is left half of it */
  constructor(mostMb: number) {
    this.#maxBytes = (mostMb / 2) * (1 << 20);
  }

  /** Rows of these tables have been committed. */
  written(tables: readonly StoredTable[]): void {
    for (const table of tables) {
      const columns = physicalColumns(table).length + CHANGES_META.length;
      this.#bytes += (columns - (this.#columns.get(table.name) ?? 0)) * BLOCK_BYTES;
      this.#columns.set(table.name, columns);
    }
  }

  get areMany(): boolean {
    return this.#bytes > this.#maxBytes;
  }

  /** Outside a transaction. @returns whether there may be more memory than before */
  async release(connection: DuckDBConnection): Promise<boolean> {
    if (this.#bytes === 0) return false;
    try {
      await connection.run(`CHECKPOINT ${CATALOG}`);
    } catch {
      // A query is under way: it is made another time, and until then there is what memory there is.
      return false;
    }
    this.#columns.clear();
    this.#bytes = 0;
    return true;
  }
}
