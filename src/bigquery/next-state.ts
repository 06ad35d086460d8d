import type { TableRows } from '../sink/destination.ts';
import type { BatchEffects } from './batch-effects.ts';
import type { TableChange } from './commit-script.ts';
import type { Loaded } from './load-batch.ts';
import type { LoadPlan } from './load-plan.ts';
import type { StoredState } from './metadata.ts';
import type { StopChanges } from './move-stops.ts';
import type { Obstacle } from './table-stop.ts';

/** What the checkpoint says after a commit. Offsets of a table that has met an obstacle stay where they were. */
export function nextState(
  state: StoredState,
  plan: LoadPlan,
  { pending }: BatchEffects,
  changes: readonly TableChange[],
  rows: readonly TableRows[],
  { stays }: StopChanges,
  obstacles: readonly Obstacle[],
): StoredState {
  const offsets = new Map(state.offsets);
  const frozen = new Set(obstacles.map(({ topic }) => topic));
  for (const offset of plan.offsets)
    if (!frozen.has(offset.topic)) offsets.set(`${offset.topic}/${offset.partition}`, offset);
  return {
    ...state,
    commit: plan.commit,
    offsets,
    cut: plan.cut ?? state.cut,
    pending,
    stopped: stays,
    newest: newestOf(state, rows),
    tables: withChanges(state, changes),
  };
}

function newestOf({ newest }: StoredState, tables: readonly TableRows[]): StoredState['newest'] {
  let last = newest;
  for (const { rows } of tables)
    for (const { seq } of rows) if (last === undefined || seq > last) last = seq;
  return last;
}

/** What a commit changes about tables, in the order of their names. */
export function tableChanges(
  { tables }: StoredState,
  { statuses, deletedFrom }: BatchEffects,
  files: readonly Loaded[],
  { stays }: Pick<StopChanges, 'stays'>,
): readonly TableChange[] {
  const fileOf = new Map(files.map((file) => [file.table, file]));
  const names = new Set([...fileOf.keys(), ...statuses.keys(), ...deletedFrom]);
  return [...names].sort().flatMap((name) => {
    const file = fileOf.get(name);
    // How many keys a truncate ends is not known here; that there are some is.
    const addedRows = (file?.rows ?? 0) + (deletedFrom.has(name) ? 1 : 0);
    const known = tables.get(name)?.table.status ?? 'consistent';
    const before = statuses.get(name) ?? known;
    const hasGap = file !== undefined && file.refused.length > 0 && !stays.has(name);
    const status = hasGap ? 'gap' : before;
    return addedRows === 0 && status === known ? [] : [{ name, addedRows, status }];
  });
}

function withChanges(
  { tables }: StoredState,
  changes: readonly TableChange[],
): StoredState['tables'] {
  const next = new Map(tables);
  for (const { name, addedRows, status } of changes) {
    const entry = next.get(name);
    if (!entry) continue;
    const table = { ...entry.table, status };
    next.set(name, { ...entry, table, deltaRows: entry.deltaRows + addedRows });
  }
  return next;
}
