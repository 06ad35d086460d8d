import type { Dialect } from './dialect.ts';
import { columnList, keyExpressions, liveRows, newestChanges, upToCut } from './row-plan.ts';
import { CDC_STRUCT, META, type StoredTable, type ViewSuffix } from './stored-table.ts';

/** The statements that make a table's views what they should be now. Each replaces an older view. */
export function viewStatements(dialect: Dialect, table: StoredTable): readonly string[] {
  const parameter = freeName('as_of', table);
  const asOfRows = asOf(dialect, table, parameter);
  return [
    ...view(dialect, table, '', currentRows(dialect, table)),
    ...view(dialect, table, '__changes', changelog(dialect, table), [CDC_STRUCT]),
    ...view(dialect, table, '__history', history(dialect, table), [...validity(table), CDC_STRUCT]),
    dialect.createTableFunction(dialect.view(table, '__as_of'), parameter, asOfRows),
  ];
}

/** The rows as of the watermark: what can be read without the changelog. For warehouses that bill by what is read. */
export function latestView(dialect: Dialect, table: StoredTable): readonly string[] {
  const rows = `SELECT ${columnList(dialect, table, 's')} FROM ${dialect.state(table)} AS s`;
  return view(dialect, table, '__latest', rows);
}

/** @param added  columns behind those of the source */
function view(
  dialect: Dialect,
  table: StoredTable,
  suffix: ViewSuffix,
  body: string,
  added: readonly string[] = [],
): readonly string[] {
  const columns = [...table.columns.map(({ name }) => name), ...added];
  const described = { columns, comments: table.comments };
  return dialect.createView(dialect.view(table, suffix), body, described);
}

function currentRows(dialect: Dialect, table: StoredTable): string {
  return liveRows(dialect, table, upToCut(dialect), (alias) => columnList(dialect, table, alias));
}

function changelog(dialect: Dialect, table: StoredTable): string {
  return (
    `SELECT ${columnList(dialect, table, 'c')}, ${cdcStruct(dialect, 'c')} AS ${CDC_STRUCT}` +
    ` FROM ${dialect.changes(table)} AS c WHERE ${shown(dialect, 'c')}`
  );
}

/** Every version of every row with the time it was the present one; a delete only ends the one before it. */
function history(dialect: Dialect, table: StoredTable): string {
  const key = keyExpressions(dialect, table, 'c').join(', ');
  const next = '_cdc_next_committed_at';
  const versions =
    `SELECT c.*, LEAD(c.${META.committedAt}) OVER (PARTITION BY ${key} ORDER BY c.${META.seq}) AS ${next}` +
    ` FROM ${dialect.changes(table)} AS c WHERE ${shown(dialect, 'c')}`;
  const [from, to] = validity(table);
  return (
    `SELECT ${columnList(dialect, table, 'h')}, h.${META.committedAt} AS ${dialect.identifier(from)}, h.${next} AS ${dialect.identifier(to)},` +
    ` ${cdcStruct(dialect, 'h')} AS ${CDC_STRUCT} FROM (${versions}) AS h WHERE h.${META.op} <> 'd'`
  );
}

const validity = (table: StoredTable): readonly [from: string, to: string] => [
  freeName('valid_from', table),
  freeName('valid_to', table),
];

/**
 * The rows after the last commit at or before a time. The time is turned into a sequence first:
 * a transaction is then in or out as a whole.
 */
function asOf(dialect: Dialect, table: StoredTable, parameter: string): string {
  const time = dialect.asTimestamp(parameter);
  const last =
    `SELECT MAX(m.${META.seq}) FROM ${dialect.changes(table)} AS m` +
    ` WHERE m.${META.committedAt} <= ${time} AND ${shown(dialect, 'm')}`;
  const since = dialect.committedSince('c', undefined);
  const newest = newestChanges(dialect, table, `c.${META.seq} <= (${last})${since}`);
  return `SELECT ${columnList(dialect, table, 'n')} FROM (${newest}) AS n WHERE n.${META.op} <> 'd'`;
}

function shown(dialect: Dialect, alias: string): string {
  return `${upToCut(dialect)(`${alias}.${META.seq}`)}${dialect.committedSince(alias, undefined)}`;
}

function cdcStruct(dialect: Dialect, alias: string): string {
  return dialect.struct([
    ['op', `${alias}.${META.op}`],
    ['seq', dialect.sequenceText(`${alias}.${META.seq}`)],
    ['committed_at', `${alias}.${META.committedAt}`],
    ['ingested_at', `${alias}.${META.ingestedAt}`],
    ['position', `${alias}.${META.position}`],
    ['schema_id', `${alias}.${META.schemaId}`],
    ['inexact', `${alias}.${META.inexact}`],
  ]);
}

/** `name`, with underscores behind it while a column of the source has it. */
function freeName(name: string, table: StoredTable): string {
  const taken = new Set(table.columns.map((column) => column.name.toLowerCase()));
  let free = name;
  while (taken.has(free)) free += '_';
  return free;
}
