import type { SnapshotPlan, SnapshotTable, SnapshotTally } from '../change/checkpoint.ts';
import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';

/** What one request puts into the plan for each of its tables. */
export interface SnapshotRequest {
  readonly snapshotId: string;
  readonly mode: SnapshotTable['mode'];
  readonly beganAt: Sequence;
  readonly startedAtMs: number;
}

/** Finished requests that stay on record, so that their end can be told again after a crash. */
const REMEMBERED = 32;

export function emptyPlan(): SnapshotPlan {
  return { v: 1, tables: [], finishedTables: 0, finishedRows: 0, requests: [] };
}

export function nextTable(plan: SnapshotPlan): SnapshotTable | undefined {
  return plan.tables[0];
}

/** The latest requests that have nothing left to read, in the order of their ends. */
export function finishedRequests({ tables, requests }: SnapshotPlan): readonly SnapshotTally[] {
  const running = new Set(tables.flatMap(requestsOf));
  return requests.filter(({ snapshotId }) => !running.has(snapshotId));
}

/**
 * Adds tables behind those waiting. A table that is in the plan already is read again from its
 * first row, at the place it has: the later request wants everything newer than itself, and what it
 * reads answers the earlier one too. A sweep survives, since rows may have to go that only the
 * earlier request knows of. A request without tables is finished at once.
 */
export function addTables(
  plan: SnapshotPlan,
  tables: readonly TableName[],
  request: SnapshotRequest,
  estimates: ReadonlyMap<TableName, number> = new Map(),
): SnapshotPlan {
  const { requests } = plan;
  const base = plan.tables.length === 0 ? { ...emptyPlan(), requests } : plan;
  const asked = new Set(tables);
  const entry = (table: TableName, former?: SnapshotTable): SnapshotTable => ({
    table,
    ...request,
    ...(former ? { alsoFor: requestsOf(former) } : {}),
    mode: former?.mode === 'sweep' ? 'sweep' : request.mode,
    rows: 0,
    estimatedRows: estimates.get(table) ?? former?.estimatedRows ?? 0,
  });
  const kept = base.tables.map((former) =>
    asked.has(former.table) ? entry(former.table, former) : former,
  );
  const present = new Set(kept.map(({ table }) => table));
  const added = [...asked].filter((table) => !present.has(table)).map((table) => entry(table));
  return withoutForgotten({
    ...base,
    tables: [...kept, ...added],
    requests: withTally(plan, request.snapshotId),
  });
}

/** An id that comes again after its end is another request. */
function withTally(plan: SnapshotPlan, snapshotId: string): readonly SnapshotTally[] {
  const others = plan.requests.filter((tally) => tally.snapshotId !== snapshotId);
  const running = plan.tables.some((entry) => requestsOf(entry).includes(snapshotId));
  const former = plan.requests.find((tally) => tally.snapshotId === snapshotId);
  return [...others, running && former ? former : { snapshotId, tables: 0, rows: 0 }];
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
  const read = done.rows + rows;
  const credited = new Set(requestsOf(done));
  return withoutForgotten({
    v: 1,
    tables: plan.tables.filter((entry) => entry !== done),
    finishedTables: plan.finishedTables + 1,
    finishedRows: plan.finishedRows + read,
    requests: [
      ...plan.requests.filter(({ snapshotId }) => !credited.has(snapshotId)),
      ...plan.requests
        .filter(({ snapshotId }) => credited.has(snapshotId))
        .map((tally) => ({ ...tally, tables: tally.tables + 1, rows: tally.rows + read })),
    ],
  });
}

/** Drops what is left of one request; a table that another one wants too stays for that. */
export function cancelSnapshot(plan: SnapshotPlan, snapshotId: string): SnapshotPlan {
  const tables = plan.tables.flatMap((entry) => {
    const others = requestsOf(entry).filter((id) => id !== snapshotId);
    const [reader, ...alsoFor] = others;
    return reader === undefined ? [] : [{ ...entry, snapshotId: reader, alsoFor }];
  });
  return {
    ...plan,
    tables,
    requests: plan.requests.filter((tally) => tally.snapshotId !== snapshotId),
  };
}

const requestsOf = ({ snapshotId, alsoFor = [] }: SnapshotTable): readonly string[] => [
  snapshotId,
  ...alsoFor,
];

function withoutForgotten(plan: SnapshotPlan): SnapshotPlan {
  const forgotten = new Set(finishedRequests(plan).slice(0, -REMEMBERED));
  if (forgotten.size === 0) return plan;
  return { ...plan, requests: plan.requests.filter((tally) => !forgotten.has(tally)) };
}
