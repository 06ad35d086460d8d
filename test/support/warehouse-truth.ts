import { createConnection, type RowDataPacket } from 'mysql2/promise';
import type { TableShape, WarehouseQuery } from '../../demo/compare-tables.ts';
import type { WarehouseDialect } from '../../demo/warehouse-dialect.ts';
import type { SqlAddress } from '../../tools/stack/address.ts';

/** How a warehouse is asked what it shows and what it says of it. */
export interface AskedWarehouse {
  readonly name: string;
  readonly dialect: WarehouseDialect;
  readonly query: WarehouseQuery;
  /** Of the bookkeeping, as a FROM names them. */
  readonly status: string;
  readonly checkpoint: string;
  /** Names of the views of a database. */
  readonly views: (database: string) => Promise<readonly string[]>;
  /** Rows of a table as of a time to come. */
  readonly asOf: (database: string, table: string) => string;
}

/** What `_cdc_status` says of a table. */
export interface Said {
  readonly status: string;
  /** Sequence since when it is not consistent. */
  readonly since: string | null;
  readonly code: string | null;
  readonly reason: string | null;
}

/** By the name of the table in its database. */
export async function statusesOf(
  { query, status, dialect: { asText } }: AskedWarehouse,
  database: string,
): Promise<ReadonlyMap<string, Said>> {
  const since = asText('s.not_consistent_since');
  const rows = await query(
    `SELECT s.table_name, s.status, ${since} AS since, s.code, s.reason FROM ${status} AS s ORDER BY s.table_name`,
  );
  return new Map(
    rows.map(([name, said, sinceSeq, code, reason]) => [
      (name ?? '').replace(`${database}.`, ''),
      { status: said ?? '', since: sinceSeq ?? null, code: code ?? null, reason: reason ?? null },
    ]),
  );
}

/** Position of the source up to which the warehouse shows everything; undefined before its first cut. */
export async function shownGtids({
  query,
  checkpoint,
}: AskedWarehouse): Promise<string | undefined> {
  const [[gtids] = []] = await query(`SELECT p.gtid_set FROM ${checkpoint} AS p`);
  return gtids ?? undefined;
}

/** Names of the tables that have a view of present rows. */
export async function viewsOf(
  warehouse: AskedWarehouse,
  database: string,
): Promise<ReadonlySet<string>> {
  const names = await warehouse.views(database);
  return new Set(names.filter((name) => !/__(changes|history|latest)$/.test(name)));
}

type Values = readonly (string | null)[];

/** Every row of a table, its values as canonical texts. */
export async function sourceValues(
  { host, port, user, password }: SqlAddress,
  { database, table, columns }: TableShape,
): Promise<readonly Values[]> {
  const session = await createConnection({ host, port, user, password, timezone: 'Z' });
  try {
    await session.query("SET SESSION time_zone = '+00:00'");
    const texts = columns.map(({ name, text }) => text.mysql(`\`${name}\``));
    const [rows] = await session.query<RowDataPacket[][]>({
      sql: `SELECT ${texts.join(', ')} FROM \`${database}\`.\`${table}\``,
      rowsAsArray: true,
    });
    return (rows as unknown as readonly Values[]).map((values) =>
      polishedBy(values, (index) => columns[index]?.text.polish),
    );
  } finally {
    await session.end();
  }
}

/** The source's rows as texts that a warehouse is to show, sorted: a table without a key has no other order. */
export function expectedTexts(
  { dialect }: AskedWarehouse,
  shape: TableShape,
  rows: readonly Values[],
): readonly string[] {
  const texts = shape.columns.map((column) => dialect.text(column));
  return rows
    .map((values) =>
      rowText(
        shape,
        polishedBy(values, (index) => texts[index]?.expected),
      ),
    )
    .sort();
}

type Part = 'view' | 'as of now' | 'open versions';

/** The rows of a table as its view, its rows as of now and the open versions of its history show them. */
export async function shownTexts(
  { dialect, query, asOf }: AskedWarehouse,
  shape: TableShape,
): Promise<ReadonlyMap<Part, readonly string[]>> {
  const { database, table } = shape;
  const columns = shape.columns.map(
    (column, index) =>
      `${dialect.text(column).expression(dialect.quote(column.name))} AS c${index}`,
  );
  const sources: readonly (readonly [Part, string])[] = [
    ['view', dialect.view(database, table)],
    ['as of now', asOf(database, table)],
    [
      'open versions',
      `(SELECT * FROM ${dialect.view(database, `${table}__history`)} WHERE valid_to IS NULL)`,
    ],
  ];
  const selects = sources.map(
    ([part, from]) => `SELECT '${part}' AS part, ${columns.join(', ')} FROM ${from}`,
  );
  const texts = shape.columns.map((column) => dialect.text(column));
  const found = new Map<Part, string[]>(sources.map(([part]) => [part, []]));
  for (const [part, ...values] of await query(selects.join(' UNION ALL ')))
    found.get(part as Part)?.push(
      rowText(
        shape,
        polishedBy(values, (index) => texts[index]?.polish),
      ),
    );
  for (const list of found.values()) list.sort();
  return found;
}

function polishedBy(
  values: Values,
  polishOf: (index: number) => ((text: string) => string) | undefined,
): Values {
  return values.map((value, index) => {
    const polish = polishOf(index);
    return value === null || polish === undefined ? value : polish(value);
  });
}

/**
 * Numbers are compared by value: a column that has changed its type may be of a wider one in the
 * warehouse, which shows 2 as 2.0.
 */
function rowText({ columns }: TableShape, values: Values): string {
  const texts = columns.map(({ dataType }, index) => {
    const value = values[index] ?? null;
    return value !== null && /int|decimal/.test(dataType) && value.includes('.')
      ? value.replace(/\.?0+$/, '')
      : value;
  });
  return JSON.stringify(texts);
}
