import { inLanes } from '../async/lanes.ts';
import type { Sequence } from '../change/sequence.ts';
import type { TableName } from '../change/table.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import type { SinkBatch, TableRows } from '../sink/destination.ts';
import type { Obstacle } from '../sink/table-stop.ts';
import { tableTopic } from '../topic/topic-name.ts';
import { BEFORE_ALL, type StoredTable } from '../view/stored-table.ts';
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

export interface LoadedBatch {
  readonly loaded: readonly Loaded[];
  /** Of tables whose rows are not there, none of them. */
  readonly obstacles: readonly Obstacle[];
}

/** Waited for before a load job of a table is submitted, with the number of its attempts that failed. */
type BeforeLoad = (table: TableName, failed: number) => Promise<void>;

/** One load job a table, in the order of their names. The rows are there then, and show nowhere. */
export async function loadBatch(
  context: BigQueryContext,
  state: StoredState,
  plan: LoadPlan,
  batch: SinkBatch,
  beforeLoad: BeforeLoad,
): Promise<LoadedBatch> {
  const done: (Loaded | Obstacle)[] = [];
  await inLanes(CONCURRENT_JOBS, tableParts(state, batch), async ([table, rows]) => {
    done.push(await loadTable(context, table, rows, plan, beforeLoad));
  });
  return byOutcome(done);
}

/** Both in the order of the tables' names. */
export function byOutcome(done: readonly (Loaded | Obstacle)[]): LoadedBatch {
  const sorted = done.toSorted((a, b) => (a.table < b.table ? -1 : 1));
  return {
    loaded: sorted.flatMap((one) => ('code' in one ? [] : [one])),
    obstacles: sorted.flatMap((one) => ('code' in one ? [one] : [])),
  };
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
  beforeLoad: BeforeLoad,
): Promise<Loaded | Obstacle> {
  const { service, layout, prefix, signal } = context;
  const { onRefusedRow = context.onRefusedRow, ingestedAtUs } = plan;
  const topic = tableTopic(prefix, table.id);
  const made = await loadFile(table, rows, topic, ingestedAtUs, onRefusedRow);
  if ('code' in made) return made;
  const { file, ...facts } = made;
  const id = jobId(context, plan, `load-${table.name}`);
  if (facts.rows > 0) {
    const target = { dataset: layout.internal, table: physicalName(layout, table, 'changes') };
    const job: LoadJob = { kind: 'load', ...target, file };
    const doing = `loading rows of ${table.name}`;
    const done = await unlessRefused(
      runJob(service, id, job, doing, signal, (failed) => beforeLoad(table.name, failed)),
    );
    if (done instanceof SluiceError)
      return { table: table.name, topic, code: done.code, reason: done.message, seq: lastOf(rows) };
    if (done.rows < facts.rows)
      throw new InvariantBroken(
        `job ${id} loaded ${done.rows} rows of ${table.name}, its file has ${facts.rows}`,
      );
  }
  return { ...facts, jobId: id, fileBytes: file.length };
}

/** What BigQuery refuses for its content is one table's trouble: none of it is there. */
export async function unlessRefused<Done>(work: Promise<Done>): Promise<Done | SluiceError> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'bigquery.value-refused') return error;
    throw error;
  }
}

export function lastOf(parts: readonly TableRows[]): Sequence {
  const seqs = parts.flatMap(({ rows }) => rows.map(({ seq }) => seq));
  return seqs.reduce((last, seq) => (seq > last ? seq : last), BEFORE_ALL);
}
