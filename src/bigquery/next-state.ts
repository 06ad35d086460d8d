import type { BatchEffects } from './batch-effects.ts';
import type { TableChange } from './commit-script.ts';
import type { Loaded } from './load-batch.ts';
import type { LoadPlan } from './load-plan.ts';
import type { StoredState } from './metadata.ts';

/** What the checkpoint says after a commit. */
export function nextState(
  state: StoredState,
  plan: LoadPlan,
  { pending }: BatchEffects,
  changes: readonly TableChange[],
): StoredState {
  const offsets = new Map(state.offsets);
  for (const offset of plan.offsets) offsets.set(`${offset.topic}/${offset.partition}`, offset);
  return {
    ...state,
    commit: plan.commit,
    offsets,
    cut: plan.cut ?? state.cut,
    pending,
    tables: withChanges(state, changes),
  };
}

/** What a commit changes about tables, in the order of their names. */
export function tableChanges(
  { tables }: StoredState,
  { statuses, deletedFrom }: BatchEffects,
  files: readonly Loaded[],
): readonly TableChange[] {
  const fileOf = new Map(files.map((file) => [file.table, file]));
  const names = new Set([...fileOf.keys(), ...statuses.keys(), ...deletedFrom]);
  return [...names].sort().map((name) => {
    const file = fileOf.get(name);
    // How many keys a truncate ends is not known here; that there are some is.
    const addedRows = (file?.rows ?? 0) + (deletedFrom.has(name) ? 1 : 0);
    const before = statuses.get(name) ?? tables.get(name)?.table.status ?? 'consistent';
    return { name, addedRows, status: file && file.refused.length > 0 ? 'gap' : before };
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
