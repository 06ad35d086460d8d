import type { SnapshotPlan, SnapshotTable } from '../change/checkpoint.ts';
import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';

/** What one request puts into the plan for each of its tables. */
export interface SnapshotRequest {
  readonly snapshotId: string;
  readonly mode: SnapshotTable['mode'];
  readonly beganAt: Sequence;
  readonly startedAtMs: number;
}

export function emptyPlan(): SnapshotPlan {
  return { v: 1, tables: [], finishedTables: 0, finishedRows: 0 };
}

export function nextTable(plan: SnapshotPlan): SnapshotTable | undefined {
  return plan.tables[0];
}

/**
 * Adds tables behind those waiting. A table that is in the plan already is read again from its
 * first row, at the place it has: the later request wants everything newer than itself. Its sweep
 * survives, since rows may have to go that only the earlier request knows of.
 */
export function addTables(
  plan: SnapshotPlan,
  tables: readonly TableName[],
  request: SnapshotRequest,
  estimates: ReadonlyMap<TableName, number> = new Map(),
): SnapshotPlan {
  const base = plan.tables.length === 0 ? emptyPlan() : plan;
  const asked = new Set(tables);
  const entry = (table: TableName, former?: SnapshotTable): SnapshotTable => ({
    table,
    ...request,
    mode: former?.mode === 'sweep' ? 'sweep' : request.mode,
    rows: 0,
    estimatedRows: estimates.get(table) ?? former?.estimatedRows ?? 0,
  });
  const kept = base.tables.map((former) =>
    asked.has(former.table) ? entry(former.table, former) : former,
  );
  const present = new Set(kept.map(({ table }) => table));
  const added = [...asked].filter((table) => !present.has(table)).map((table) => entry(table));
  return { ...base, tables: [...kept, ...added] };
}

/** The first table's cursor moves behind an emitted chunk. */
export function advanceTable(
  plan: SnapshotPlan,
  table: TableName,
  cursor: readonly string[],
  rows: number,
): SnapshotPlan {
  const tables = plan.tables.map((entry) =>
    entry.table === table ? { ...entry, cursor, rows: entry.rows + rows } : entry,
  );
  return { ...plan, tables };
}

/** The table leaves the plan; `rows` are those of its last chunk. */
export function finishTable(plan: SnapshotPlan, table: TableName, rows: number): SnapshotPlan {
  const done = plan.tables.find((entry) => entry.table === table);
  if (!done) return plan;
  return {
    v: 1,
    tables: plan.tables.filter((entry) => entry !== done),
    finishedTables: plan.finishedTables + 1,
    finishedRows: plan.finishedRows + done.rows + rows,
  };
}

/** Drops what is left of one request. */
export function cancelSnapshot(plan: SnapshotPlan, snapshotId: string): SnapshotPlan {
  return { ...plan, tables: plan.tables.filter((entry) => entry.snapshotId !== snapshotId) };
}
