import { generationAfter, generationsOf, keyColumns } from '../view/key-generation.ts';
import type { StoredColumn, StoredTable } from '../view/stored-table.ts';
import { storedName } from '../view/table-form.ts';
import { physicalName } from './bigquery-dialect.ts';
import type { BigQueryContext } from './context.ts';

/** Types that a table can be clustered by. */
export const CLUSTERABLE: ReadonlySet<string> = new Set([
  'INT64',
  'NUMERIC',
  'BIGNUMERIC',
  'STRING',
  'BOOL',
  'DATE',
  'DATETIME',
  'TIMESTAMP',
]);
const MAX_CLUSTER_COLUMNS = 4;

/** What the changelog is clustered by: the key of the rows that come. */
export function changesClustering(table: StoredTable): readonly string[] {
  const newest = generationsOf(table).at(-1);
  return newest ? clusterColumns(keyColumns(table, newest)) : [];
}

/** What the state is clustered by: the key of the rows that are in it. */
export const stateClustering = (table: StoredTable): readonly string[] =>
  clusterColumns(keyColumns(table, generationAfter(table, table.watermark)));

const clusterColumns = (keys: readonly StoredColumn[]): readonly string[] =>
  leadingKeys(keys, ({ type }) => CLUSTERABLE.has(type)).map(storedName);

/** The longest run of key columns from the first that fit, of those that BigQuery clusters by at most. */
export function leadingKeys(
  keys: readonly StoredColumn[],
  fits: (key: StoredColumn) => boolean,
): readonly StoredColumn[] {
  const end = keys.findIndex((key) => !fits(key));
  return keys.slice(0, end < 0 ? keys.length : end).slice(0, MAX_CLUSTER_COLUMNS);
}

/**
 * Has the rows that a form brings into the changelog clustered by their key. Those of before stay
 * where they are: they are read less and less.
 */
export async function followChanges(
  context: BigQueryContext,
  from: StoredTable,
  to: StoredTable,
): Promise<void> {
  const [before, after] = [from, to].map(changesClustering);
  if (to.dropped || (!from.unmade && String(before) === String(after))) return;
  await cluster(context, to, 'changes', after ?? []);
}

/** Has the state clustered by the key of the rows that it will hold. */
export const followState = (context: BigQueryContext, folded: StoredTable): Promise<void> =>
  cluster(context, folded, 'state', stateClustering(folded));

async function cluster(
  { service, layout }: BigQueryContext,
  table: StoredTable,
  what: 'changes' | 'state',
  columns: readonly string[],
): Promise<void> {
  await service.cluster(layout.internal, physicalName(layout, table, what), columns);
}
