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
import { type BigQueryContext, CONCURRENT_JOBS } from './context.ts';
import { type StoredState, saveDefinition } from './metadata.ts';
import { bigQueryNaming } from './names.ts';
import { runScript } from './run-script.ts';
import { bigQueryRules, dropStatements, tableStatements, tableViews } from './table-plan.ts';

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
  const isAnnounced = announcements(batch.control);
  const { start, stopped } = state;
  const records: string[] = [];
  let next = state;
  for (const { from, to, since } of changes) {
    if (refused.has(to.name)) continue;
    const known = state.continuity.get(to.name);
    const row = from ? 'formed' : known ? 'formless' : 'none';
    const facts = from ? known : firstFacts(known, since, isAnnounced(to.name, since), start);
    const standing = standingOf(facts ?? {}, stopped.get(to.name), start);
    records.push(saveDefinition(context.layout, to, row, { facts: facts ?? {}, standing }));
    next = withForm(next, to, facts ?? {});
  }
  await runScript(context, records, 'recording the columns of tables');
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
  const { layout, tables } = context;
  const after = warehouseCut(state, batch);
  const refused = new Map<TableName, Obstacle>();
  const change = (part: string, statementsOf: (target: FormTarget) => readonly string[]) =>
    inLanes(CONCURRENT_JOBS, changes, async (target) => {
      const { name } = target.to;
      if (refused.has(name)) return;
      const met = await obstacleTo(context, target, `changing ${part} of ${name}`, () =>
        statementsOf(target),
      );
      if (met) refused.set(name, met);
    });
  await change('the names', ({ to }) =>
    namesLeft(to, after).flatMap((names) => dropViews(bigQueryDialect(layout), names)),
  );
  await change('the columns', ({ from, to }) => [
    ...tableStatements(layout, tables, from, to),
    ...tableViews(layout, to, shownCut(state, batch, to.name), after),
  ]);
  return refused;
}

/** What BigQuery refuses of one table is that table's own; nothing is left of one that is new. */
async function obstacleTo(
  context: BigQueryContext,
  { from, to, since }: FormTarget,
  doing: string,
  statements: () => readonly string[],
): Promise<Obstacle | undefined> {
  try {
    await runScript(context, statements(), doing);
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
