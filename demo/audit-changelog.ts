import type { TopicAudit } from './audit-topics.ts';
import type { TableShape, WarehouseQuery } from './compare-tables.ts';
import type { WarehouseDialect } from './warehouse-dialect.ts';

export interface ChangelogAudit {
  readonly table: string;
  /** Changes that are there more than once. A view shows the newest alone, so it hides them. */
  readonly duplicates: number;
  /** How many more changes a whole topic has than the changelog, or the changelog than the topic. */
  readonly differences: number;
}

/**
 * Counts the changes of a table in the warehouse and holds them against its topic: from the first
 * change that the warehouse has, it has every one, once. Nothing may be written meanwhile.
 */
export async function auditChangelog(
  query: WarehouseQuery,
  dialect: WarehouseDialect,
  shape: TableShape,
  { seqs, isWhole, tableEvents }: TopicAudit,
): Promise<ChangelogAudit> {
  const [row] = await query(changeCounts(dialect, shape, tableEvents));
  const [changes, distinct, records, first] = row ?? [];
  const since = [...seqs].filter((seq) => typeof first === 'string' && seq >= first).length;
  return {
    table: `${shape.database}.${shape.table}`,
    duplicates: Number(changes) - Number(distinct),
    // A changelog without any record began behind all of them, or lost them all: the view tells.
    differences: isWhole ? Math.abs(since - Number(records)) : 0,
  };
}

/**
 * All changes; those that are not the same; those that records of the topic made, and the first of
 * these. The others are deletes that a truncate or a sweep stands for: one a row, with its sequence.
 */
function changeCounts(
  dialect: WarehouseDialect,
  { database, table, key }: TableShape,
  tableEvents: readonly string[],
): string {
  const { asText, quote, view } = dialect;
  const seq = `c.${quote('_cdc')}.${quote('seq')}`;
  const keys = key.map((name) => asText(`c.${quote(name)}`));
  const identity = [seq, ...keys].join(`, '/', `);
  // No sequence is empty, and a list may not be.
  const events = ['', ...tableEvents].map((event) => `'${event}'`).join(', ');
  const ofRecord = `CASE WHEN c.seq IN (${events}) THEN NULL ELSE c.seq END`;
  return (
    `SELECT ${asText('COUNT(*)')} AS changes, ${asText('COUNT(DISTINCT c.change_id)')} AS distinct_changes,` +
    ` ${asText(`COUNT(DISTINCT ${ofRecord})`)} AS records, MIN(${ofRecord}) AS first_record` +
    ` FROM (SELECT ${seq} AS seq, CONCAT(${identity}) AS change_id FROM ${view(database, `${table}__changes`)} AS c) AS c`
  );
}
