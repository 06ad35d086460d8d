import { inLanes } from '../async/lanes.ts';
import type { Sequence } from '../change/sequence.ts';
import type { TableId, TableName } from '../change/table.ts';
import { announcements, type Continuity, firstFacts, standingOf } from '../sink/continuity.ts';
import type { SinkBatch } from '../sink/destination.ts';
import type { Obstacle } from '../sink/table-stop.ts';
import { type Topic, tableTopic } from '../topic/topic-name.ts';
import { keyChanged, tableFor } from '../view/evolve-table.ts';
import { followableSchemas } from '../view/followable-schemas.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { type BigQueryContext, CONCURRENT_JOBS } from './context.ts';
import { foldTable } from './fold-table.ts';
import { type StoredState, saveDefinition } from './metadata.ts';
import { runScript } from './run-script.ts';
import { bigQueryRules, tableStatements, tableViews } from './table-plan.ts';

interface FormTarget {
  readonly to: StoredTable;
  /** Sequence of the first record that needs it. */
  readonly since: Sequence;
}

interface FormChange extends FormTarget {
  readonly from: StoredTable | undefined;
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
  const { current, targets, obstacles } = await targetForms(context, state, batch);
  const changes = targets.map(({ to, since }) => formChange(current, to, since));
  if (changes.length === 0) return { state: current, obstacles };
  await ensureDatasets(context, changes);
  await inLanes(CONCURRENT_JOBS, changes, async ({ from, to }) => {
    const ddl = [
      ...tableStatements(context.layout, context.tables, from, to),
      ...tableViews(context.layout, to),
    ];
    await runScript(context, ddl, `changing the columns of ${to.name}`);
  });
  const isAnnounced = announcements(batch.control);
  const { start, stopped } = state;
  const records: string[] = [];
  let next = current;
  for (const { from, to, since } of changes) {
    const known = state.continuity.get(to.name);
    const row = from ? 'formed' : known ? 'formless' : 'none';
    const facts = from ? known : firstFacts(known, since, isAnnounced(to.name, since), start);
    const standing = standingOf(facts ?? {}, stopped.get(to.name), start);
    records.push(saveDefinition(context.layout, to, row, { facts: facts ?? {}, standing }));
    next = withForm(next, to, facts ?? {});
  }
  await runScript(context, records, 'recording the columns of tables');
  return { state: next, obstacles };
}

/** Rows that are one by the old key and two by the new one are folded by the old one first. */
async function targetForms(
  context: BigQueryContext,
  state: StoredState,
  batch: SinkBatch,
): Promise<TargetForms> {
  let current = state;
  const known = formsOf(state);
  const targets = new Map<TableName, FormTarget>();
  const rules = bigQueryRules(context.layout);
  const forms = { tables: known, stopped: state.stopped };
  const topicOf = (id: TableId): Topic => tableTopic(context.prefix, id);
  const { uses, obstacles } = followableSchemas(rules, topicOf, forms, batch);
  for (const use of uses) {
    const form = tableFor(rules, known, use);
    const from = known.get(form.name);
    if (from === form) continue;
    if (from && keyChanged(from, form)) current = await foldTable(context, current, form.name);
    known.set(form.name, form);
    const since = targets.get(form.name)?.since ?? use.since;
    targets.set(form.name, { to: form, since });
  }
  return { current, targets: [...targets.values()], obstacles };
}

interface TargetForms {
  readonly current: StoredState;
  readonly targets: readonly FormTarget[];
  readonly obstacles: readonly Obstacle[];
}

const formsOf = ({ tables }: Pick<StoredState, 'tables'>): Map<TableName, StoredTable> =>
  new Map([...tables].map(([name, { table }]) => [name, table]));

async function ensureDatasets(
  { service, layout }: BigQueryContext,
  changes: readonly FormChange[],
): Promise<void> {
  const fresh = changes.filter(({ from }) => from === undefined);
  const datasets = new Set(fresh.map(({ to }) => layout.dataset(to.id)));
  for (const dataset of datasets) await service.ensureDataset(dataset);
}

/** @param to  made before folds: where the table is folded up to is in the state */
function formChange({ tables }: StoredState, to: StoredTable, since: Sequence): FormChange {
  const from = tables.get(to.name)?.table;
  return { from, to: from ? { ...to, ...foldedUpTo(from) } : to, since };
}

const foldedUpTo = ({ watermark, watermarkAtUs }: StoredTable): Partial<StoredTable> =>
  watermarkAtUs === undefined ? { watermark } : { watermark, watermarkAtUs };

function withForm(state: StoredState, table: StoredTable, facts: Continuity): StoredState {
  const entry = state.tables.get(table.name) ?? NEW_ENTRY;
  const tables = new Map(state.tables).set(table.name, { ...entry, table });
  return { ...state, tables, continuity: new Map(state.continuity).set(table.name, facts) };
}

const NEW_ENTRY = { deltaRows: 0, stateRows: 0, compactedAtMs: undefined };
