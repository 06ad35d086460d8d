import { createConnection as createStreamingConnection } from 'mysql2';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import type { SqlAddress } from '../tools/stack/address.ts';
import { type CanonicalText, canonicalText, type SourceColumn } from './canonical-text.ts';
import { DUCKDB, type WarehouseDialect, type WarehouseText } from './warehouse-dialect.ts';

/** A table as the source describes it. */
export interface TableShape {
  readonly database: string;
  readonly table: string;
  readonly columns: readonly (SourceColumn & { readonly text: CanonicalText })[];
  /** Column names in the order of the primary key. */
  readonly key: readonly string[];
}

/** A row as canonical texts; `key` is JSON of the key's texts. */
export interface CanonicalRow {
  readonly key: string;
  readonly values: readonly (string | null)[];
}

export interface TableComparison {
  readonly table: string;
  readonly sourceRows: number;
  readonly warehouseRows: number;
  readonly differences: number;
  /** The first differing keys and which columns differ; never values. */
  readonly examples: readonly string[];
}

/** Runs one SELECT of the warehouse and gives all its rows; texts and NULLs only. */
export type WarehouseQuery = (sql: string) => Promise<readonly (readonly (string | null)[])[]>;

const MAX_EXAMPLES = 10;
const PAGE_ROWS = 20_000;
const STREAMED_ROWS = 500;

/** Every base table of a database. */
export async function readShapes(
  mysql: SqlAddress,
  database: string,
): Promise<readonly TableShape[]> {
  const db = await createConnection({ ...mysql, database });
  try {
    const [columns] = await db.query<RowDataPacket[]>(
      `SELECT table_name AS tableName, column_name AS name, data_type AS dataType, column_type AS columnType
         FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
        WHERE table_schema = ? AND table_type = 'BASE TABLE' ORDER BY table_name, ordinal_position`,
      [database],
    );
    const [keys] = await db.query<RowDataPacket[]>(
      `SELECT table_name AS tableName, column_name AS name FROM information_schema.key_column_usage
        WHERE table_schema = ? AND constraint_name = 'PRIMARY' ORDER BY table_name, ordinal_position`,
      [database],
    );
    const byTable = Map.groupBy(columns, (column) => String(column['tableName']));
    return [...byTable].map(([table, its]) => ({
      database,
      table,
      columns: its.map((column) => {
        const described = {
          name: String(column['name']),
          dataType: String(column['dataType']),
          columnType: String(column['columnType']),
        };
        return { ...described, text: canonicalText(described) };
      }),
      key: keys.filter((key) => key['tableName'] === table).map((key) => String(key['name'])),
    }));
  } finally {
    await db.end();
  }
}

/** Compares a table with its view, value by value, holding one page of each at a time. */
export async function compareTable(
  mysql: SqlAddress,
  query: WarehouseQuery,
  shape: TableShape,
  dialect: WarehouseDialect = DUCKDB,
): Promise<TableComparison> {
  const texts = shape.columns.map((column) => dialect.text(column));
  await using source = expectedRows(sourceRows(mysql, shape), texts);
  await using warehouse = warehouseRows(query, shape, dialect);
  const tally = { sourceRows: 0, warehouseRows: 0, differences: 0 };
  const examples: string[] = [];
  const differ = (key: string, what: string): void => {
    tally.differences += 1;
    if (examples.length < MAX_EXAMPLES) examples.push(`${key}: ${what}`);
  };
  const nextSource = async (): Promise<CanonicalRow | undefined> => {
    const { value, done } = await source.next();
    if (done) return undefined;
    tally.sourceRows += 1;
    return value;
  };
  const nextWarehouse = async (): Promise<CanonicalRow | undefined> => {
    const { value, done } = await warehouse.next();
    if (done) return undefined;
    tally.warehouseRows += 1;
    return value;
  };
  let left = await nextSource();
  let right = await nextWarehouse();
  while (left !== undefined || right !== undefined) {
    const order =
      left === undefined ? 1 : right === undefined ? -1 : compareKeys(shape, left, right);
    if (order < 0) {
      differ(left?.key ?? '', 'missing in the warehouse');
      left = await nextSource();
    } else if (order > 0) {
      differ(right?.key ?? '', 'only in the warehouse');
      right = await nextWarehouse();
    } else {
      const names = shape.columns
        .filter((_, index) => left?.values[index] !== right?.values[index])
        .map(({ name }) => name);
      if (names.length > 0) differ(left?.key ?? '', `${names.join(', ')} differ`);
      left = await nextSource();
      right = await nextWarehouse();
    }
  }
  return { table: `${shape.database}.${shape.table}`, ...tally, examples };
}

/** The order both servers are asked for: by the bytes of each key column's text. */
function compareKeys(shape: TableShape, a: CanonicalRow, b: CanonicalRow): number {
  for (const index of keyIndexes(shape)) {
    const order = Buffer.compare(
      Buffer.from(a.values[index] ?? ''),
      Buffer.from(b.values[index] ?? ''),
    );
    if (order !== 0) return order;
  }
  return 0;
}

function keyIndexes({ key, columns }: TableShape): readonly number[] {
  return key.map((name) => columns.findIndex((column) => column.name === name));
}

/** The source's rows in key order; the connection ends with the iteration. */
export async function* sourceRows(
  mysql: SqlAddress,
  shape: TableShape,
): AsyncGenerator<CanonicalRow, undefined> {
  const quote = (name: string): string => `\`${name.replaceAll('`', '``')}\``;
  const expressions = shape.columns.map(({ name, text }) => text.mysql(quote(name)));
  const order = keyIndexes(shape).map((index) => `CAST(${expressions[index]} AS BINARY)`);
  const db = createStreamingConnection({ ...mysql, database: shape.database });
  try {
    await db
      .promise()
      .query(`SET SESSION time_zone = '+00:00', sort_buffer_size = 64 * 1024 * 1024`);
    const sql = `SELECT ${expressions.join(', ')} FROM ${quote(shape.table)} ORDER BY ${order.join(', ')}`;
    const stream = db.query({ sql, rowsAsArray: true }).stream({ highWaterMark: STREAMED_ROWS });
    const polishes = shape.columns.map(({ text }) => text.polish);
    for await (const row of stream)
      yield canonicalRow(shape, row as readonly (string | null)[], polishes);
  } finally {
    db.destroy();
  }
  return undefined;
}

/** The source's rows as a warehouse is to show them. */
async function* expectedRows(
  rows: AsyncGenerator<CanonicalRow, undefined>,
  texts: readonly WarehouseText[],
): AsyncGenerator<CanonicalRow, undefined> {
  for await (const { key, values } of rows)
    yield {
      key,
      values: values.map((value, index) => {
        const expected = texts[index]?.expected;
        return value === null || expected === undefined ? value : expected(value);
      }),
    };
  return undefined;
}

async function* warehouseRows(
  query: WarehouseQuery,
  shape: TableShape,
  dialect: WarehouseDialect,
): AsyncGenerator<CanonicalRow, undefined> {
  const texts = shape.columns.map((column) => dialect.text(column));
  const expressions = shape.columns.map(
    ({ name }, index) => texts[index]?.expression(dialect.quote(name)) ?? '',
  );
  const keys = keyIndexes(shape).map((index) => expressions[index] ?? '');
  const named = [...expressions, ...keys].map((expression, index) => `${expression} AS c${index}`);
  const from = `FROM ${dialect.rows(shape)}`;
  let after = '';
  for (;;) {
    const rows = await query(
      `SELECT ${named.join(', ')} ${from} ${after} ORDER BY ${keys.join(', ')} LIMIT ${PAGE_ROWS}`,
    );
    for (const row of rows)
      yield canonicalRow(
        shape,
        row.slice(0, expressions.length),
        texts.map(({ polish }) => polish),
      );
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return undefined;
    const bounds = last.slice(expressions.length).map((text) => text ?? '');
    after = `WHERE ${dialect.after(keys, bounds)}`;
  }
}

function canonicalRow(
  shape: TableShape,
  row: readonly (string | null)[],
  polishes: readonly (WarehouseText['polish'] | undefined)[],
): CanonicalRow {
  const values = row.map((value, index) => {
    const polish = polishes[index];
    return value === null || polish === undefined ? value : polish(value);
  });
  return { key: JSON.stringify(keyIndexes(shape).map((index) => values[index])), values };
}
