import { inLanes } from '../async/lanes.ts';
import type { TableName } from '../change/table.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import type { SinkBatch, TableRows } from '../sink/destination.ts';
import type { Obstacle } from '../sink/table-stop.ts';
import { tableTopic } from '../topic/topic-name.ts';
import type { StoredTable } from '../view/stored-table.ts';
import { physicalName } from './bigquery-dialect.ts';
import { type BigQueryContext, CONCURRENT_JOBS } from './context.ts';
import {
  byOutcome,
  type Loaded,
  type LoadedBatch,
  lastOf,
  tableParts,
  unlessRefused,
} from './load-batch.ts';
import { type WrittenRows, writeRows } from './load-file.ts';
import type { FilledStream, LoadPlan } from './load-plan.ts';
import { expired, type RowsOfPlan, rowsFound } from './lost-stream.ts';
import type { StoredState } from './metadata.ts';
import { rowDescriptor, rowFields } from './row-fields.ts';
import { messageWriter } from './row-message.ts';
import type { Append, StreamTable } from './write-streams.ts';

/** A request holds less than 10 MB; one row of the size that `fitsStreams` allows still goes with it. */
const REQUEST_BYTES = 8_000_000;
const MAX_ROW_BYTES = 8_000_000;
/** Each has its stream's name in the plan, whose record Kafka takes up to a megabyte. */
const MAX_TABLES = 1_000;

/** Whether streams take the batch as it is; load jobs take larger rows and more tables. */
export function fitsStreams({ tables }: SinkBatch): boolean {
  const isSmall = (text: string): boolean =>
    text.length * 3 <= MAX_ROW_BYTES || Buffer.byteLength(text) <= MAX_ROW_BYTES;
  return (
    new Set(tables.map(({ table }) => table)).size <= MAX_TABLES &&
    tables.every(({ rows }) => rows.every(({ row }) => isSmall(row)))
  );
}

/** The rows of a table as a stream takes them. */
interface Messages extends WrittenRows<Buffer> {
  readonly table: StoredTable;
  readonly target: StreamTable;
  readonly descriptor: Buffer;
  readonly bytes: number;
}

/**
 * One stream a table, in three steps that each can be the last one of an attempt.
 *
 * 1. Rows are written to new streams, which are finalized. Nobody knows these; unless the next step
 *    is done, they expire.
 * 2. The plan takes their names. From here on these streams hold the rows, and no others are made.
 * 3. They are committed, table by table. A repeated request finds what was committed before.
 *
 * The rows are there then, and show nowhere.
 */
export async function streamBatch(
  context: BigQueryContext,
  state: StoredState,
  plan: LoadPlan,
  batch: SinkBatch,
): Promise<LoadedBatch> {
  const parts = tableParts(state, batch);
  const done: (Loaded | Obstacle)[] = [];
  const known = new Map(plan.streams?.map((filled) => [filled.table, filled]));
  const isFilled = known.size > 0;
  const filled: FilledStream[] = [];
  await inLanes(CONCURRENT_JOBS, parts, async ([table, rows]) => {
    const messages = encode(context, table, rows, plan);
    if ('code' in messages) {
      done.push(messages);
      return;
    }
    const stream = isFilled ? known.get(table.name) : await fill(context, messages);
    if (stream) filled.push(stream);
    if (stream?.refused) {
      const topic = tableTopic(context.prefix, table.id);
      done.push({ table: table.name, topic, ...stream.refused, seq: lastOf(rows) });
      return;
    }
    if ((stream?.rows ?? 0) !== messages.rows.length)
      throw new InvariantBroken(`commit ${plan.commit} was planned with other rows`);
    done.push(loadedOf(messages, stream));
  });
  if (!isFilled && filled.length > 0) await context.plans.store({ ...plan, streams: filled });
  await commitAll(
    context,
    plan,
    parts,
    filled,
    filled.filter(({ refused }) => !refused),
  );
  return byOutcome(done);
}

/**
 * Commits the streams that are due, of all in the plan, and writes the rows of those anew that have
 * expired before they were.
 */
async function commitAll(
  context: BigQueryContext,
  plan: LoadPlan,
  parts: readonly (readonly [StoredTable, readonly TableRows[]])[],
  filled: readonly FilledStream[],
  due: readonly FilledStream[],
): Promise<void> {
  const partOf = new Map(parts.map((part) => [part[0].name, part]));
  const again = new Map<TableName, FilledStream>();
  await inLanes(CONCURRENT_JOBS, due, async (stream) => {
    const [table, rows] = partOf.get(stream.table) ?? [];
    if (!table || !rows) throw new InvariantBroken(`${stream.table} has a stream and no rows`);
    if (await isThere(context, table, { plan, parts: rows, stream })) return;
    const messages = encode(context, table, rows, plan);
    const fresh = 'code' in messages ? undefined : await fill(context, messages);
    if (!fresh || fresh.refused)
      throw new InvariantBroken(`rows of ${stream.table} that were taken once are refused`);
    again.set(fresh.table, fresh);
  });
  if (again.size === 0) return;
  const streams = filled.map((stream) => again.get(stream.table) ?? stream);
  await context.plans.store({ ...plan, streams });
  await commitAll(context, plan, parts, streams, [...again.values()]);
}

/**
 * Commits a stream. What BigQuery says of one that it does not know is the same whether it was
 * committed long ago or has expired; the changelog tells.
 */
async function isThere(
  context: BigQueryContext,
  table: StoredTable,
  rows: RowsOfPlan,
): Promise<boolean> {
  const target = targetOf(context, table);
  const { stream } = rows.stream;
  if ((await context.streams.commit(target, [stream])) === 'committed') return true;
  const found = await rowsFound(context, table, rows);
  if (found === rows.stream.rows) return true;
  if (found === 0 && expired(context.clock.nowMs(), table, rows.stream)) return false;
  throw new InvariantBroken(
    `${found} rows of ${table.name} are there of the ${rows.stream.rows} that stream ${stream} had`,
  );
}

function encode(
  { prefix, ...context }: BigQueryContext,
  table: StoredTable,
  parts: readonly TableRows[],
  { ingestedAtUs, onRefusedRow = context.onRefusedRow }: LoadPlan,
): Messages | Obstacle {
  const fields = rowFields(table);
  const topic = tableTopic(prefix, table.id);
  const written = writeRows(table, parts, topic, onRefusedRow, ({ schema, schemaId }, form) =>
    messageWriter(schema, { ...form, schemaId }, fields, ingestedAtUs),
  );
  if ('code' in written) return written;
  return {
    ...written,
    table,
    target: targetOf(context, table),
    descriptor: rowDescriptor(fields),
    bytes: written.rows.reduce((bytes, row) => bytes + row.length, 0),
  };
}

const targetOf = (
  { layout }: Pick<BigQueryContext, 'layout'>,
  table: StoredTable,
): StreamTable => ({ dataset: layout.internal, table: physicalName(layout, table, 'changes') });

/** Writes the rows into a new stream; none when there are none. */
async function fill(
  { streams, clock }: BigQueryContext,
  { table: { name: table }, target, descriptor, rows }: Messages,
): Promise<FilledStream | undefined> {
  if (rows.length === 0) return undefined;
  const stream = await streams.create(target);
  const appended = await unlessRefused(streams.append(stream, descriptor, appends(rows)));
  if (appended instanceof SluiceError) {
    const refused = { code: appended.code, reason: appended.message };
    return { table, stream, rows: 0, finalizedAtMs: clock.nowMs(), refused };
  }
  const stored = await streams.finalize(stream);
  if (stored !== rows.length)
    throw new InvariantBroken(`stream ${stream} has ${stored} rows of the ${rows.length} sent`);
  return { table, stream, rows: stored, finalizedAtMs: clock.nowMs() };
}

function* appends(rows: readonly Buffer[]): Generator<Append> {
  let offset = 0;
  let bytes = 0;
  for (const [index, { length }] of rows.entries()) {
    if (bytes > 0 && bytes + length > REQUEST_BYTES) {
      yield { offset, rows: rows.slice(offset, index) };
      offset = index;
      bytes = 0;
    }
    bytes += length;
  }
  yield { offset, rows: rows.slice(offset) };
}

function loadedOf(
  { table, rows, refused, bytes }: Messages,
  stream: FilledStream | undefined,
): Loaded {
  return {
    table: table.name,
    rows: rows.length,
    refused,
    jobId: stream?.stream ?? '',
    fileBytes: bytes,
  };
}
