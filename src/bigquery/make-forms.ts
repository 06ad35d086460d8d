import { inLanes } from '../async/lanes.ts';
import type { Sequence } from '../change/sequence.ts';
import type { Obstacle } from '../sink/table-stop.ts';
import { tableTopic } from '../topic/topic-name.ts';
import { namesOf } from '../view/naming-rules.ts';
import { namesLeft, shownAs } from '../view/relation-names.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { dropViews } from '../view/table-views.ts';
import { columnsMade, owedForm, wholeForm } from '../view/unmade-form.ts';
import { bigQueryDialect } from './bigquery-dialect.ts';
import { isStatementRefused } from './bigquery-error.ts';
import { followChanges } from './clustering.ts';
import { type BigQueryContext, CONCURRENT_JOBS } from './context.ts';
import { bigQueryNaming } from './names.ts';
import { runScript } from './run-script.ts';
import { dropStatements, tableScripts, tableViews } from './table-plan.ts';

/** A form that a table is to have. */
export interface FormTarget {
  readonly from: StoredTable | undefined;
  readonly to: StoredTable;
  /** Sequence of the first record that needs it. */
  readonly since: Sequence;
  /** The newest cut that its views will show in this form. */
  readonly shown: Sequence | undefined;
}

export interface MadeForm extends FormTarget {
  /** Where BigQuery refuses a statement of it, which is the table's own trouble. */
  readonly obstacle?: Obstacle;
}

/**
 * Brings tables and views into their forms. Names that are left become free before others take them.
 *
 * What BigQuery refuses is still owed: the form goes on record all the same, with what the tables
 * have of it, so that no column of theirs is unknown, no name is two tables', and nothing that was
 * said of columns is lost. Of a table that is new nothing is left.
 *
 * @param after  the cut of the warehouse with which the forms show
 * @returns forms as they go on record, in the order of the targets; new tables that are refused
 *   have an obstacle and are not to be recorded
 */
export async function makeForms(
  context: BigQueryContext,
  targets: readonly FormTarget[],
  after: Sequence | undefined,
): Promise<readonly MadeForm[]> {
  const dialect = bigQueryDialect(context.layout);
  await inLanes(CONCURRENT_JOBS, targets, async ({ to }) => {
    const drops = namesLeft(to, after).flatMap((names) => dropViews(dialect, names));
    await takeAway(context, drops, `changing the names of ${to.name}`);
  });
  const made = new Map<FormTarget, MadeForm>();
  await inLanes(CONCURRENT_JOBS, targets, async (target) => {
    made.set(target, await makeForm(context, target, after));
  });
  return targets.flatMap((target) => made.get(target) ?? []);
}

async function makeForm(
  context: BigQueryContext,
  target: FormTarget,
  after: Sequence | undefined,
): Promise<MadeForm> {
  const { from, to, shown } = target;
  const whole = wholeForm(to);
  let columns = from && columnsMade(from);
  try {
    await changeTable(context, from, to);
    columns &&= columnsMade(whole);
    const views = tableViews(context.layout, to, shown, after);
    await runScript(context, views, `changing the views of ${to.name}`);
    return { ...target, to: whole };
  } catch (error) {
    if (!isStatementRefused(error)) throw error;
    if (!columns) await giveUp(context, to, after);
    const owed = columns ? owedForm(to, target.since, columns) : whole;
    return { ...target, to: owed, obstacle: obstacleOf(context, target, error.message) };
  }
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

function obstacleOf(
  { prefix }: BigQueryContext,
  { to, since }: FormTarget,
  reason: string,
): Obstacle {
  const topic = tableTopic(prefix, to.id);
  return { table: to.name, topic, code: 'bigquery.table-refused', reason, seq: since };
}

/** Leaves nothing of a table that has no row yet. */
async function giveUp(
  context: BigQueryContext,
  table: StoredTable,
  after: Sequence | undefined,
): Promise<void> {
  const { layout } = context;
  const named = shownAs(table, after);
  const views = named
    ? dropViews(bigQueryDialect(layout), namesOf(bigQueryNaming(layout), named))
    : [];
  await takeAway(context, [...views, ...dropStatements(layout, table)], `giving up ${table.name}`);
}

/**
 * Drops what is the sink's own. One that BigQuery does not drop is something else of that name, a
 * table where a view is meant, and stays.
 */
async function takeAway(
  context: BigQueryContext,
  drops: readonly string[],
  doing: string,
): Promise<void> {
  try {
    await runScript(context, drops, doing);
  } catch (error) {
    if (!isStatementRefused(error)) throw error;
    if (drops.length > 1) for (const drop of drops) await takeAway(context, [drop], doing);
  }
}
