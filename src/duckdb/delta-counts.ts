import type { DuckDBConnection } from '@duckdb/node-api';
import type { TableName } from '../change/table.ts';
import { META, type StoredTable } from '../view/stored-table.ts';
import { duckdbDialect } from './duckdb-dialect.ts';
import type { StoredState } from './metadata.ts';

/** When changes are folded into the state of their table. */
export interface FoldingPolicy {
  /** Below this a view sorts its delta in some 50 ms, and folding would cost as much as the commits. */
  readonly minDeltaRows: number;
  /** Of the rows in the state: folding scans at most about five rows for each that came, however large the table. */
  readonly stateFraction: number;
  /** A quiet table is folded too, so that its last changes need not be looked for in the changelog. */
  readonly maxAgeMs: number;
}

export const DEFAULT_FOLDING: FoldingPolicy = {
  minDeltaRows: 100_000,
  stateFraction: 0.2,
  maxAgeMs: 3_600_000,
};

interface Counts {
  delta: number;
  state: number;
  foldedAtMs: number;
}

/** How many changes of each table are not folded yet, and when folding pays. */
export class DeltaCounts {
  readonly #counts = new Map<TableName, Counts>();
  readonly #policy: FoldingPolicy;
  readonly #openedAtMs: number;

  private constructor(policy: FoldingPolicy, openedAtMs: number) {
    this.#policy = policy;
    this.#openedAtMs = openedAtMs;
  }

  static async read(
    connection: DuckDBConnection,
    { tables }: StoredState,
    policy: FoldingPolicy,
    nowMs: number,
  ): Promise<DeltaCounts> {
    const counts = new DeltaCounts(policy, nowMs);
    for (const table of tables.values())
      counts.#counts.set(table.name, { ...(await count(connection, table)), foldedAtMs: nowMs });
    return counts;
  }

  added(table: TableName, rows: number): void {
    const counts = this.#counts.get(table);
    if (counts) counts.delta += rows;
    else this.#counts.set(table, { delta: rows, state: 0, foldedAtMs: this.#openedAtMs });
  }

  /** Tables to fold now, who has waited longest first. Without a newer cut than the last fold there is nothing to gain. */
  due({ tables, cut }: StoredState, nowMs: number): readonly TableName[] {
    if (!cut) return [];
    const { minDeltaRows, stateFraction, maxAgeMs } = this.#policy;
    const due = [...tables.values()].flatMap(({ name, watermark }) => {
      const counts = this.#counts.get(name);
      if (!counts || counts.delta === 0 || watermark === cut.lastSequence) return [];
      const { delta, state, foldedAtMs } = counts;
      const large = delta > Math.max(minDeltaRows, state * stateFraction);
      return large || nowMs - foldedAtMs > maxAgeMs ? [{ name, foldedAtMs }] : [];
    });
    return due.sort((one, other) => one.foldedAtMs - other.foldedAtMs).map(({ name }) => name);
  }

  async recount(
    connection: DuckDBConnection,
    { tables }: StoredState,
    name: TableName,
    nowMs: number,
  ): Promise<void> {
    const table = tables.get(name);
    if (table) this.#counts.set(name, { ...(await count(connection, table)), foldedAtMs: nowMs });
  }
}

async function count(
  connection: DuckDBConnection,
  table: StoredTable,
): Promise<{ readonly delta: number; readonly state: number }> {
  const delta = `SELECT count(*) FROM ${duckdbDialect.changes(table)} AS c WHERE c.${META.seq} > ${duckdbDialect.sequence(table.watermark)}`;
  const state = `SELECT count(*) FROM ${duckdbDialect.state(table)}`;
  const reader = await connection.runAndReadAll(`SELECT (${delta}), (${state})`);
  const [row] = reader.getRowsJson();
  return { delta: Number(row?.[0]), state: Number(row?.[1]) };
}
