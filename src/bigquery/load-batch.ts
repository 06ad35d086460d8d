import { inLanes } from '../async/lanes.ts';
import type { TableName } from '../change/table.ts';
import { InvariantBroken } from '../errors/error.ts';
import type { SinkBatch, TableRows } from '../sink/destination.ts';
import { tableTopic } from '../topic/topic-name.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { physicalName } from './bigquery-dialect.ts';
import type { LoadedFile } from './commit-script.ts';
import { type BigQueryContext, CONCURRENT_JOBS } from './context.ts';
import type { LoadJob } from './job.ts';
import { type LoadFile, loadFile } from './load-file.ts';
import { jobId, type LoadPlan } from './load-plan.ts';
import type { StoredState } from './metadata.ts';
import { runJob } from './run-job.ts';

/** What became of a table's rows; the file itself is gone. */
export type Loaded = Omit<LoadFile, 'file'> & LoadedFile;

/** One load job a table, in the order of their names. The rows are there then, and show nowhere. */
export async function loadBatch(
  context: BigQueryContext,
  state: StoredState,
  plan: LoadPlan,
  batch: SinkBatch,
): Promise<readonly Loaded[]> {
  const done: Loaded[] = [];
  await inLanes(CONCURRENT_JOBS, tableParts(state, batch), async ([table, rows]) => {
    done.push(await loadTable(context, table, rows, plan));
  });
  return done.sort((a, b) => (a.table < b.table ? -1 : 1));
}

/** The rows of each table, of whatever schemas. */
export function tableParts(
  { tables }: Pick<StoredState, 'tables'>,
  batch: SinkBatch,
): readonly (readonly [StoredTable, readonly TableRows[]])[] {
  const parts = new Map<TableName, TableRows[]>();
  for (const rows of batch.tables) parts.set(rows.table, [...(parts.get(rows.table) ?? []), rows]);
  return [...parts].map(([name, rows]) => {
    const table = tables.get(name)?.table;
    if (!table) throw new InvariantBroken(`table ${name} was not ensured`);
    return [table, rows];
  });
}

async function loadTable(
  context: BigQueryContext,
  table: StoredTable,
  rows: readonly TableRows[],
  plan: LoadPlan,
): Promise<Loaded> {
  const { service, onRefusedRow, layout, prefix, signal } = context;
  const topic = tableTopic(prefix, table.id);
  const { file, ...facts } = await loadFile(table, rows, topic, plan.ingestedAtUs, onRefusedRow);
  const id = jobId(context, plan, `load-${table.name}`);
  if (facts.rows > 0) {
    const target = { dataset: layout.internal, table: physicalName(table.id, 'changes') };
    const job: LoadJob = { kind: 'load', ...target, file };
    const done = await runJob(service, id, job, `loading rows of ${table.name}`, signal);
    if (done.rows < facts.rows)
      throw new InvariantBroken(
        `job ${id} loaded ${done.rows} rows of ${table.name}, its file has ${facts.rows}`,
      );
  }
  return { ...facts, jobId: id, fileBytes: file.length };
}
