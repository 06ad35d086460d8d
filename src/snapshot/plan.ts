import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';

/**
 * What snapshots still have to do, table by table in the order they will be read. Finished tables
 * leave the plan; an empty plan means no snapshot runs. JSON-plain.
 */
export interface SnapshotPlan {
  readonly v: 1;
  readonly tables: readonly SnapshotTable[];
  /** Tables and rows finished since the plan was last empty, for progress. */
  readonly finishedTables: number;
  readonly finishedRows: number;
  /** Every request that is under way, and the latest that are finished: those no table names any more. */
  readonly requests: readonly SnapshotTally[];
}

/** What has been read for one request so far. */
export interface SnapshotTally {
  readonly snapshotId: string;
  readonly tables: number;
  readonly rows: number;
}

/** The copy that is due of one table. */
export interface SnapshotTable {
  readonly table: TableName;
  /** The request this table is read for; several may be under way at once. */
  readonly snapshotId: string;
  /** Earlier requests that the same reading answers. */
  readonly alsoFor?: readonly string[];
  /**
   * `sweep` also deletes live keys that neither the copy nor the stream has seen since it began;
   * `initial` is for a table that downstream has never held. `requested` is of earlier versions,
   * which did not sweep then.
   */
  readonly mode: 'initial' | 'requested' | 'sweep';
  /** Sequence at which this copy was asked for: it covers what happened before, and a live key older than this is swept. */
  readonly beganAt: Sequence;
  readonly startedAtMs: number;
  /** Key of the last emitted row as SQL literals (see chunk-reader.ts); absent before the first chunk. */
  readonly cursor?: readonly string[];
  readonly rows: number;
  /** From the server's statistics, for progress only. */
  readonly estimatedRows: number;
  /**
   * Rows were removed without row events since this copy began, perhaps rows that it had emitted:
   * the table is read once more when it has ended, for this request.
   */
  readonly again?: Pick<SnapshotTable, 'snapshotId' | 'beganAt' | 'startedAtMs'>;
}

/** What one request puts into the plan for each of its tables. */
export interface SnapshotRequest {
  readonly snapshotId: string;
  readonly mode: 'initial' | 'sweep';
  readonly beganAt: Sequence;
  readonly startedAtMs: number;
}

/** Finished requests that stay on record, so that their end can be told again after a crash. */
const REMEMBERED = 32;

export function emptyPlan(): SnapshotPlan {
  return { v: 1, tables: [], finishedTables: 0, finishedRows: 0, requests: [] };
}

/** The first table of the plan that is ready to be read. */
export function nextTable(
  plan: SnapshotPlan,
  isReady: (table: TableName) => boolean = () => true,
): SnapshotTable | undefined {
  return plan.tables.find(({ table }) => isReady(table));
}

/** The latest requests that have nothing left to read, in the order of their ends. */
export function finishedRequests({ tables, requests }: SnapshotPlan): readonly SnapshotTally[] {
  const running = new Set(tables.flatMap(requestsOf));
  return requests.filter(({ snapshotId }) => !running.has(snapshotId));
}

/**
 * Adds tables after those waiting. A table that is in the plan already is read again from its first
 * row: the later request wants everything newer than itself, and what it reads answers the earlier
 * one too. One that had begun goes to the end of the plan, so that a table that is asked for again
 * and again never keeps the others waiting. A sweep survives, since rows may have to go that only
 * the earlier request knows of. A request without tables is finished at once.
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
    mode: former && former.mode !== 'initial' ? 'sweep' : request.mode,
    rows: 0,
    estimatedRows: estimates.get(table) ?? former?.estimatedRows ?? 0,
  });
  const isMoved = ({ table, cursor }: SnapshotTable): boolean =>
    asked.has(table) && cursor !== undefined;
  const kept = base.tables
    .filter((former) => !isMoved(former))
    .map((former) => (asked.has(former.table) ? entry(former.table, former) : former));
  const moved = base.tables.filter(isMoved).map((former) => entry(former.table, former));
  const present = new Set([...kept, ...moved].map(({ table }) => table));
  const added = [...asked].filter((table) => !present.has(table)).map((table) => entry(table));
  return withoutForgotten({
    ...base,
    tables: [...kept, ...moved, ...added],
    requests: withTally(plan, request.snapshotId),
  });
}

/**
 * Asks for a copy because rows were removed and none was changed: one that has begun goes on, and
 * the table is read once more after it.
 */
export function addAfterRemoval(
  plan: SnapshotPlan,
  table: TableName,
  request: SnapshotRequest,
): SnapshotPlan {
  const former = plan.tables.find((entry) => entry.table === table);
  if (former?.cursor === undefined) return addTables(plan, [table], request);
  const { snapshotId, beganAt, startedAtMs } = request;
  const again = { snapshotId, beganAt, startedAtMs };
  const tables = plan.tables.map((entry) => (entry === former ? { ...former, again } : entry));
  return { ...plan, tables, requests: withTally(plan, snapshotId) };
}

/**
 * Begins every copy anew, with a sweep: what had been read before a break of continuity says nothing
 * of what was missed.
 */
export function restarted(plan: SnapshotPlan, beganAt: Sequence): SnapshotPlan {
  const tables = plan.tables.map(({ cursor: _, again: __, ...entry }) => ({
    ...entry,
    mode: 'sweep' as const,
    beganAt,
    rows: 0,
  }));
  return { ...plan, tables };
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

/** The table leaves the plan, or begins once more; `rows` are those of its last chunk. */
export function finishTable(plan: SnapshotPlan, table: TableName, rows: number): SnapshotPlan {
  const done = plan.tables.find((entry) => entry.table === table);
  if (!done) return plan;
  const read = done.rows + rows;
  const credited = new Set([done.snapshotId, ...(done.alsoFor ?? [])]);
  return withoutForgotten({
    v: 1,
    tables: [...plan.tables.filter((entry) => entry !== done), ...onceMore(done)],
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

function onceMore({ table, again, estimatedRows }: SnapshotTable): readonly SnapshotTable[] {
  return again ? [{ table, ...again, mode: 'sweep', rows: 0, estimatedRows }] : [];
}

/** Takes a table out of the plan that cannot be read any more; its requests are answered without it. */
export function removeTable(plan: SnapshotPlan, table: TableName): SnapshotPlan {
  const entry = plan.tables.find((each) => each.table === table);
  if (!entry) return plan;
  return withoutForgotten({ ...plan, tables: plan.tables.filter((each) => each !== entry) });
}

/** Drops what is left of one request; a table that another one wants too stays for that. */
export function cancelSnapshot(plan: SnapshotPlan, snapshotId: string): SnapshotPlan {
  const tables = plan.tables.flatMap((entry) => {
    if (entry.again?.snapshotId === snapshotId) return [entry];
    const others = [entry.snapshotId, ...(entry.alsoFor ?? [])].filter((id) => id !== snapshotId);
    const [reader, ...alsoFor] = others;
    return reader === undefined ? onceMore(entry) : [{ ...entry, snapshotId: reader, alsoFor }];
  });
  return {
    ...plan,
    tables,
    requests: plan.requests.filter((tally) => tally.snapshotId !== snapshotId),
  };
}

const requestsOf = ({ snapshotId, alsoFor = [], again }: SnapshotTable): readonly string[] => [
  snapshotId,
  ...alsoFor,
  ...(again ? [again.snapshotId] : []),
];

function withoutForgotten(plan: SnapshotPlan): SnapshotPlan {
  const forgotten = new Set(finishedRequests(plan).slice(0, -REMEMBERED));
  if (forgotten.size === 0) return plan;
  return { ...plan, requests: plan.requests.filter((tally) => !forgotten.has(tally)) };
}
