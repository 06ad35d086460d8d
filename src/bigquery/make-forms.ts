import { inLanes } from '../async/lanes.ts';
import type { Sequence } from '../change/sequence.ts';
import type { Obstacle } from '../sink/table-stop.ts';
import { tableTopic } from '../topic/topic-name.ts';
import { namesOf } from '../view/naming-rules.ts';
import { type Relation, shownBy, takenReason, uncertain } from '../view/own-relations.ts';
import { namesLeft, shownAs } from '../view/relation-names.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { dropViews } from '../view/table-views.ts';
import { columnsMade, owedForm, wholeForm } from '../view/unmade-form.ts';
import { bigQueryDialect } from './bigquery-dialect.ts';
import { isStatementRefused } from './bigquery-error.ts';
import { followChanges } from './clustering.ts';
import { type BigQueryContext, CONCURRENT_JOBS } from './context.ts';
import { foreignRelations } from './foreign-relations.ts';
import { bigQueryNaming } from './names.ts';
import { runScript } from './run-script.ts';
import { dropStatements, goneViews, tableScripts, tableViews } from './table-plan.ts';
import { takeAway } from './take-away.ts';

/** A form that a table is to have. */
export interface FormTarget {
  readonly from: StoredTable | undefined;
  readonly to: StoredTable;
  /** Sequence of the first record that needs it. */
  readonly since: Sequence;
  /** The newest cut that its views will show in this form. */
  readonly shown: Sequence | undefined;
  /** What surely shows it now, and is the sink's own. */
  readonly made: readonly Relation[];
}

export interface MadeForm extends FormTarget {
  /** Where BigQuery refuses a statement of it, or somebody else has one of its names: the table's own trouble. */
  readonly obstacle?: Obstacle;
}

/**
 * Brings tables and views into their forms. Names that are left become free before others take them.
 * What somebody else has made is neither replaced nor dropped, and has the table that needs its name
 * refused, before anything of the table is made.
 *
 * What is refused is still owed: the form goes on record all the same, with what the tables
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
  const naming = bigQueryNaming(context.layout);
  const foreign = await foreignRelations(
    context,
    targets.flatMap(({ to, made }) => uncertain(dialect, naming, to, after, made)),
  );
  await inLanes(CONCURRENT_JOBS, targets, async ({ to }) => {
    const drops = namesLeft(to, after).flatMap((names) => dropViews(dialect, names, foreign));
    await takeAway(context, drops, `changing the names of ${to.name}`);
  });
  const made = new Map<FormTarget, MadeForm>();
  await inLanes(CONCURRENT_JOBS, targets, async (target) => {
    made.set(target, await makeForm(context, target, after, foreign));
  });
  return targets.flatMap((target) => made.get(target) ?? []);
}

async function makeForm(
  context: BigQueryContext,
  target: FormTarget,
  after: Sequence | undefined,
  foreign: ReadonlySet<string>,
): Promise<MadeForm> {
  const { from, to, shown, since } = target;
  const whole = wholeForm(to);
  let columns = from && columnsMade(from);
  const owed = (): StoredTable => (columns ? owedForm(to, since, columns) : whole);
  const taken = takenOf(context, target, after, foreign);
  if (taken !== undefined)
    return { ...target, to: owed(), obstacle: obstacleOf(context, target, takenReason(taken)) };
  try {
    await changeTable(context, from, to);
    columns &&= columnsMade(whole);
    const views = [
      ...goneViews(context.layout, to, shown, after, foreign),
      ...tableViews(context.layout, to, shown, after),
    ];
    await runScript(context, views, `changing the views of ${to.name}`);
    return { ...target, to: whole };
  } catch (error) {
    if (!isStatementRefused(error)) throw error;
    if (!columns) await giveUp(context, to, after, foreign);
    return { ...target, to: owed(), obstacle: obstacleOf(context, target, error.message) };
  }
}

/** A relation that the table is to be shown by and somebody else has made. */
function takenOf(
  { layout }: BigQueryContext,
  { to, shown }: FormTarget,
  after: Sequence | undefined,
  foreign: ReadonlySet<string>,
): string | undefined {
  const dialect = bigQueryDialect(layout);
  return shownBy(dialect, bigQueryNaming(layout), to, { warehouse: after, table: shown })
    .map(({ names, suffix }) => dialect.relation(names, suffix))
    .find((relation) => foreign.has(relation));
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
  foreign: ReadonlySet<string>,
): Promise<void> {
  const { layout } = context;
  const named = shownAs(table, after);
  const views = named
    ? dropViews(bigQueryDialect(layout), namesOf(bigQueryNaming(layout), named), foreign)
    : [];
  await takeAway(context, [...views, ...dropStatements(layout, table)], `giving up ${table.name}`);
}
