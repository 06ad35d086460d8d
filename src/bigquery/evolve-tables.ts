import { inLanes } from '../async/lanes.ts';
import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { SinkBatch } from '../sink/destination.ts';
import { tableTopic } from '../topic/topic-name.ts';
import { type EvolutionRules, formAfter, settled } from '../view/evolve-table.ts';
import { type FormChange, formChanges } from '../view/form-change.ts';
import { KnownTables } from '../view/known-tables.ts';
import { BEFORE_ALL, type StoredTable, type TableStatus } from '../view/stored-table.ts';
import { formAt, withoutPassedForms } from '../view/table-form.ts';
import { type BigQueryContext, CONCURRENT_JOBS } from './context.ts';
import { type StoredState, saveDefinition } from './metadata.ts';
import { runScript } from './run-script.ts';
import { bigQueryRules, tableStatements, tableViews } from './table-plan.ts';
import { cutOfTable, type Obstacle } from './table-stop.ts';

interface Evolution {
  readonly from: StoredTable | undefined;
  readonly to: StoredTable;
}

export interface Evolved {
  readonly state: StoredState;
  /** Of tables whose rows no form holds; theirs is what it was. */
  readonly obstacles: readonly Obstacle[];
}

/**
 * Brings tables into the form that the rows of a batch need, before the first of them is sent. What
 * is on record is true whenever this is interrupted: a form is recorded when the table has it.
 */
export async function evolveTables(
  context: BigQueryContext,
  state: StoredState,
  batch: SinkBatch,
): Promise<Evolved> {
  const { targets, obstacles } = targetForms(context, state, batch);
  const changes = targets.map((to) => ({ from: state.tables.get(to.name)?.table, to }));
  if (changes.length === 0) return { state, obstacles };
  await ensureDatasets(context, changes);
  await inLanes(CONCURRENT_JOBS, changes, async ({ from, to }) => {
    const ddl = [
      ...tableStatements(context.layout, context.tables, from, to),
      ...tableViews(context.layout, to, shownCut(state, batch, to.name)),
    ];
    await runScript(context, ddl, `changing the columns of ${to.name}`);
  });
  const records = changes.map(({ from, to }) =>
    saveDefinition(context.layout, to, from === undefined),
  );
  await runScript(context, records, 'recording the columns of tables');
  return { state: changes.reduce((next, { to }) => withForm(next, to), state), obstacles };
}

/** The forms that the batch needs, and what it changes about forms that views show. */
function targetForms(context: BigQueryContext, state: StoredState, batch: SinkBatch): TargetForms {
  const rules = bigQueryRules(context.layout);
  const known = new KnownTables(formsOf(state).values(), rules);
  const targets = new Set<TableName>();
  const changes = formChanges(batch).filter(({ table }) => !isLeftOut(state, batch, table));
  const obstacles = obstaclesIn(context, rules, state, changes);
  for (const change of changes) {
    if (isStopped(state, obstacles, change)) continue;
    const form = formAfter(rules, known, change);
    if (!form || form === known.get(form.name)) continue;
    known.set(form);
    targets.add(form.name);
  }
  const forms = new Map<TableName, StoredTable>();
  for (const name of new Set([...targets, ...state.tables.keys()])) {
    const [from, newest] = [state.tables.get(name)?.table, known.get(name)];
    if (!newest) continue;
    if (!targets.has(name) && !showsOther(newest, state, batch)) continue;
    const cut = cutOfTable(state, name)?.lastSequence;
    const form = settled(cut === undefined ? newest : withoutPassedForms(newest, cut));
    forms.set(name, {
      ...form,
      status: from?.status ?? firstStatus(state, formAt(newest, BEFORE_ALL)),
    });
  }
  return { targets: [...forms.values()], obstacles: [...obstacles.values()] };
}

/** Whether the views of a table take another form with the batch. */
function showsOther(table: StoredTable, state: StoredState, batch: SinkBatch): boolean {
  const { earlierForms = [], name } = table;
  const before = cutOfTable(state, name)?.lastSequence;
  const after = shownCut(state, batch, name);
  return earlierForms.some(
    ({ until }) =>
      (before === undefined || until > before) && after !== undefined && until <= after,
  );
}

/** The cut that the views of a table show when the batch is in, as far as that is known before. */
function shownCut(
  state: StoredState,
  { cut, without }: Pick<SinkBatch, 'cut' | 'without'>,
  name: TableName,
): Sequence | undefined {
  const stop = state.stopped.get(name);
  const stays = stop !== undefined && (without?.includes(stop.topic) ?? false);
  return (stays ? undefined : cut?.lastSequence) ?? cutOfTable(state, name)?.lastSequence;
}

/** A table that is new gets the form it has before what stops it: something has to stand still. */
function isStopped(
  { tables }: StoredState,
  obstacles: ReadonlyMap<TableName, Obstacle>,
  { table: name, since }: FormChange,
): boolean {
  const obstacle = obstacles.get(name);
  return obstacle !== undefined && (tables.has(name) || since >= obstacle.seq);
}

interface TargetForms {
  readonly targets: readonly StoredTable[];
  readonly obstacles: readonly Obstacle[];
}

/** A schema of a table that stands still is met again with its rows. */
function isLeftOut({ stopped }: StoredState, { without }: SinkBatch, name: TableName): boolean {
  const stop = stopped.get(name);
  return stop !== undefined && (without?.includes(stop.topic) ?? false);
}

/**
 * What no form holds, before anything is done. A table whose very first schema cannot be has nothing
 * to stand still with, and stops them all.
 */
function obstaclesIn(
  { prefix }: BigQueryContext,
  rules: EvolutionRules,
  { tables }: StoredState,
  changes: readonly FormChange[],
): ReadonlyMap<TableName, Obstacle> {
  const known = new KnownTables(formsOf({ tables }).values(), rules);
  const obstacles = new Map<TableName, Obstacle>();
  for (const change of changes) {
    const { table: name, since: seq } = change;
    if (obstacles.has(name)) continue;
    try {
      const form = formAfter(rules, known, change);
      if (form) known.set(form);
    } catch (error) {
      const table = known.get(name);
      if (!(error instanceof SluiceError) || !table) throw error;
      const { code, message: reason } = error;
      obstacles.set(name, { table: name, topic: tableTopic(prefix, table.id), code, reason, seq });
    }
  }
  return obstacles;
}

export const formsOf = ({ tables }: Pick<StoredState, 'tables'>): Map<TableName, StoredTable> =>
  new Map([...tables].map(([name, { table }]) => [name, table]));

/** A table that was there before the warehouse lacks the rows it had then. */
function firstStatus({ start }: StoredState, { schemaSince }: StoredTable): TableStatus {
  return start !== undefined && schemaSince <= start ? 'incomplete' : 'consistent';
}

async function ensureDatasets(
  { service, layout }: BigQueryContext,
  changes: readonly Evolution[],
): Promise<void> {
  const fresh = changes.filter(({ from }) => from === undefined);
  const datasets = new Set(fresh.map(({ to }) => layout.dataset(to.id)));
  for (const dataset of datasets) await service.ensureDataset(dataset);
}

function withForm(state: StoredState, table: StoredTable): StoredState {
  const entry = state.tables.get(table.name) ?? NEW_ENTRY;
  return { ...state, tables: new Map(state.tables).set(table.name, { ...entry, table }) };
}

const NEW_ENTRY = { deltaRows: 0, stateRows: 0, compactedAtMs: undefined };
