import type { ShownCut } from '../sink/table-stop.ts';
import {
  appendStatement,
  emptyState,
  isFolded,
  mergeStatement,
  sameFoldedKey,
} from '../view/fold-plan.ts';
import { generationAfter, keyColumns } from '../view/key-generation.ts';
import { keyExpressions } from '../view/row-plan.ts';
import { META, type StoredTable } from '../view/stored-table.ts';
import { hasOwnValues, storedName } from '../view/table-form.ts';
import { bigQueryDialect, DAY_US, identifier, text, timestamp } from './bigquery-dialect.ts';
import { leadingKeys } from './clustering.ts';
import { assertOne } from './commit-script.ts';
import { definitionOf, OWN, ownTable, type TableEntry } from './metadata.ts';
import type { BigQueryLayout } from './names.ts';
import { type Statement, transaction } from './statement.ts';

/** When changes are folded into the state of their table. A fold bills what it reads of the state, a view what it reads of the changelog. */
export interface FoldingPolicy {
  /** Below this a fold costs more than it spares. */
  readonly minDeltaRows: number;
  /** Of the rows in the state. */
  readonly stateFraction: number;
  /** A table with any change is folded after this long. */
  readonly maxAgeMs: number;
  /** And never before this long, however much comes. */
  readonly minAgeMs: number;
}

export const DEFAULT_FOLDING: FoldingPolicy = {
  minDeltaRows: 100_000,
  stateFraction: 0.2,
  maxAgeMs: 6 * 3_600_000,
  minAgeMs: 15 * 60_000,
};

/** Whether folding pays now; without a newer cut than the last fold there is nothing to gain. */
export function isDue(
  { table, deltaRows, stateRows, compactedAtMs }: TableEntry,
  cut: ShownCut,
  { minDeltaRows, stateFraction, maxAgeMs, minAgeMs }: FoldingPolicy,
  { nowMs, openedAtMs }: { readonly nowMs: number; readonly openedAtMs: number },
): boolean {
  if (deltaRows === 0 || table.watermark >= cut.lastSequence) return false;
  const ageMs = nowMs - (compactedAtMs ?? openedAtMs);
  const isLarge = deltaRows > Math.max(minDeltaRows, stateRows * stateFraction);
  return ageMs > maxAgeMs || (isLarge && (compactedAtMs === undefined || ageMs > minAgeMs));
}

/** What a look at the changes tells about the cheapest way to fold them. */
export interface DeltaProbe {
  readonly changes: number;
  /** Changes whose key is in the state. */
  readonly known: number;
  /** Smallest and largest value, as text, of each key column that bounds the rows; empty when there is no change. */
  readonly keyBounds: readonly (readonly [low: string, high: string])[];
}

/** Types that are read from text without loss. */
const BOUND_TYPES = new Set([
  'INT64',
  'NUMERIC',
  'BIGNUMERIC',
  'STRING',
  'DATE',
  'DATETIME',
  'TIMESTAMP',
]);

interface BoundColumn {
  readonly name: string;
  readonly type: string;
}

/** The first key columns, as far as each alone has its values: the state is clustered by them, in their order. */
function boundColumns(table: StoredTable): readonly BoundColumn[] {
  const keys = keyColumns(table, generationAfter(table, table.watermark));
  return leadingKeys(keys, (key) => BOUND_TYPES.has(key.type) && hasOwnValues(key)).map(
    (column) => ({ name: identifier(storedName(column)), type: column.type }),
  );
}

/** Reads keys, of the state too where its rows stay, and sequences of the changelog. */
export function probeQuery(layout: BigQueryLayout, table: StoredTable, cut: ShownCut): string {
  const dialect = bigQueryDialect(layout);
  const condition = isFolded(dialect, table, cut.lastSequence);
  const same = sameFoldedKey(dialect, table, cut.lastSequence, 's', 'c');
  const [key = ''] = keyExpressions(dialect, table, generationAfter(table, cut.lastSequence), 's');
  const bounds = boundColumns(table).map(
    ({ name }, index) =>
      `, CAST(MIN(c.${name}) AS STRING) AS low${index}, CAST(MAX(c.${name}) AS STRING) AS high${index}`,
  );
  return (
    `SELECT COUNT(*) AS changes, COUNTIF(${key} IS NOT NULL) AS known${bounds.join('')}` +
    ` FROM ${dialect.changes(table)} AS c LEFT JOIN ${dialect.state(table)} AS s ON ${same}` +
    ` WHERE ${condition}`
  );
}

export function parseProbe([changes, known, ...bounds]: readonly (string | null)[]): DeltaProbe {
  const keyBounds = bounds.flatMap((low, index) => {
    const high = bounds[index + 1];
    const isPair = index % 2 === 0 && typeof low === 'string' && typeof high === 'string';
    return isPair ? [[low, high] as const] : [];
  });
  return { changes: Number(changes), known: Number(known), keyBounds };
}

/**
 * One transaction: the changes between watermark and cut into the state, and the watermark to the
 * cut. Where no key of theirs is in the state it only inserts, which bills nothing of the state;
 * otherwise it is told the bounds of the key, so that only the blocks between them are read: as data,
 * for they are of rows, and the text of a job is shown to everybody who may list jobs.
 */
export function foldScript(
  layout: BigQueryLayout,
  table: StoredTable,
  cut: ShownCut,
  { known, keyBounds }: DeltaProbe,
  atUs: number,
): Statement {
  const dialect = bigQueryDialect(layout);
  const tables = ownTable(layout, OWN.tables);
  const bounded = boundColumns(table).slice(0, known > 0 ? keyBounds.length : 0);
  const statements = [
    assertWatermark(layout, table),
    known === 0
      ? appendStatement(dialect, table, cut.lastSequence)
      : mergeStatement(dialect, table, cut.lastSequence, bounded.map(between)),
    `UPDATE ${tables} AS t SET watermark = ${text(cut.lastSequence)}, watermark_at_us = ${cut.committedAtUs},` +
      ` compacted_at = ${timestamp(atUs)}, delta_rows = ${remaining(dialect.changes(table), cut)},` +
      ` state_rows = (SELECT COUNT(*) FROM ${dialect.state(table)} AS s) WHERE t.name = ${text(table.name)}`,
  ];
  const { sql } = transaction(statements.map((statement) => ({ sql: statement })));
  if (bounded.length === 0) return { sql };
  const data = keyBounds.flatMap(([low, high], index) => [
    [`low${index}`, low],
    [`high${index}`, high],
  ]);
  return { sql, data: Object.fromEntries(data) as Record<string, string> };
}

const between = ({ name, type }: BoundColumn, index: number): string =>
  `s.${name} BETWEEN CAST(@low${index} AS ${type}) AND CAST(@high${index} AS ${type})`;

/**
 * One transaction: every row out of the state, and the watermark to where the generation of their key
 * ended. Views that are not written anew yet show the same rows: all of that generation have a delete
 * among the changes.
 */
export function emptyingScript(
  layout: BigQueryLayout,
  before: StoredTable,
  { watermark, watermarkAtUs }: StoredTable,
): string {
  const time = watermarkAtUs === undefined ? '' : ` watermark_at_us = ${watermarkAtUs},`;
  const statements = [
    assertWatermark(layout, before),
    emptyState(bigQueryDialect(layout), before),
    `UPDATE ${ownTable(layout, OWN.tables)} AS t SET watermark = ${text(watermark)},${time}` +
      ` state_rows = 0 WHERE t.name = ${text(before.name)}`,
  ];
  return transaction(statements.map((sql) => ({ sql }))).sql;
}

/**
 * One transaction: another form on record in the place of one. Whoever folds may have waited long for
 * its job, and another sink may have gone on meanwhile: then it ends here.
 */
export function replaceDefinition(
  layout: BigQueryLayout,
  before: StoredTable,
  after: StoredTable,
): Statement {
  const tables = `${ownTable(layout, OWN.tables)} AS t`;
  const isIt = `t.name = ${text(after.name)}`;
  return transaction([
    {
      sql: assertOne(`${tables} WHERE ${isIt} AND t.definition = @definition_before`),
      data: { definition_before: definitionOf(before) },
    },
    {
      sql: `UPDATE ${tables} SET definition = @definition_after WHERE ${isIt}`,
      data: { definition_after: definitionOf(after) },
    },
  ]);
}

function assertWatermark(layout: BigQueryLayout, { name, watermark }: StoredTable): string {
  const tables = ownTable(layout, OWN.tables);
  return assertOne(
    `${tables} AS t WHERE t.name = ${text(name)} AND t.watermark = ${text(watermark)}`,
  );
}

/** Rows that came along behind the cut. */
function remaining(changes: string, { lastSequence, committedAtUs }: ShownCut): string {
  const day = timestamp(committedAtUs - (committedAtUs % DAY_US));
  return (
    `(SELECT COUNT(*) FROM ${changes} AS c WHERE c.${META.seq} > ${text(lastSequence)}` +
    ` AND c.${META.committedAt} >= ${day})`
  );
}
