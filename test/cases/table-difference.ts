import { compareTable, sourceRows, type TableShape } from '../../demo/compare-tables.ts';
import { DUCKDB } from '../../demo/warehouse-dialect.ts';
import type { TableId } from '../../src/change/table.ts';
import type { PlayedCase } from './play-case.ts';

const SHOWN_ROWS = 8;
const SHOWN_CHARS = 60;

/**
 * What an analyst sees of a table that the source has not, or undefined; with values, since these are the tests' own.
 *
 * @param place  schema and name of its view
 */
export async function tableDifference(
  played: PlayedCase,
  shape: TableShape,
  place: TableId,
): Promise<string | undefined> {
  return (
    (await columnDifference(played, shape, place)) ??
    (await rowDifference(played, shape, place)) ??
    (await asOfDifference(played, place))
  );
}

/** The first rows of a view as texts. */
async function firstRows(
  { pipeline }: PlayedCase,
  database: string,
  table: string,
): Promise<readonly string[]> {
  const rows = await pipeline.query(
    `SELECT * FROM ${DUCKDB.view(database, table)} ORDER BY ALL LIMIT ${SHOWN_ROWS}`,
  );
  return rows.map(rowText);
}

/** All rows of a view, or of a changelog in its order with op and inexact behind the columns, as texts. */
export function statedRows(
  { pipeline }: PlayedCase,
  database: string,
  view: string,
): Promise<readonly (readonly (string | null)[])[]> {
  const [columns, order] = view.endsWith('__changes')
    ? ['COLUMNS(* EXCLUDE (_cdc))::VARCHAR, _cdc.op, _cdc.inexact::VARCHAR', '_cdc.seq']
    : ['COLUMNS(*)::VARCHAR', 'ALL'];
  return pipeline.query(`SELECT ${columns} FROM ${DUCKDB.view(database, view)} ORDER BY ${order}`);
}

async function columnDifference(
  { pipeline }: PlayedCase,
  shape: TableShape,
  { database, table }: TableId,
): Promise<string | undefined> {
  const view = DUCKDB.view(database, table);
  const rows = await pipeline.query(`SELECT column_name FROM (DESCRIBE ${view})`);
  // Those that the source has dropped come behind.
  const different = shape.columns.findIndex(({ name }, index) => rows[index]?.[0] !== name);
  return different < 0
    ? undefined
    : `column ${different + 1} is called ${rows[different]?.[0] ?? 'nothing'}, at the source ${shape.columns[different]?.name}`;
}

async function rowDifference(
  played: PlayedCase,
  shape: TableShape,
  { database, table }: TableId,
): Promise<string | undefined> {
  const { mysql, pipeline } = played;
  const allColumns = shape.columns.map(({ name }) => name);
  const keyed = { ...shape, key: shape.key.length > 0 ? shape.key : allColumns };
  const dialect = { ...DUCKDB, rows: () => DUCKDB.view(database, table) };
  const { differences, examples } = await compareTable(
    mysql,
    (sql) => pipeline.query(sql),
    keyed,
    dialect,
  );
  // A person asks for all columns at once, and as they are.
  const view = await firstRows(played, database, table);
  if (differences === 0) return undefined;
  const source: string[] = [];
  for await (const { values } of sourceRows(mysql, keyed))
    if (source.push(rowText(values)) === SHOWN_ROWS) break;
  const lines = [...examples, 'at the source', ...source, 'in the warehouse', ...view];
  return [`${differences} rows differ`, ...lines].join('\n  ');
}

/** As of a time to come, a table is what it is now. */
async function asOfDifference(
  { pipeline }: PlayedCase,
  { database, table }: TableId,
): Promise<string | undefined> {
  const now = `SELECT * FROM ${DUCKDB.view(database, table)}`;
  const later = `SELECT * FROM ${DUCKDB.view(database, `${table}__as_of`)}(TIMESTAMPTZ '2100-01-01 00:00:00Z')`;
  const [[onlyNow, onlyLater] = []] = await pipeline.query(
    `SELECT (SELECT CAST(count(*) AS VARCHAR) FROM (${now} EXCEPT ALL ${later})), (SELECT CAST(count(*) AS VARCHAR) FROM (${later} EXCEPT ALL ${now}))`,
  );
  return onlyNow === '0' && onlyLater === '0'
    ? undefined
    : `as of now, ${onlyNow} of its rows are missing and ${onlyLater} are too many`;
}

export const rowText = (row: unknown): string =>
  JSON.stringify(row, (_, value: unknown) =>
    typeof value === 'string' && value.length > SHOWN_CHARS
      ? `${value.slice(0, SHOWN_CHARS)}… (${value.length})`
      : value,
  );
