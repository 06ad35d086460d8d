import type { CanonicalText, SourceColumn } from './canonical-text.ts';
import type { TableShape } from './compare-tables.ts';

/** How a column of a view is read as a canonical text. */
export interface WarehouseText {
  /** Expression over the quoted column; text or NULL. */
  readonly expression: (column: string) => string;
  /** From the warehouse's spelling to the canonical one. */
  readonly polish?: (text: string) => string;
  /** What the warehouse is to show for a canonical text of the source, where that is another one. */
  readonly expected?: (text: string) => string;
}

/** How the views of one kind of warehouse are asked for rows. */
export interface WarehouseDialect {
  readonly view: (database: string, table: string) => string;
  /** What the texts of a table's rows are selected from: its view, with what they need besides. */
  readonly rows: (shape: TableShape) => string;
  readonly quote: (column: string) => string;
  readonly asText: (expression: string) => string;
  readonly text: (column: SourceColumn & { readonly text: CanonicalText }) => WarehouseText;
  /** Condition that the expressions, in their order, are behind the texts. */
  readonly after: (expressions: readonly string[], texts: readonly string[]) => string;
}

const doubleQuoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const duckDbView = (database: string, table: string): string =>
  `${doubleQuoted(database)}.${doubleQuoted(table)}`;

export const DUCKDB: WarehouseDialect = {
  view: duckDbView,
  rows: ({ database, table }) => duckDbView(database, table),
  quote: doubleQuoted,
  asText: (expression) => `CAST(${expression} AS VARCHAR)`,
  text: ({ text: { duckdb, polish } }) => ({
    expression: duckdb,
    ...(polish === undefined ? {} : { polish }),
  }),
  after(expressions, texts) {
    const literals = texts.map((text) => `'${text.replaceAll("'", "''")}'`);
    return `(${expressions.join(', ')}) > (${literals.join(', ')})`;
  },
};
