import type { Sequence } from '../change/sequence.ts';
import type { EvolutionRules } from '../view/evolve-table.ts';
import { generationAfter, keyColumns } from '../view/key-generation.ts';
import { shownAs } from '../view/relation-names.ts';
import {
  META,
  type PhysicalColumn,
  type StoredColumn,
  type StoredTable,
} from '../view/stored-table.ts';
import { hasOwnValues, physicalColumns, storedName } from '../view/table-form.ts';
import { dropGoneViews, latestView, viewStatements } from '../view/table-views.ts';
import { columnsMade } from '../view/unmade-form.ts';
import { bigQueryDialect, identifier, text } from './bigquery-dialect.ts';
import { CLUSTERABLE, changesClustering, stateClustering } from './clustering.ts';
import { columnForm } from './column-type.ts';
import { constantExpression } from './constant.ts';
import { describable, tableDescription } from './description.ts';
import { type BigQueryLayout, bigQueryNaming, columnName } from './names.ts';
import { cutQuery } from './stored-stops.ts';
import { isAlteredTo, widenColumn } from './widen-column.ts';

export interface TableSettings {
  /** Days after which folded changes leave the changelog; the state keeps the rows. */
  readonly changesExpireDays?: number;
  readonly labels: Readonly<Record<string, string>>;
}

export function bigQueryRules(layout: BigQueryLayout): EvolutionRules {
  return {
    columnName,
    constant: constantExpression,
    column: ({ name, type }) => {
      const { type: stored, mayBeInexact } = columnForm(type);
      return { name: columnName(name), type: stored, mayBeInexact };
    },
    widen: widenColumn,
    comments: describable,
    naming: bigQueryNaming(layout),
    maxColumns: MAX_COLUMNS - CHANGES_META.length,
  };
}

/** Columns of a changelog beside the source's own. */
export const CHANGES_META: readonly Pick<PhysicalColumn, 'name' | 'type'>[] = [
  { name: META.seq, type: 'STRING' },
  { name: META.op, type: 'STRING' },
  { name: META.committedAt, type: 'TIMESTAMP' },
  { name: META.ingestedAt, type: 'TIMESTAMP' },
  { name: META.position, type: 'STRING' },
  { name: META.schemaId, type: 'STRING' },
  { name: META.inexact, type: 'JSON' },
];
const STATE_META = [`${META.seq} STRING`, `${META.inexact} JSON`];

/** Of a table. */
const MAX_COLUMNS = 10_000;

const MAX_KEY_COLUMNS = 16;

/** BigQuery takes five changes of a table's metadata in ten seconds. */
const MAX_UPDATES = 4;

/**
 * Scripts that turn one form of a table into the next, without its views; each may be run again, and
 * changes a table so seldom that it can be repeated where BigQuery has it wait. Columns are added all
 * at once; there is no statement that alters the types of several.
 *
 * Columns are never REQUIRED: a delete may lack all but the key.
 */
export function tableScripts(
  layout: BigQueryLayout,
  settings: TableSettings,
  from: StoredTable | undefined,
  to: StoredTable,
): readonly (readonly string[])[] {
  if (!from) return [createStatements(layout, settings, to)];
  const { changes, state } = bigQueryDialect(layout);
  const { unmade } = from;
  const before = new Map(columnsMade(from).map(({ name, type }) => [name.toLowerCase(), type]));
  const added = physicalColumns(to).filter(({ name }) => !before.has(name.toLowerCase()));
  const altered = physicalColumns(to).filter(({ name, type }) => {
    const old = before.get(name.toLowerCase());
    // One that an attempt has added after all may have been of a type before this one.
    return old === undefined ? unmade && isAlteredTo(type) : old !== type;
  });
  const described = [changesDescription(to), stateDescription(to)];
  const isNew =
    unmade !== undefined ||
    [changesDescription(from), stateDescription(from)].some(
      (description, index) => description !== described[index],
    );
  const [ofChanges = [], ofState = []] = [changes(to), state(to)].map((table, index) => [
    ...(added.length === 0 ? [] : [`ALTER TABLE ${table} ${added.map(addColumn).join(', ')}`]),
    ...altered.map(
      ({ name, type }) =>
        `ALTER TABLE ${table} ALTER COLUMN ${identifier(name)} SET DATA TYPE ${type}`,
    ),
    ...(isNew
      ? [`ALTER TABLE ${table} SET OPTIONS (description = ${text(described[index] ?? '')})`]
      : []),
  ]);
  const count = Math.ceil(Math.max(ofChanges.length, ofState.length) / MAX_UPDATES);
  return Array.from({ length: count }, (_, index) => {
    const [start, end] = [index * MAX_UPDATES, (index + 1) * MAX_UPDATES];
    return [...ofChanges.slice(start, end), ...ofState.slice(start, end)];
  });
}

const changesDescription = ({ name, comments }: StoredTable): string =>
  tableDescription(`Every change of ${name}.`, comments);

const stateDescription = ({ name, comments }: StoredTable): string =>
  tableDescription(`Rows of ${name} as of its last compaction.`, comments);

const addColumn = ({ name, type }: PhysicalColumn): string =>
  `ADD COLUMN IF NOT EXISTS ${identifier(name)} ${type}`;

function createStatements(
  layout: BigQueryLayout,
  { labels }: TableSettings,
  table: StoredTable,
): readonly string[] {
  const { changes, state } = bigQueryDialect(layout);
  const columns = physicalColumns(table).map(({ name, type }) => `${identifier(name)} ${type}`);
  const meta = CHANGES_META.map(({ name, type }) => `${name} ${type}`);
  const labelOption = labelsOption(labels);
  const changesOptions = [
    'require_partition_filter = TRUE',
    `description = ${text(changesDescription(table))}`,
    ...labelOption,
  ];
  const stateOptions = [`description = ${text(stateDescription(table))}`, ...labelOption];
  return [
    `CREATE TABLE IF NOT EXISTS ${changes(table)} (${[...columns, ...meta].join(', ')})` +
      ` PARTITION BY DATE(${META.committedAt})${clusterClause(changesClustering(table))} OPTIONS (${changesOptions.join(', ')})`,
    `CREATE TABLE IF NOT EXISTS ${state(table)} (${[...columns, ...STATE_META, ...keyClause(table)].join(', ')})` +
      `${clusterClause(stateClustering(table))} OPTIONS (${stateOptions.join(', ')})`,
  ];
}

/** What takes away what {@link tableScripts} made of a table that has no row yet. */
export function dropStatements(layout: BigQueryLayout, table: StoredTable): readonly string[] {
  const { changes, state } = bigQueryDialect(layout);
  return [changes(table), state(table)].map((name) => `DROP TABLE IF EXISTS ${name}`);
}

function labelsOption(labels: TableSettings['labels']): readonly string[] {
  const pairs = Object.entries(labels).map(([key, value]) => `(${text(key)}, ${text(value)})`);
  return pairs.length === 0 ? [] : [`labels = [${pairs.join(', ')}]`];
}

function clusterClause(names: readonly string[]): string {
  return names.length === 0 ? '' : ` CLUSTER BY ${names.map(identifier).join(', ')}`;
}

/**
 * What is declared to be the key of the state, that of the rows that are in it; nothing where that
 * would be false. It lets BigQuery leave out joins that the key makes needless, only where one column
 * each has the values, so that the columns alone are unique: values that a column cannot hold are
 * NULL there.
 */
export function declaredKey(table: StoredTable): readonly string[] {
  const keys = keyColumns(table, generationAfter(table, table.watermark));
  const isPlain = (key: StoredColumn): boolean => CLUSTERABLE.has(key.type) && hasOwnValues(key);
  return keys.length <= MAX_KEY_COLUMNS && keys.every(isPlain) ? keys.map(storedName) : [];
}

function keyClause(table: StoredTable): readonly string[] {
  const names = declaredKey(table).map(identifier);
  return names.length === 0 ? [] : [`PRIMARY KEY (${names.join(', ')}) NOT ENFORCED`];
}

/** Declares the key of the rows that are in the state, in the place of an older one. */
export function declareKey(layout: BigQueryLayout, table: StoredTable): readonly string[] {
  const state = bigQueryDialect(layout).state(table);
  return [
    `ALTER TABLE ${state} DROP PRIMARY KEY IF EXISTS`,
    ...keyClause(table).map((clause) => `ALTER TABLE ${state} ADD ${clause}`),
  ];
}

/**
 * Every view of a table, which may stand at a cut of its own; each replaces an older one.
 * @param cut  the newest that they will show in this form
 * @param shown  the newest that the warehouse will show, which says what they are called
 */
export function tableViews(
  layout: BigQueryLayout,
  table: StoredTable,
  cut: Sequence | undefined,
  shown = cut,
): readonly string[] {
  const named = shownAs(table, shown);
  if (!named) return [];
  const dialect = { ...bigQueryDialect(layout), cut: cutQuery(layout, table.name) };
  return [...viewStatements(dialect, named, cut), ...latestView(dialect, named, cut)];
}

/**
 * Takes away what has shown the rows of a table that the source does not have at a cut.
 * @param shown  as of {@link tableViews}
 * @param foreign  relations that somebody else has made
 */
export function goneViews(
  layout: BigQueryLayout,
  table: StoredTable,
  cut: Sequence | undefined,
  shown: Sequence | undefined,
  foreign: ReadonlySet<string>,
): readonly string[] {
  const named = shownAs(table, shown);
  return named ? dropGoneViews(bigQueryDialect(layout), named, cut, foreign) : [];
}
