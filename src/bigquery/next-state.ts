import type { TableName } from '../change/table.ts';
import type { ControlEffects } from '../sink/control-effects.ts';
import type { TableRows } from '../sink/destination.ts';
import type { StopChanges } from '../sink/move-stops.ts';
import type { Topic } from '../topic/topic-name.ts';
import type { AddedRows } from './commit-script.ts';
import type { Loaded } from './load-batch.ts';
import type { LoadPlan } from './load-plan.ts';
import type { StoredState } from './metadata.ts';

/** What a commit has done. */
export interface Committed {
  readonly plan: LoadPlan;
  readonly effects: ControlEffects;
  readonly stops: StopChanges;
  readonly added: readonly AddedRows[];
  readonly rows: readonly TableRows[];
  /** Topics of tables that have met an obstacle: their offsets stay where they were. */
  readonly frozen: ReadonlySet<Topic>;
}

/** What the checkpoint says after a commit. */
export function nextState(
  state: StoredState,
  { plan, effects, stops, added, rows, frozen }: Committed,
): StoredState {
  const offsets = new Map(state.offsets);
  for (const offset of plan.offsets)
    if (!frozen.has(offset.topic)) offsets.set(`${offset.topic}/${offset.partition}`, offset);
  return {
    ...state,
    commit: plan.commit,
    offsets,
    cut: plan.cut ?? state.cut,
    pending: effects.pending,
    continuity: effects.continuity,
    stopped: stops.stays,
    newest: newestOf(state, rows),
    tables: withRows(state, added),
  };
}

function newestOf({ newest }: StoredState, tables: readonly TableRows[]): StoredState['newest'] {
  let last = newest;
  for (const { rows } of tables)
    for (const { seq } of rows) if (last === undefined || seq > last) last = seq;
  return last;
}

/** Rows that a commit puts into changelogs, in the order of the tables' names. */
export function addedRows(
  files: readonly Loaded[],
  deletedFrom: ReadonlySet<TableName>,
): readonly AddedRows[] {
  const rowsOf = new Map(files.map((file) => [file.table, file.rows]));
  const names = new Set([...rowsOf.keys(), ...deletedFrom]);
  return [...names].sort().flatMap((name) => {
    // How many keys a truncate ends is not known here; that there are some is.
    const rows = (rowsOf.get(name) ?? 0) + (deletedFrom.has(name) ? 1 : 0);
    return rows === 0 ? [] : [{ name, rows }];
  });
}

function withRows({ tables }: StoredState, added: readonly AddedRows[]): StoredState['tables'] {
  const next = new Map(tables);
  for (const { name, rows } of added) {
    const entry = next.get(name);
    if (entry) next.set(name, { ...entry, deltaRows: entry.deltaRows + rows });
  }
  return next;
}
