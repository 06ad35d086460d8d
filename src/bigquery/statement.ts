/**
 * A statement or script, with what grows with the pipeline beside its text: BigQuery takes a
 * megabyte of text, and ten of a request with its parameters
 * (https://cloud.google.com/bigquery/quotas#query_jobs).
 */
export interface Statement {
  readonly sql: string;
  /** Parameters of type STRING, by their names: `@name` in the text. */
  readonly data?: Readonly<Record<string, string>>;
}

type ColumnType = 'STRING' | 'INT64';

/** Columns of rows that are given as JSON objects, with their types. */
export type RowColumns<Row> = Readonly<Record<keyof Row & string, ColumnType>>;

/** A relation of the rows that a parameter holds as a JSON array of objects; what an object lacks is NULL. */
export function rowsIn<Row>(parameter: string, columns: RowColumns<Row>): string {
  const list = Object.entries<ColumnType>(columns).map(([name, type]) => {
    const value = `JSON_VALUE(r, '$.${name}')`;
    return `${type === 'STRING' ? value : `CAST(${value} AS ${type})`} AS ${name}`;
  });
  return `SELECT ${list.join(', ')} FROM UNNEST(JSON_QUERY_ARRAY(@${parameter})) AS r`;
}

/** An array of structs of the same rows. */
export const structsIn = <Row>(parameter: string, columns: RowColumns<Row>): string =>
  `ARRAY(${rowsIn(parameter, columns).replace('SELECT', 'SELECT AS STRUCT')})`;

/** Several statements as one script with the data of all; no two of them have a name in common. */
export function transaction(statements: readonly Statement[]): Statement {
  const sql = [
    'BEGIN TRANSACTION',
    ...statements.map((statement) => statement.sql),
    'COMMIT TRANSACTION',
  ];
  return {
    sql: sql.map((text) => `${text};`).join('\n'),
    data: Object.assign({}, ...statements.map(({ data }) => data)) as Record<string, string>,
  };
}

/** What a request takes of data: ten megabytes hold it with the text, and with every quote in it escaped. */
export const MAX_DATA_BYTES = 4_000_000;

/** The rows as data of as few requests as hold them. */
export const dataParts = <Row>(rows: readonly Row[]): readonly (readonly Row[])[] =>
  inParts(rows, (row) => Buffer.byteLength(JSON.stringify(row)), MAX_DATA_BYTES);

/** As few parts as hold the items, in their order; one that is too large by itself is a part. */
export function inParts<Item>(
  items: readonly Item[],
  sizeOf: (item: Item) => number,
  limit: number,
): readonly (readonly Item[])[] {
  const parts: Item[][] = [];
  let room = 0;
  for (const item of items) {
    const size = sizeOf(item);
    if (size > room) {
      parts.push([]);
      room = limit;
    }
    parts.at(-1)?.push(item);
    room -= size;
  }
  return parts;
}
