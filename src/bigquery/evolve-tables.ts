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
import { isRenamed, withoutPassedNames } from '../view/relation-names.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { withoutPassedForms } from '../view/table-form.ts';
import { owedIn } from '../view/unmade-form.ts';
import type { BigQueryContext } from './context.ts';
import { madeRelations } from './foreign-relations.ts';
import { type FormTarget, makeForms } from './make-forms.ts';
import { type StoredState, saveDefinitions } from './metadata.ts';
import { bigQueryNaming } from './names.ts';
import { runRepeatable } from './run-script.ts';
import { bigQueryRules } from './table-plan.ts';

export interface Evolved {
  readonly state: StoredState;
  /** Of tables whose rows no form holds, and of those that BigQuery does not bring into theirs. */
  readonly obstacles: readonly Obstacle[];
}

/**
 * Brings tables into the form that the rows of a batch need, before the first of them is sent. What
 * is on record is true whenever this is interrupted: a form is recorded when the table has it, or
 * with what it lacks of it.
 */
export async function evolveTables(
  context: BigQueryContext,
  state: StoredState,
  batch: SinkBatch,
): Promise<Evolved> {
  const { targets: changes, obstacles } = targetForms(context, state, batch);
  if (changes.length === 0) return { state, obstacles };
  await ensureDatasets(context, changes);
  const made = await makeForms(context, changes, warehouseCut(state, batch));
  const isAnnounced = announcements(batch.control);
  const { start, stopped } = state;
  let next = state;
  const kept = made.filter(({ from, obstacle }) => from !== undefined || !obstacle);
  const records = kept.map(({ from, to, since }) => {
    const known = state.continuity.get(to.name);
    const facts = from
      ? (known ?? {})
      : firstFacts(known, since, isAnnounced(to.name, since), start);
    next = withForm(next, to, facts);
    return { table: to, facts, standing: standingOf(facts, stopped.get(to.name), start) };
  });
  for (const statement of saveDefinitions(context.layout, records))
    await runRepeatable(context, statement, 'recording the columns of tables');
  const refused = made.flatMap(({ obstacle }) => obstacle ?? []);
  return { state: next, obstacles: [...obstacles, ...refused] };
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
  for (const [name, owedSince] of owedIn(state, formsOf(state), batch))
    if (!since.has(name)) since.set(name, owedSince);
  for (const table of formsOf(state))
    if (!since.has(table.name) && showsOther(table, state, batch))
      since.set(table.name, table.schemaSince);
  const targets = [...since].flatMap(([name, first]) => {
    const newest = known.get(name);
    if (!newest) return [];
    const cut = cutOfTable(state, name)?.lastSequence;
    const to = settled(cut === undefined ? newest : withoutPassedForms(newest, cut));
    const from = state.tables.get(name)?.table;
    const made = madeRelations(context.layout, state, name);
    return [{ from, to, since: first, shown: shownCut(state, batch, name), made }];
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
