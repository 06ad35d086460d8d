import { randomUUID } from 'node:crypto';
import type { TableName } from '../change/table.ts';
import { cutOfTable, type ShownCut } from '../sink/table-stop.ts';
import { expireChanges, expired } from '../view/expiry.ts';
import { replacesState } from '../view/fold-plan.ts';
import { generationAfter } from '../view/key-generation.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { bigQueryDialect, physicalName } from './bigquery-dialect.ts';
import { followState } from './clustering.ts';
import {
  emptyingScript,
  foldScript,
  parseProbe,
  probeQuery,
  replaceDefinition,
} from './compaction.ts';
import type { BigQueryContext } from './context.ts';
import type { JobId, QueryJob } from './job.ts';
import { type JobNames, jobId } from './load-plan.ts';
import {
  type CompactionFacts,
  compactionRecord,
  type StoredState,
  type TableEntry,
} from './metadata.ts';
import { runJob } from './run-job.ts';
import { paced, runRepeatable, runScript } from './run-script.ts';
import { declaredKey, declareKey, tableViews } from './table-plan.ts';

/**
 * Folds changes up to the cut that the table shows into its state, and has its views read less. A fold
 * that passes the end of a generation of the key has a step before: the rows of that generation leave
 * the state, and the views learn of it, before the first row of the next one comes. A view of one
 * generation must never meet the rows of another.
 */
export async function foldTable(
  context: BigQueryContext,
  state: StoredState,
  name: TableName,
): Promise<StoredState> {
  const cut = cutOfTable(state, name);
  const entry = state.tables.get(name);
  if (!cut || !entry || entry.table.watermark >= cut.lastSequence) return state;
  const ready = replacesState(entry.table, cut.lastSequence)
    ? await emptyTable(context, state, entry, cut)
    : entry;
  if (isEmptied(ready.table)) await replaceViews(context, state, ready.table, cut);
  const folded = await foldChanges(context, state, ready, cut);
  return { ...state, tables: new Map(state.tables).set(name, folded) };
}

/** Brings the state to where the generation of its rows ended, which leaves none of them. */
async function emptyTable(
  context: BigQueryContext,
  state: StoredState,
  entry: TableEntry,
  { lastSequence }: ShownCut,
): Promise<TableEntry> {
  const { service, layout, signal } = context;
  const { table } = entry;
  const { after, committedAtUs } = generationAfter(table, lastSequence);
  const time = committedAtUs === undefined ? {} : { watermarkAtUs: committedAtUs };
  const emptied: StoredTable = { ...table, watermark: after, ...time };
  const sql = emptyingScript(layout, table, emptied);
  const job: QueryJob = { kind: 'query', sql, priority: 'INTERACTIVE' };
  const id = foldId(context, state, 'empty', table);
  await runJob(service, id, job, `emptying the state of ${table.name}`, signal);
  context.reach('sinkCompacting');
  return { ...entry, table: emptied, stateRows: 0 };
}

/** Whether no change is folded since the generation of the state began, by this attempt or one before. */
const isEmptied = ({ generations = [], watermark }: StoredTable): boolean =>
  generations.some(({ after }, index) => index > 0 && after === watermark);

async function replaceViews(
  context: BigQueryContext,
  state: StoredState,
  table: StoredTable,
  { lastSequence }: ShownCut,
): Promise<void> {
  const views = tableViews(context.layout, table, lastSequence, state.cut?.lastSequence);
  await runScript(context, views, `replacing the views of ${table.name}`);
}

async function foldChanges(
  context: BigQueryContext,
  state: StoredState,
  { table, ...counts }: TableEntry,
  cut: ShownCut,
): Promise<TableEntry> {
  const { service, layout, compactionPriority: priority, clock, signal } = context;
  const { name } = table;
  const folded = { ...table, watermark: cut.lastSequence, watermarkAtUs: cut.committedAtUs };
  await followKey(context, folded);
  const [row = []] = await service.rows(probeQuery(layout, table, cut));
  const probe = parseProbe(row);
  const atUs = clock.nowMs() * 1000;
  const id = foldId(context, state, 'fold', table);
  const job: QueryJob = {
    kind: 'query',
    ...foldScript(layout, table, cut, probe, atUs),
    priority,
  };
  const { bytesBilled } = await runJob(service, id, job, `folding ${name}`, signal);
  context.reach('sinkCompacting');
  const facts: CompactionFacts = {
    jobId: id,
    kind: probe.known === 0 ? 'append' : 'merge',
    changes: probe.changes,
    bytesBilled,
  };
  const shown = expiring(context, folded);
  if (shown !== folded)
    await runRepeatable(
      context,
      replaceDefinition(layout, folded, shown),
      `recording what expires of ${name}`,
    );
  const after = [
    ...tableViews(layout, shown, cut.lastSequence, state.cut?.lastSequence),
    compactionRecord(layout, folded, facts, atUs),
  ];
  await runScript(context, after, `replacing the views of ${name}`);
  if (shown !== folded) await expire(context, shown, atUs);
  return {
    table: shown,
    deltaRows: Math.max(0, counts.deltaRows - probe.changes),
    stateRows: counts.stateRows + Math.max(0, probe.changes - probe.known),
    compactedAtMs: atUs / 1000,
  };
}

/**
 * Has the state clustered by the key of its rows, and that key declared, before rows come that a
 * former one is false of. It is looked at, not remembered: whoever died on the way left it undone.
 * The key of a table that has had one alone, and can be declared, is what it was made with.
 */
async function followKey(context: BigQueryContext, folded: StoredTable): Promise<void> {
  const { service, layout } = context;
  const wanted = declaredKey(folded);
  if (folded.generations) await followState(context, folded);
  else if (wanted.length > 0) return;
  const declared = await service.primaryKey(layout.internal, physicalName(layout, folded, 'state'));
  if (String(declared) === String(wanted)) return;
  await runScript(context, declareKey(layout, folded), `declaring the key of ${folded.name}`);
}

/** The table as it is shown when what is due has expired, which may be no other than it is. */
function expiring({ tables, clock }: BigQueryContext, table: StoredTable): StoredTable {
  const { changesExpireDays: days } = tables;
  const { watermarkAtUs } = table;
  if (days === undefined || watermarkAtUs === undefined) return table;
  return expired(table, days, { watermarkAtUs, nowUs: clock.nowMs() * 1000 });
}

/** Behind the views that do not show it any more. What is not done stays until the next day is over. */
async function expire(context: BigQueryContext, table: StoredTable, atUs: number): Promise<void> {
  const { service, layout, compactionPriority: priority, signal } = context;
  const doing = `removing expired changes of ${table.name}`;
  for (const sql of expireChanges(bigQueryDialect(layout), table)) {
    const id: JobId = `sluice-${randomUUID()}`;
    const job: QueryJob = { kind: 'query', sql, priority };
    const { bytesBilled } = await paced(context, () => runJob(service, id, job, doing, signal));
    const facts: CompactionFacts = { jobId: id, kind: 'expire', changes: 0, bytesBilled };
    await runScript(context, [compactionRecord(layout, table, facts, atUs)], doing);
  }
}

function foldId(
  names: JobNames,
  { identity, commit }: StoredState,
  step: 'empty' | 'fold',
  { name, watermark }: StoredTable,
): JobId {
  const { warehouseId } = identity;
  const plan = { warehouseId, commit, offsets: [], cut: undefined, ingestedAtUs: 0 };
  return jobId(names, plan, `${step}-${name}-${watermark}`);
}
