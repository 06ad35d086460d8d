import type { TableName } from '../change/table.ts';
import { reasonText, type Stops, type TableStop } from '../sink/table-stop.ts';
import { CHECKPOINT_TABLE, identifier, text } from './bigquery-dialect.ts';
import type { BigQueryLayout } from './names.ts';
import type { RowColumns } from './statement.ts';

/**
 * Stopped tables are in the checkpoint, where views read the cut anyway: so a table stops, and goes
 * on, in the very commit that says so, and no query reads one table more.
 */
export const STOPPED_TYPE =
  'ARRAY<STRUCT<name STRING, cut_seq STRING, commit_ordinal INT64, committed_at_us INT64, reason STRING, facts STRING>>';

interface StoppedRow {
  readonly name: string;
  readonly cut_seq: string;
  readonly commit_ordinal: number | null;
  readonly committed_at_us: number | null;
  readonly reason: string;
  readonly facts: string;
}

/** In the order of {@link STOPPED_TYPE}. */
export const STOPPED_COLUMNS: RowColumns<StoppedRow> = {
  name: 'STRING',
  cut_seq: 'STRING',
  commit_ordinal: 'INT64',
  committed_at_us: 'INT64',
  reason: 'STRING',
  facts: 'STRING',
};

export const stoppedRows = (stops: Stops): readonly StoppedRow[] =>
  [...stops.values()].map((stop) => ({
    name: stop.table,
    // Before every sequence, for one that stopped before the first cut.
    cut_seq: stop.cut?.lastSequence ?? '',
    commit_ordinal: stop.cut?.commitOrdinal ?? null,
    committed_at_us: stop.cut?.committedAtUs ?? null,
    reason: reasonText(stop),
    facts: JSON.stringify(stop),
  }));

/** What {@link stoppedRows} gave, as `TO_JSON_STRING` gives it; `undefined` and NULL are none. */
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
