import { SluiceError } from '../errors/error.ts';
import type { TableRows } from '../sink/destination.ts';
import { META, type StoredTable } from '../view/stored-table.ts';
import { bigQueryDialect, timestamp } from './bigquery-dialect.ts';
import type { BigQueryContext } from './context.ts';
import type { FilledStream, LoadPlan } from './load-plan.ts';
import type { BigQueryLayout } from './names.ts';

/** BigQuery keeps a stream that is not committed for a day. */
const STREAM_LIFE_MS = 86_400_000;

/** What a commit has for a table. */
export interface RowsOfPlan {
  readonly plan: LoadPlan;
  readonly parts: readonly TableRows[];
  readonly stream: FilledStream;
}

/** Rows of a commit that a changelog holds. */
export async function rowsFound(
  { service, layout }: BigQueryContext,
  table: StoredTable,
  { plan, parts }: RowsOfPlan,
): Promise<number> {
  const [row] = await service.rows(rowsFoundQuery(layout, table, plan, parts));
  return Number(row?.[0]);
}

/**
 * A sequence comes into a changelog once, and this plan's rows have its time. So have the deletes
 * that it writes before its commit; those have no position in the source.
 */
export function rowsFoundQuery(
  layout: BigQueryLayout,
  table: StoredTable,
  { ingestedAtUs }: Pick<LoadPlan, 'ingestedAtUs'>,
  parts: readonly TableRows[],
): string {
  const dialect = bigQueryDialect(layout);
  const rows = parts.flatMap((part) => part.rows);
  const sequences = rows.map(({ seq }) => seq).sort();
  const firstUs = rows.reduce((us, row) => Math.min(us, row.committedAtUs), Infinity);
  const [first = '', last = ''] = [sequences[0], sequences.at(-1)];
  return (
    `SELECT COUNT(*) AS present FROM ${dialect.changes(table)} AS c` +
    ` WHERE c.${META.seq} BETWEEN ${dialect.text(first)} AND ${dialect.text(last)}` +
    ` AND c.${META.ingestedAt} = ${timestamp(ingestedAtUs)} AND c.${META.position} IS NOT NULL` +
    dialect.committedSince('c', firstUs)
  );
}

/**
 * Whether a stream that BigQuery does not know can never be committed any more.
 * @throws {SluiceError} `bigquery.stream-lost` while it might still come back
 */
export function expired(
  nowMs: number,
  { name }: StoredTable,
  { stream, finalizedAtMs }: FilledStream,
): boolean {
  if (nowMs - finalizedAtMs > STREAM_LIFE_MS) return true;
  const until = new Date(finalizedAtMs + STREAM_LIFE_MS).toISOString();
  throw new SluiceError(
    'bigquery.stream-lost',
    `BigQuery does not know stream ${stream}, and its rows are not in ${name}. They are written anew after ${until}, when the stream cannot come back.`,
    { facts: { table: name, stream, until } },
  );
}
