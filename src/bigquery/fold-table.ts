import type { TableName } from '../change/table.ts';
import { cutOfTable } from '../sink/table-stop.ts';
import { replacesState } from '../view/fold-plan.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { followState } from './clustering.ts';
import { expiry, foldScript, parseProbe, probeQuery } from './compaction.ts';
import type { BigQueryContext } from './context.ts';
import type { JobId, QueryJob } from './job.ts';
import { type JobNames, jobId } from './load-plan.ts';
import { type CompactionFacts, compactionRecord, type StoredState } from './metadata.ts';
import { runJob } from './run-job.ts';
import { runScript } from './run-script.ts';
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
  const { changesExpireDays } = context.tables;
  const after = [
    ...(isNewKey ? declareKey(layout, folded) : []),
    ...tableViews(layout, folded, cut.lastSequence, state.cut?.lastSequence),
    compactionRecord(layout, folded, facts, atUs),
    ...(changesExpireDays === undefined
      ? []
      : expiry(layout, folded, changesExpireDays, clock.nowMs())),
  ];
  await runScript(context, after, `replacing the views of ${name}`);
  const next = {
    table: folded,
    deltaRows: Math.max(0, entry.deltaRows - probe.changes),
    stateRows: (isNewKey ? 0 : entry.stateRows) + Math.max(0, probe.changes - probe.known),
    compactedAtMs: atUs / 1000,
  };
  return { ...state, tables: new Map(state.tables).set(name, next) };
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
