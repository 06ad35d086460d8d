import type { Sight, SourceTable } from '../capture/source-server.ts';
import type { TableId, TableName } from '../change/table.ts';
import { tableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { MysqlSession, TextRow } from './connection.ts';
import { COLUMN_FIELDS, columnOf, commentsOf } from './table-definition.ts';

/** A base table with what only its definition tells. */
export interface DefinedTable extends SourceTable {
  /** Mean length of a row from the server's statistics, 0 when it has none. */
  readonly averageRowBytes: number;
  readonly engine: string;
}

/**
 * Session variables that make information_schema tell everything: fresh statistics, and generated
 * invisible primary keys, which are in the log whatever this says. Both only where they exist.
 */
const TELLING: ReadonlyMap<string, string> = new Map([
  ['information_schema_stats_expiry', '0'],
  ['show_gipk_in_create_table_and_information_schema', 'ON'],
]);

export async function tellDefinitions(session: MysqlSession): Promise<void> {
  const names = [...TELLING.keys()].map((name) => `'${name}'`).join(', ');
  const found = await session.query(
    `SHOW SESSION VARIABLES WHERE Variable_name IN (${names})`,
    'reading session variables',
  );
  const wrong = found
    .map((row) => ({ name: row['Variable_name'] ?? '', value: row['Value'] }))
    .filter(({ name, value }) => value !== TELLING.get(name));
  if (wrong.length === 0) return;
  const assignments = wrong.map(({ name }) => `SESSION ${name} = ${TELLING.get(name)}`);
  await session.query(`SET ${assignments.join(', ')}`, 'setting session variables');
}

/** Which tables to describe. `matches` has the last word: name comparison in SQL may ignore case. */
export interface TableSelection {
  readonly where: string;
  readonly values: readonly unknown[];
  readonly matches: (table: TableId) => boolean;
}

export function oneTable(id: TableId): TableSelection {
  return {
    where: 'TABLE_SCHEMA = ? AND TABLE_NAME = ?',
    values: [id.database, id.table],
    matches: ({ database, table }) => database === id.database && table === id.table,
  };
}

export function allTables(matches: (table: TableId) => boolean): TableSelection {
  const system = ['mysql', 'sys', 'information_schema', 'performance_schema'];
  return { where: 'TABLE_SCHEMA NOT IN (?)', values: [system], matches };
}

/** What the account sees of a table. */
export interface SightedTable {
  readonly id: TableId;
  readonly sight:
    | { readonly kind: 'readable'; readonly table: DefinedTable }
    | Extract<Sight, { readonly kind: 'unreadable' | 'hidden' }>;
}

/** Base tables of a selection in three queries, however many they are, sorted by name. */
export async function readSights(
  session: MysqlSession,
  selection: TableSelection,
): Promise<readonly SightedTable[]> {
  const tables = await session.query(
    `SELECT TABLE_SCHEMA AS \`database\`, TABLE_NAME AS \`table\`, ENGINE AS engine,
            TABLE_ROWS AS estimatedRows, AVG_ROW_LENGTH AS averageRowBytes,
            TABLE_COMMENT AS comment
       FROM information_schema.TABLES
      WHERE TABLE_TYPE = 'BASE TABLE' AND ${selection.where}`,
    'reading the list of tables',
    selection.values,
  );
  const matching = tables.filter((row) => selection.matches(idOf(row)));
  if (matching.length === 0) return [];
  const columns = await readColumns(session, selection, matching);
  const keys = await readKeys(session, selection, matching);
  return matching
    .map((row) => sightOf(row, columns.get(nameOf(row)) ?? [], keys.get(nameOf(row)) ?? []))
    .sort((a, b) => (tableName(a.id) < tableName(b.id) ? -1 : 1));
}

/** A table without a column that the account may see is one that it may not read. */
function sightOf(
  row: TextRow,
  columnRows: readonly TextRow[],
  key: readonly string[],
): SightedTable {
  const id = idOf(row);
  const mayRead = ({ privileges }: TextRow): boolean =>
    (privileges ?? '').split(',').includes('select');
  if (columnRows.length === 0 || !columnRows.every(mayRead))
    return { id, sight: { kind: 'hidden' } };
  try {
    return { id, sight: { kind: 'readable', table: definedTable(row, columnRows, key) } };
  } catch (error) {
    if (!(error instanceof SluiceError) || error.code !== 'table.unknown-type') throw error;
    return { id, sight: { kind: 'unreadable', code: error.code, reason: error.message } };
  }
}

/** Those that the account may read. */
export async function readTables(
  session: MysqlSession,
  selection: TableSelection,
): Promise<readonly DefinedTable[]> {
  const sights = await readSights(session, selection);
  return sights.flatMap(({ sight }) => (sight.kind === 'readable' ? [sight.table] : []));
}

/** Of a selection over the whole server only the databases that have a matching table are asked. */
function narrowed(selection: TableSelection, matching: readonly TextRow[]): TableSelection {
  if (selection.values.length > 1) return selection;
  const databases = [...new Set(matching.map((row) => row['database']))];
  return { ...selection, where: 'TABLE_SCHEMA IN (?)', values: [databases] };
}

async function readColumns(
  session: MysqlSession,
  selection: TableSelection,
  matching: readonly TextRow[],
): Promise<ReadonlyMap<TableName, readonly TextRow[]>> {
  const { where, values, matches } = narrowed(selection, matching);
  const rows = await session.query(
    `SELECT ${COLUMN_FIELDS} FROM information_schema.COLUMNS WHERE ${where}
      ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION`,
    'reading the columns of tables',
    values,
  );
  const wanted = rows.filter((row) => matches(idOf(row)));
  return Map.groupBy(wanted, nameOf);
}

async function readKeys(
  session: MysqlSession,
  selection: TableSelection,
  matching: readonly TextRow[],
): Promise<ReadonlyMap<TableName, readonly string[]>> {
  const { where, values, matches } = narrowed(selection, matching);
  const rows = await session.query(
    `SELECT TABLE_SCHEMA AS \`database\`, TABLE_NAME AS \`table\`, COLUMN_NAME AS name
       FROM information_schema.STATISTICS WHERE INDEX_NAME = 'PRIMARY' AND ${where}
      ORDER BY TABLE_SCHEMA, TABLE_NAME, SEQ_IN_INDEX`,
    'reading the keys of tables',
    values,
  );
  const wanted = rows.filter((row) => matches(idOf(row)));
  return new Map(
    [...Map.groupBy(wanted, nameOf)].map(([name, group]) => [
      name,
      group.map((row) => row['name'] ?? ''),
    ]),
  );
}

function definedTable(
  row: TextRow,
  columnRows: readonly TextRow[],
  key: readonly string[],
): DefinedTable {
  const columns = columnRows.map(columnOf);
  const indexes = key.map((name) => columns.findIndex((column) => column.name === name));
  // Columns and key are two queries: an ALTER between them leaves a key of unknown columns.
  if (indexes.includes(-1) && columns.length > 0)
    throw new SluiceError(
      'mysql.query-failed',
      `Table ${nameOf(row)} was altered while its definition was read; it will be read again.`,
    );
  return {
    schema: { id: idOf(row), columns, key: indexes },
    comments: commentsOf(row, columnRows),
    estimatedRows: Number(row['estimatedRows'] ?? 0),
    averageRowBytes: Number(row['averageRowBytes'] ?? 0),
    engine: row['engine'] ?? '',
  };
}

function idOf(row: TextRow): TableId {
  return { database: row['database'] ?? '', table: row['table'] ?? '' };
}

function nameOf(row: TextRow): TableName {
  return tableName(idOf(row));
}
