import { tableFilter } from '../change/table-pattern.ts';
import { connect, type MysqlAccount } from './connection.ts';
import { allTables, tellDefinitions } from './information-schema.ts';

/** What the statistics of a server say of some of its tables; estimates of it, all of them. */
export interface TableSizes {
  readonly tables: number;
  readonly rows: number;
  /** Without indexes beside the clustered one. */
  readonly dataBytes: number;
}

/**
 * @param captured  `database.table` patterns
 * @throws {SluiceError} a `mysql.*` code when the server cannot be reached or refuses the account
 */
export async function tableSizes(
  account: MysqlAccount,
  captured: { readonly include: readonly string[]; readonly exclude: readonly string[] },
  signal: AbortSignal,
): Promise<TableSizes> {
  await using session = await connect(account, {}, signal);
  await tellDefinitions(session);
  const { where, values, matches } = allTables(tableFilter(captured.include, captured.exclude));
  const rows = await session.query(
    `SELECT TABLE_SCHEMA AS \`database\`, TABLE_NAME AS \`table\`, TABLE_ROWS AS estimatedRows, DATA_LENGTH AS dataBytes
       FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' AND ${where}`,
    'reading the sizes of tables',
    values,
  );
  const found = rows.filter((row) =>
    matches({ database: row['database'] ?? '', table: row['table'] ?? '' }),
  );
  const total = (column: 'estimatedRows' | 'dataBytes'): number =>
    found.reduce((all, row) => all + Number(row[column] ?? 0), 0);
  return { tables: found.length, rows: total('estimatedRows'), dataBytes: total('dataBytes') };
}
