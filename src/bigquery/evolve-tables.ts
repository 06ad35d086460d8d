import { inLanes } from '../async/lanes.ts';
import type { Sequence } from '../change/sequence.ts';
import type { TableId, TableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import { announcements, type Continuity, firstFacts, standingOf } from '../sink/continuity.ts';
import type { SinkBatch } from '../sink/destination.ts';
import { cutOfTable, type Obstacle } from '../sink/table-stop.ts';
import { type Topic, tableTopic } from '../topic/topic-name.ts';
import { formAfter, settled } from '../view/evolve-table.ts';
import { followableForms } from '../view/followable-forms.ts';
import { KnownTables } from '../view/known-tables.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { withoutPassedForms } from '../view/table-form.ts';
import { followChanges } from './clustering.ts';
import { type BigQueryContext, CONCURRENT_JOBS } from './context.ts';
import { type StoredState, saveDefinitions } from './metadata.ts';
import { runRepeatable, runScript } from './run-script.ts';
import { bigQueryRules, tableScripts, tableViews } from './table-plan.ts';

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
  const refused: Obstacle[] = [];
  await inLanes(CONCURRENT_JOBS, changes, async (change) => {
    const { from, to, since: seq } = change;
    const work = changeTable(context, change, shownCut(state, batch, to.name));
    // What a table is that is there already must not be passed over.
    if (from) return work;
    const failure = await ifRefused(work);
    if (!failure) return;
    const { code, message: reason } = failure;
    refused.push({ table: to.name, topic: tableTopic(context.prefix, to.id), code, reason, seq });
  });
  const stuck = new Set(refused.map(({ table }) => table));
  const made = changes.filter(({ to }) => !stuck.has(to.name));
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
  return { state: next, obstacles: [...obstacles, ...refused] };
}

async function changeTable(
  context: BigQueryContext,
  { from, to }: FormTarget,
  shown: Sequence | undefined,
): Promise<void> {
  const { layout, tables } = context;
  const doing = `changing the columns of ${to.name}`;
  for (const script of tableScripts(layout, tables, from, to))
    await runScript(context, script, doing);
  if (from) await followChanges(context, from, to);
  await runScript(context, tableViews(layout, to, shown), doing);
}

/** What BigQuery does not make for a new table is the trouble of that one. */
async function ifRefused(work: Promise<void>): Promise<SluiceError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'bigquery.statement-refused') return error;
    throw error;
  }
}

/** The forms that the batch needs, and what it changes about forms that views show. */
function targetForms(context: BigQueryContext, state: StoredState, batch: SinkBatch): TargetForms {
  const rules = bigQueryRules(context.layout);
  const known = new KnownTables(formsOf(state), rules);
  const since = new Map<TableName, Sequence>();
  const forms = { tables: formsOf(state), stopped: state.stopped };
  const topicOf = (id: TableId): Topic => tableTopic(context.prefix, id);
  const { changes, obstacles } = followableForms(rules, topicOf, forms, batch);
  for (const change of changes) {
    const form = formAfter(rules, known, change);
    if (!form || form === known.get(form.name)) continue;
    known.set(form);
    if (!since.has(form.name)) since.set(form.name, change.since);
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
  const datasets = new Set(fresh.map(({ to }) => layout.dataset(to.id)));
  for (const dataset of datasets) await service.ensureDataset(dataset);
}

function withForm(state: StoredState, table: StoredTable, facts: Continuity): StoredState {
  const entry = state.tables.get(table.name) ?? NEW_ENTRY;
  const tables = new Map(state.tables).set(table.name, { ...entry, table });
  return { ...state, tables, continuity: new Map(state.continuity).set(table.name, facts) };
}

const NEW_ENTRY = { deltaRows: 0, stateRows: 0, compactedAtMs: undefined };
