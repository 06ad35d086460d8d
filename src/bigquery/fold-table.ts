import { randomUUID } from 'node:crypto';
import type { TableName } from '../change/table.ts';
import { cutOfTable } from '../sink/table-stop.ts';
import { expireChanges, expired } from '../view/expiry.ts';
import { replacesState } from '../view/fold-plan.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { bigQueryDialect } from './bigquery-dialect.ts';
import { followState } from './clustering.ts';
import { foldScript, parseProbe, probeQuery } from './compaction.ts';
import type { BigQueryContext } from './context.ts';
import type { JobId, QueryJob } from './job.ts';
import { type JobNames, jobId } from './load-plan.ts';
import {
  type CompactionFacts,
  compactionRecord,
  recordDefinitions,
  type StoredState,
} from './metadata.ts';
import { runJob } from './run-job.ts';
import { paced, runRepeatable, runScript } from './run-script.ts';
import { declareKey, dropKey, tableViews } from './table-plan.ts';

/** Folds changes up to the cut that the table shows into its state, and has its views read less. */
export async function foldTable(
  context: BigQueryContext,
  state: StoredState,
  name: TableName,
): Promise<StoredState> {
  const { service, layout, compactionPriority: priority, clock, signal } = context;
  const cut = cutOfTable(state, name);
  const entry = state.tables.get(name);
  if (!cut || !entry || entry.table.watermark >= cut.lastSequence) return state;
  const { table } = entry;
  const isNewKey = replacesState(table, cut.lastSequence);
  if (isNewKey) await runScript(context, [dropKey(layout, table)], `dropping the key of ${name}`);
  const folded = { ...table, watermark: cut.lastSequence, watermarkAtUs: cut.committedAtUs };
  await followState(context, folded);
  const [row = []] = await service.rows(probeQuery(layout, table, cut));
  const probe = parseProbe(row);
  const atUs = clock.nowMs() * 1000;
  const id = foldId(context, state, table);
  const job: QueryJob = {
    kind: 'query',
    sql: foldScript(layout, table, cut, probe, atUs),
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
    for (const statement of recordDefinitions(layout, [shown]))
      await runRepeatable(context, statement, `recording what expires of ${name}`);
  const after = [
    ...(isNewKey ? declareKey(layout, folded) : []),
    ...tableViews(layout, shown, cut.lastSequence, state.cut?.lastSequence),
    compactionRecord(layout, folded, facts, atUs),
  ];
  await runScript(context, after, `replacing the views of ${name}`);
  if (shown !== folded) await expire(context, shown, atUs);
  const next = {
    table: shown,
    deltaRows: Math.max(0, entry.deltaRows - probe.changes),
    stateRows: (isNewKey ? 0 : entry.stateRows) + Math.max(0, probe.changes - probe.known),
    compactedAtMs: atUs / 1000,
  };
  return { ...state, tables: new Map(state.tables).set(name, next) };
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
  { name, watermark }: StoredTable,
): JobId {
  const { warehouseId } = identity;
  const plan = { warehouseId, commit, offsets: [], cut: undefined, ingestedAtUs: 0 };
  return jobId(names, plan, `fold-${name}-${watermark}`);
}
