import type { Sight, SourceTable } from '../capture/source-server.ts';
import type { TableId, TableName } from '../change/table.ts';
import { tableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';
import type { MysqlSession, TextRow } from './connection.ts';
import { COLUMN_FIELDS, columnOf, commentsOf, fullTypeOf } from './table-definition.ts';

/** A base table with what only its definition tells. */
export interface DefinedTable extends SourceTable {
  /** Mean length of a row from the server's statistics, 0 when it has none. */
  readonly averageRowBytes: number;
  readonly engine: string;
}

const SHOWS_GENERATED_KEYS = 'show_gipk_in_create_table_and_information_schema';

/**
 * Makes information_schema show generated invisible primary keys, which are in the log whatever it
 * says; a server that has none lacks the setting.
 */
export async function tellDefinitions(session: MysqlSession): Promise<void> {
  const [found] = await session.query(
    `SHOW SESSION VARIABLES LIKE '${SHOWS_GENERATED_KEYS}'`,
    'reading session variables',
  );
  if (found === undefined || found['Value'] === 'ON') return;
  await session.query(`SET SESSION ${SHOWS_GENERATED_KEYS} = ON`, 'setting session variables');
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

/** Tables whose details are asked for at a time. */
const SLICE = 500;

/**
 * Base tables of a selection, sorted by name.
 *
 * The look changes nothing at the server and opens no table: statistics are what would. A MEMORY table
 * that a restart has emptied is announced in the log when it is opened first, but not when
 * information_schema opens it. So names come first, details of the tables that are wanted then, and
 * statistics of InnoDB tables alone, as the server has them at hand.
 */
export async function readSights(
  session: MysqlSession,
  selection: TableSelection,
): Promise<readonly SightedTable[]> {
  const tables = await session.query(
    `SELECT TABLE_SCHEMA AS \`database\`, TABLE_NAME AS \`table\`, ENGINE AS engine,
            TABLE_COMMENT AS comment
       FROM information_schema.TABLES
      WHERE TABLE_TYPE = 'BASE TABLE' AND ${selection.where}`,
    'reading the list of tables',
    selection.values,
  );
  const matching = tables.filter((row) => selection.matches(idOf(row)));
  const sighted: SightedTable[] = [];
  for (const rows of slicesOf(matching)) {
    const columns = Map.groupBy(await readColumns(session, rows), nameOf);
    const keys = Map.groupBy(await readKeys(session, rows), nameOf);
    const statistics = new Map(
      (await readStatistics(session, rows)).map((row) => [nameOf(row), row]),
    );
    for (const row of rows) {
      const name = nameOf(row);
      const details = {
        columns: columns.get(name) ?? [],
        key: (keys.get(name) ?? []).map((column) => column['name'] ?? ''),
        statistics: statistics.get(name),
      };
      sighted.push(sightOf(row, details));
    }
  }
  return sighted.sort((a, b) => (tableName(a.id) < tableName(b.id) ? -1 : 1));
}

/** A table without a column that the account may see is one that it may not read. */
function sightOf(row: TextRow, details: TableDetails): SightedTable {
  const id = idOf(row);
  const mayRead = ({ privileges }: TextRow): boolean =>
    (privileges ?? '').split(',').includes('select');
  const { columns } = details;
  if (columns.length === 0 || !columns.every(mayRead)) return { id, sight: { kind: 'hidden' } };
  try {
    return { id, sight: { kind: 'readable', table: definedTable(row, details) } };
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

/** Each of one database. */
function slicesOf(tables: readonly TextRow[]): readonly (readonly TextRow[])[] {
  const slices: (readonly TextRow[])[] = [];
  for (const rows of Map.groupBy(tables, (row) => row['database']).values())
    for (let at = 0; at < rows.length; at += SLICE) slices.push(rows.slice(at, at + SLICE));
  return slices;
}

const IN_SLICE = 'TABLE_SCHEMA = ? AND TABLE_NAME IN (?)';

const valuesOf = (slice: readonly TextRow[]): readonly unknown[] => [
  slice[0]?.['database'],
  slice.map((row) => row['table']),
];

function readColumns(
  session: MysqlSession,
  slice: readonly TextRow[],
): Promise<readonly TextRow[]> {
  return session.query(
    `SELECT ${COLUMN_FIELDS} FROM information_schema.COLUMNS WHERE ${IN_SLICE}
      ORDER BY TABLE_NAME, ORDINAL_POSITION`,
    'reading the columns of tables',
    valuesOf(slice),
  );
}

function readKeys(session: MysqlSession, slice: readonly TextRow[]): Promise<readonly TextRow[]> {
  return session.query(
    `SELECT TABLE_SCHEMA AS \`database\`, TABLE_NAME AS \`table\`, COLUMN_NAME AS name
       FROM information_schema.STATISTICS WHERE INDEX_NAME = 'PRIMARY' AND ${IN_SLICE}
      ORDER BY TABLE_NAME, SEQ_IN_INDEX`,
    'reading the keys of tables',
    valuesOf(slice),
  );
}

function readStatistics(
  session: MysqlSession,
  slice: readonly TextRow[],
): Promise<readonly TextRow[]> {
  return session.query(
    `SELECT TABLE_SCHEMA AS \`database\`, TABLE_NAME AS \`table\`,
            TABLE_ROWS AS estimatedRows, AVG_ROW_LENGTH AS averageRowBytes
       FROM information_schema.TABLES
      WHERE ENGINE = 'InnoDB' AND ${IN_SLICE}`,
    'reading the statistics of tables',
    valuesOf(slice),
  );
}

interface TableDetails {
  readonly columns: readonly TextRow[];
  readonly key: readonly string[];
  readonly statistics: TextRow | undefined;
}

function definedTable(
  row: TextRow,
  { columns: columnRows, key, statistics }: TableDetails,
): DefinedTable {
  const columns = columnRows.map(columnOf);
  const indexes = key.map((name) => columns.findIndex((column) => column.name === name));
  // Columns and key are two queries: an ALTER between them leaves a key of unknown columns.
  if (indexes.includes(-1))
    throw new SluiceError(
      'mysql.query-failed',
      `Table ${nameOf(row)} was altered while its definition was read; it will be read again.`,
    );
  return {
    schema: { id: idOf(row), columns, key: indexes },
    columnTypes: new Map(columnRows.map((column) => [column['name'] ?? '', fullTypeOf(column)])),
    comments: commentsOf(row, columnRows),
    estimatedRows: Number(statistics?.['estimatedRows'] ?? 0),
    averageRowBytes: Number(statistics?.['averageRowBytes'] ?? 0),
    engine: row['engine'] ?? '',
  };
}

function idOf(row: TextRow): TableId {
  return { database: row['database'] ?? '', table: row['table'] ?? '' };
}

function nameOf(row: TextRow): TableName {
  return tableName(idOf(row));
}
