import type { Sequence } from '../change/sequence.ts';
import type { TableComments } from '../change/table.ts';
import type { Dialect } from './dialect.ts';
import { freeName } from './free-name.ts';
import { generationsOf } from './key-generation.ts';
import {
  columnList,
  isOfGeneration,
  keyExpressions,
  liveRows,
  newestChanges,
  presentColumns,
  type ShownColumn,
  upToCut,
} from './row-plan.ts';
import {
  BEFORE_ALL,
  CDC_STRUCT,
  META,
  NEXT_COMMITTED_AT,
  type RelationNames,
  type StoredTable,
  type ViewSuffix,
} from './stored-table.ts';
import { formAt, physicalColumns } from './table-form.ts';

/** Of a table that the source has dropped only its changes and history are shown. */
const PAST: readonly ViewSuffix[] = ['__changes', '__history'];

/** What stands beside each other for a table of a form. */
export const shownSuffixes = (
  { suffixes }: Pick<Dialect, 'suffixes'>,
  { dropped }: Pick<StoredTable, 'dropped'>,
): readonly ViewSuffix[] => (dropped ? PAST : suffixes);

/**
 * The statements that make a table's views what they should be at a cut. Each replaces an older
 * view.
 */
export function viewStatements(
  dialect: Dialect,
  table: StoredTable,
  cut: Sequence | undefined,
): readonly string[] {
  const shown = formAt(table, cut ?? BEFORE_ALL);
  return shown.dropped
    ? pastViews(dialect, shown)
    : [...presentView(dialect, shown), ...pastViews(dialect, shown), asOfFunction(dialect, shown)];
}

/**
 * Takes away what has shown the rows of a table that the source has dropped; nothing of any other.
 * @param foreign  relations that somebody else has made
 */
export function dropGoneViews(
  dialect: Dialect,
  table: StoredTable,
  cut: Sequence | undefined,
  foreign: ReadonlySet<string>,
): readonly string[] {
  const shown = formAt(table, cut ?? BEFORE_ALL);
  const stays = shownSuffixes(dialect, shown);
  const gone = dialect.suffixes.filter((suffix) => !stays.includes(suffix));
  return gone.flatMap((suffix) => drop(dialect, dialect.view(table, suffix), suffix, foreign));
}

/**
 * Takes away everything that has shown a table under names that it leaves; nothing that it has under others.
 * @param foreign  relations that somebody else has made
 */
export const dropViews = (
  dialect: Dialect,
  names: RelationNames,
  foreign: ReadonlySet<string>,
): readonly string[] =>
  dialect.suffixes.flatMap((suffix) =>
    drop(dialect, dialect.relation(names, suffix), suffix, foreign),
  );

function drop(
  { dropView, dropTableFunction }: Dialect,
  relation: string,
  suffix: ViewSuffix,
  foreign: ReadonlySet<string>,
): readonly string[] {
  if (foreign.has(relation)) return [];
  return [suffix === '__as_of' ? dropTableFunction(relation) : dropView(relation)];
}

function presentView(dialect: Dialect, table: StoredTable): readonly string[] {
  const columns = presentColumns(table);
  const rows = liveRows(dialect, table, upToCut(dialect), (alias) =>
    columnList(dialect, columns, alias),
  );
  return view(dialect, table, '', rows, columns);
}

function pastViews(dialect: Dialect, table: StoredTable): readonly string[] {
  const columns = pastColumns(table);
  const names = namesFor(columns);
  return [
    ...view(dialect, table, '__changes', changelog(dialect, table, columns, names), columns, [
      names.cdc,
    ]),
    ...view(dialect, table, '__history', history(dialect, table, columns, names), columns, [
      names.from,
      names.to,
      names.cdc,
    ]),
  ];
}

function asOfFunction(dialect: Dialect, table: StoredTable): string {
  const physical = physicalColumns(table).map(({ name }) => name);
  const parameter = freeNameIn('as_of', [...table.columns.map(({ name }) => name), ...physical]);
  const rows = asOf(dialect, table, parameter);
  return dialect.createTableFunction(dialect.view(table, '__as_of'), parameter, rows);
}

/** The rows as of the watermark: what can be read without the changelog. For warehouses that bill by what is read. */
export function latestView(
  dialect: Dialect,
  table: StoredTable,
  cut: Sequence | undefined,
): readonly string[] {
  const shown = formAt(table, cut ?? BEFORE_ALL);
  if (shown.dropped) return [];
  const columns = presentColumns(shown);
  const rows = `SELECT ${columnList(dialect, columns, 's')} FROM ${dialect.state(shown)} AS s`;
  return view(dialect, shown, '__latest', rows, columns);
}

/**
 * The columns of the source, and behind them those it had before: under their names, or where
 * another column has the name now, under one derived from it.
 */
function pastColumns(table: StoredTable): readonly ShownColumn[] {
  const present = presentColumns(table);
  const taken = new Set(present.map(({ name }) => name.toLowerCase()));
  const closed = (table.closed ?? []).map((column) => {
    const name = taken.has(column.name.toLowerCase())
      ? freeName(`${column.name}__earlier`, taken)
      : column.name;
    taken.add(name.toLowerCase());
    return { name, column };
  });
  return [...present, ...closed];
}

/** Sluice's own columns give way to those of the source. */
interface OwnNames {
  readonly from: string;
  readonly to: string;
  readonly cdc: string;
}

function namesFor(columns: readonly ShownColumn[]): OwnNames {
  const taken = columns.map(({ name }) => name);
  return {
    from: freeNameIn('valid_from', taken),
    to: freeNameIn('valid_to', taken),
    cdc: freeNameIn(CDC_STRUCT, taken),
  };
}

/** @param added  columns behind those of the source */
function view(
  dialect: Dialect,
  table: StoredTable,
  suffix: ViewSuffix,
  body: string,
  columns: readonly ShownColumn[],
  added: readonly string[] = [],
): readonly string[] {
  const names = [...columns.map(({ name }) => name), ...added];
  const comments = commentsFor(table, columns);
  const described = {
    columns: names,
    comments: added.length > 0 ? pastComments(table, comments) : comments,
  };
  return dialect.createView(dialect.view(table, suffix), body, described);
}

/** Those of the table, and of its closed columns under the names that they are shown by. */
function commentsFor(
  { comments }: StoredTable,
  columns: readonly ShownColumn[],
): TableComments | undefined {
  const ofClosed = columns.flatMap(({ name, column: { comment } }) =>
    comment === undefined ? [] : [[name, comment] as const],
  );
  if (ofClosed.length === 0) return comments;
  const own = Object.entries(comments?.columns ?? {});
  return { ...comments, columns: Object.fromEntries([...own, ...ofClosed]) };
}

/** What a view of the past lacks is said where people look the view up. */
function pastComments(
  { changesSinceUs }: StoredTable,
  comments: TableComments | undefined,
): TableComments | undefined {
  if (changesSinceUs === undefined) return comments;
  const since = `Goes back to ${dayText(changesSinceUs)}; what ended before has expired.`;
  const table = comments?.table === undefined ? since : `${comments.table} (${since})`;
  return { columns: comments?.columns ?? {}, table };
}

/** `2026-11-30 00:00 UTC`, of microseconds since 1970. */
const dayText = (us: number): string =>
  `${new Date(us / 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

function changelog(
  dialect: Dialect,
  table: StoredTable,
  columns: readonly ShownColumn[],
  { cdc }: OwnNames,
): string {
  return (
    `SELECT ${columnList(dialect, columns, 'c')}, ${cdcStruct(dialect, 'c')} AS ${dialect.identifier(cdc)}` +
    ` FROM ${dialect.changes(table)} AS c WHERE ${shown(dialect, 'c', table.changesSinceUs)}`
  );
}

/**
 * Every version of every row with the time it was the present one; a delete only ends the one before
 * it. Where changes have expired, every version that was so at some time since.
 */
function history(
  dialect: Dialect,
  table: StoredTable,
  columns: readonly ShownColumn[],
  { from, to, cdc }: OwnNames,
): string {
  const { changesSinceUs } = table;
  const lasted =
    changesSinceUs === undefined
      ? ''
      : ` AND (h.${NEXT_COMMITTED_AT} IS NULL OR h.${NEXT_COMMITTED_AT} >= ${dialect.timestamp(changesSinceUs)})`;
  const parts = generationsOf(table).map((generation) => {
    const key = keyExpressions(dialect, table, generation, 'c').join(', ');
    const versions =
      `SELECT c.*, LEAD(c.${META.committedAt}) OVER (PARTITION BY ${key} ORDER BY c.${META.seq}) AS ${NEXT_COMMITTED_AT}` +
      ` FROM ${dialect.changes(table)} AS c WHERE ${isOfGeneration(dialect, table, generation, 'c', upToCut(dialect))}`;
    return (
      `SELECT ${columnList(dialect, columns, 'h')}, h.${META.committedAt} AS ${dialect.identifier(from)}, h.${NEXT_COMMITTED_AT} AS ${dialect.identifier(to)},` +
      ` ${cdcStruct(dialect, 'h')} AS ${dialect.identifier(cdc)} FROM (${versions}) AS h WHERE h.${META.op} <> 'd'${lasted}`
    );
  });
  return parts.join(' UNION ALL ');
}

/**
 * The rows after the last commit at or before a time. The time is turned into a sequence first:
 * a transaction is then in or out as a whole. Times go as sequences do, so that the time alone lets
 * a warehouse skip what came later. A time whose changes have expired is refused.
 */
function asOf(dialect: Dialect, table: StoredTable, parameter: string): string {
  const time = dialect.asTimestamp(parameter);
  const upTo =
    `SELECT MAX(m.${META.seq}) AS seq FROM ${dialect.changes(table)} AS m` +
    ` WHERE m.${META.committedAt} <= ${time} AND ${shown(dialect, 'm')}`;
  const last = `SELECT ${refusingExpired(dialect, table, time, 'l.seq')} FROM (${upTo}) AS l`;
  const columns = columnList(dialect, presentColumns(table), 'n');
  const parts = generationsOf(table).map((generation) => {
    const condition = isOfGeneration(
      dialect,
      table,
      generation,
      'c',
      (seq) => `${seq} <= (${last})`,
    );
    const newest = newestChanges(
      dialect,
      table,
      generation,
      `${condition} AND c.${META.committedAt} <= ${time}`,
    );
    return `SELECT ${columns} FROM (${newest}) AS n WHERE n.${META.op} <> 'd'`;
  });
  return parts.join(' UNION ALL ');
}

function refusingExpired(
  dialect: Dialect,
  { name, changesSinceUs }: StoredTable,
  time: string,
  value: string,
): string {
  if (changesSinceUs === undefined) return value;
  const message = `changes of ${name} from before ${dayText(changesSinceUs)} have expired: ask for that time or a later one`;
  return `CASE WHEN ${time} < ${dialect.timestamp(changesSinceUs)} THEN ${dialect.fail(message)} ELSE ${value} END`;
}

/** Changes up to the cut, and since a time where one is given. */
function shown(dialect: Dialect, alias: string, sinceUs?: number): string {
  const since =
    sinceUs === undefined
      ? ''
      : ` AND ${alias}.${META.committedAt} >= ${dialect.timestamp(sinceUs)}`;
  return `${upToCut(dialect)(`${alias}.${META.seq}`)}${since}${dialect.committedSince(alias, undefined)}`;
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
function freeNameIn(name: string, columns: readonly string[]): string {
  const taken = new Set(columns.map((column) => column.toLowerCase()));
  let free = name;
  while (taken.has(free)) free += '_';
  return free;
}
