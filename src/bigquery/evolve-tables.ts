import { inLanes } from '../async/lanes.ts';
import type { Sequence } from '../change/sequence.ts';
import type { TableId, TableName } from '../change/table.ts';
import { announcements, type Continuity, firstFacts, standingOf } from '../sink/continuity.ts';
import type { SinkBatch } from '../sink/destination.ts';
import { cutOfTable, type Obstacle } from '../sink/table-stop.ts';
import { type Topic, tableTopic } from '../topic/topic-name.ts';
import { follow, settled } from '../view/evolve-table.ts';
import { followableForms } from '../view/followable-forms.ts';
import { KnownTables } from '../view/known-tables.ts';
import { namesOf } from '../view/naming-rules.ts';
import { isRenamed, namesLeft, withoutPassedNames } from '../view/relation-names.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { withoutPassedForms } from '../view/table-form.ts';
import { dropViews } from '../view/table-views.ts';
import { bigQueryDialect } from './bigquery-dialect.ts';
import { isStatementRefused } from './bigquery-error.ts';
import { followChanges } from './clustering.ts';
import { type BigQueryContext, CONCURRENT_JOBS } from './context.ts';
import { type StoredState, saveDefinitions } from './metadata.ts';
import { bigQueryNaming } from './names.ts';
import { runRepeatable, runScript } from './run-script.ts';
import { bigQueryRules, dropStatements, tableScripts, tableViews } from './table-plan.ts';

interface FormTarget {
  readonly from: StoredTable | undefined;
  readonly to: StoredTable;
  /** Sequence of the first record that needs it. */
  readonly since: Sequence;
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
  const { targets: changes, obstacles } = targetForms(context, state, batch);
  if (changes.length === 0) return { state, obstacles };
  await ensureDatasets(context, changes);
  const refused = await changeTables(context, state, batch, changes);
  const made = changes.filter(({ to }) => !refused.has(to.name));
  const isAnnounced = announcements(batch.control);
  const { start, stopped } = state;
  let next = state;
  const records = made.map(({ from, to, since }) => {
    const known = state.continuity.get(to.name);
    const facts = from
      ? (known ?? {})
      : firstFacts(known, since, isAnnounced(to.name, since), start);
    next = withForm(next, to, facts);
    return { table: to, facts, standing: standingOf(facts, stopped.get(to.name), start) };
  });
  for (const statement of saveDefinitions(context.layout, records))
    await runRepeatable(context, statement, 'recording the columns of tables');
  return { state: next, obstacles: [...obstacles, ...refused.values()] };
}

/**
 * Names that are left become free before others take them.
 * @returns obstacles of tables that BigQuery refuses to change
 */
async function changeTables(
  context: BigQueryContext,
  state: StoredState,
  batch: SinkBatch,
  changes: readonly FormTarget[],
): Promise<ReadonlyMap<TableName, Obstacle>> {
  const { layout } = context;
  const after = warehouseCut(state, batch);
  const refused = new Map<TableName, Obstacle>();
  const each = (work: (target: FormTarget) => Promise<void>): Promise<void> =>
    inLanes(CONCURRENT_JOBS, changes, async (target) => {
      const { name } = target.to;
      const met = refused.get(name) ?? (await obstacleTo(context, target, work));
      if (met) refused.set(name, met);
    });
  await each(({ to }) => {
    const drops = namesLeft(to, after).flatMap((names) =>
      dropViews(bigQueryDialect(layout), names),
    );
    return runScript(context, drops, `changing the names of ${to.name}`);
  });
  await each(async ({ from, to }) => {
    await changeTable(context, from, to);
    const views = tableViews(layout, to, shownCut(state, batch, to.name), after);
    await runScript(context, views, `changing the views of ${to.name}`);
  });
  return refused;
}

async function changeTable(
  context: BigQueryContext,
  from: StoredTable | undefined,
  to: StoredTable,
): Promise<void> {
  const { layout, tables } = context;
  for (const script of tableScripts(layout, tables, from, to))
    await runScript(context, script, `changing the columns of ${to.name}`);
  if (from) await followChanges(context, from, to);
}

/** What BigQuery refuses of one table is that table's own; nothing is left of one that is new. */
async function obstacleTo(
  context: BigQueryContext,
  target: FormTarget,
  work: (target: FormTarget) => Promise<void>,
): Promise<Obstacle | undefined> {
  const { from, to, since } = target;
  try {
    await work(target);
    return undefined;
  } catch (error) {
    if (!isStatementRefused(error)) throw error;
    if (!from) await runScript(context, dropStatements(context.layout, to), `giving up ${to.name}`);
    return {
      table: to.name,
      topic: tableTopic(context.prefix, to.id),
      code: 'bigquery.table-refused',
      reason: error.message,
      seq: since,
    };
  }
}

/** The forms that the batch needs, and what it changes about forms that views show. */
function targetForms(context: BigQueryContext, state: StoredState, batch: SinkBatch): TargetForms {
  const rules = bigQueryRules(context.layout);
  // What is left of them is what the batch brings: one that a stopped table takes may be passed already.
  const standing = formsOf(state).map((table) =>
    withoutPassedNames(table, state.cut?.lastSequence),
  );
  const known = new KnownTables(standing, rules);
  const since = new Map<TableName, Sequence>();
  const forms = { tables: formsOf(state), stopped: state.stopped };
  const topicOf = (id: TableId): Topic => tableTopic(context.prefix, id);
  const { changes, obstacles } = followableForms(rules, topicOf, forms, batch);
  for (const change of changes) {
    for (const { name } of follow(rules, known, change))
      if (!since.has(name)) since.set(name, change.since);
  }
  for (const table of formsOf(state))
    if (!since.has(table.name) && showsOther(table, state, batch))
      since.set(table.name, table.schemaSince);
  const targets = [...since].flatMap(([name, first]) => {
    const newest = known.get(name);
    if (!newest) return [];
    const cut = cutOfTable(state, name)?.lastSequence;
    const to = settled(cut === undefined ? newest : withoutPassedForms(newest, cut));
    return [{ from: state.tables.get(name)?.table, to, since: first }];
  });
  return { targets, obstacles };
}

/** Whether the views of a table take another form or other names with the batch. */
function showsOther(table: StoredTable, state: StoredState, batch: SinkBatch): boolean {
  if (isRenamed(table, state.cut?.lastSequence, warehouseCut(state, batch))) return true;
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

/** The cut of the warehouse when the batch is in. */
const warehouseCut = (state: StoredState, { cut }: Pick<SinkBatch, 'cut'>): Sequence | undefined =>
  (cut ?? state.cut)?.lastSequence;

interface TargetForms {
  readonly targets: readonly FormTarget[];
  readonly obstacles: readonly Obstacle[];
}

const formsOf = ({ tables }: Pick<StoredState, 'tables'>): readonly StoredTable[] =>
  Array.from(tables.values(), ({ table }) => table);

async function ensureDatasets(
  { service, layout }: BigQueryContext,
  changes: readonly FormTarget[],
): Promise<void> {
  const fresh = changes.filter(({ from }) => from === undefined);
  const naming = bigQueryNaming(layout);
  const datasets = new Set(fresh.map(({ to }) => namesOf(naming, to).schema));
  for (const dataset of datasets) await service.ensureDataset(dataset);
}

function withForm(state: StoredState, table: StoredTable, facts: Continuity): StoredState {
  const entry = state.tables.get(table.name) ?? NEW_ENTRY;
  const tables = new Map(state.tables).set(table.name, { ...entry, table });
  return { ...state, tables, continuity: new Map(state.continuity).set(table.name, facts) };
}

const NEW_ENTRY = { deltaRows: 0, stateRows: 0, compactedAtMs: undefined };
