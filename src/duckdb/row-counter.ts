import type { DuckDBConnection } from '@duckdb/node-api';
import type { TableName } from '../change/table.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { isDroppedAt } from '../view/table-form.ts';
import { duckdbDialect } from './duckdb-dialect.ts';
import type { StoredState } from './metadata.ts';

/** Counting takes at most this part of the time, however large the tables are. */
const MAX_TIME_FRACTION = 0.02;

/** Rows as the views show them, counted again when the cut has moved and enough time has passed. */
export class RowCounter {
  readonly #connection: DuckDBConnection;
  readonly #nowMs: () => number;
  #counts: ReadonlyMap<TableName, number> = new Map();
  #countedCut: string | undefined;
  #notBeforeMs = 0;

  constructor(connection: DuckDBConnection, nowMs: () => number) {
    this.#connection = connection;
    this.#nowMs = nowMs;
  }

  async counts({ tables, cut }: StoredState): Promise<ReadonlyMap<TableName, number>> {
    const startedAtMs = this.#nowMs();
    if (cut?.lastSequence === this.#countedCut || startedAtMs < this.#notBeforeMs)
      return this.#counts;
    const counts = new Map<TableName, number>();
    for (const table of tables.values())
      if (!isDroppedAt(table, cut?.lastSequence)) counts.set(table.name, await this.#count(table));
    const spentMs = this.#nowMs() - startedAtMs;
    this.#counts = counts;
    this.#countedCut = cut?.lastSequence;
    this.#notBeforeMs = startedAtMs + spentMs / MAX_TIME_FRACTION;
    return counts;
  }

  async #count(table: StoredTable): Promise<number> {
    const view = duckdbDialect.view(table, '');
    const reader = await this.#connection.runAndReadAll(`SELECT count(*) FROM ${view}`);
    return Number(reader.getRowsJson()[0]?.[0]);
  }
}
