import type { TableName } from '../change/table.ts';
import { reasonText, type Stops, type TableStop } from '../sink/table-stop.ts';
import { CHECKPOINT_TABLE, identifier, text } from './bigquery-dialect.ts';
import type { BigQueryLayout } from './names.ts';

/**
 * Stopped tables are in the checkpoint, where views read the cut anyway: so a table stops, and goes
 * on, in the very commit that says so, and no query reads one table more.
 */
export const STOPPED_TYPE =
  'ARRAY<STRUCT<name STRING, cut_seq STRING, commit_ordinal INT64, committed_at_us INT64, reason STRING, facts STRING>>';

export function formatStops(stops: Stops): string {
  return `[${[...stops.values()].map(literal).join(', ')}]`;
}

function literal(stop: TableStop): string {
  const { table, cut } = stop;
  const fields = [
    `${text(table)} AS name`,
    // Before every sequence, for one that stopped before the first cut.
    `${text(cut?.lastSequence ?? '')} AS cut_seq`,
    `${cut?.commitOrdinal ?? 'CAST(NULL AS INT64)'} AS commit_ordinal`,
    `${cut?.committedAtUs ?? 'CAST(NULL AS INT64)'} AS committed_at_us`,
    `${text(reasonText(stop))} AS reason`,
    `${text(JSON.stringify(stop))} AS facts`,
  ];
  return `STRUCT(${fields.join(', ')})`;
}

/** What {@link formatStops} wrote, as `TO_JSON_STRING` gives it; `undefined` and NULL are none. */
export function parseStops(json: string | null | undefined): Stops {
  const list = JSON.parse(json ?? 'null') as readonly { readonly facts: string }[] | null;
  const stops = (list ?? []).map(({ facts }) => JSON.parse(facts) as TableStop);
  return new Map(stops.map((stop) => [stop.table, stop]));
}

/** Query for the last sequence that the views of a table show. */
export function cutQuery({ project, internal }: BigQueryLayout, table: TableName): string {
  const checkpoint = [project, internal, CHECKPOINT_TABLE].map(identifier).join('.');
  const own = `SELECT x.cut_seq FROM UNNEST(p.stopped) AS x WHERE x.name = ${text(table)}`;
  return `(SELECT COALESCE((${own}), p.cut_seq) FROM ${checkpoint} AS p)`;
}
