import {
  DOUBLE,
  type DuckDBConnection,
  DuckDBDataChunk,
  UINTEGER,
  VARCHAR,
} from '@duckdb/node-api';
import type { TableSchema } from '../change/table.ts';
import { InvariantBroken } from '../errors/error.ts';
import type { ChangeRow, TableRows } from '../sink/destination.ts';
import { keepNegativeZeros } from '../sink/negative-zeros.ts';
import { findColumn } from '../view/place-columns.ts';
import { META, type StoredTable } from '../view/stored-table.ts';
import { rowsByForm, storedName } from '../view/table-form.ts';
import {
  columnCodec,
  inexactExpression,
  mayBeNegativeZero,
  type RowColumn,
} from './column-type.ts';
import { duckdbDialect } from './duckdb-dialect.ts';

const { identifier, text } = duckdbDialect;

/** Rows of a DuckDB vector. */
const CHUNK_ROWS = 2048;

/**
 * JSON that one INSERT turns into columns: it takes several times as much memory meanwhile, while what
 * it has written can be spilled to disk.
 */
const INSERT_CHARS = 8 << 20;

const MOST_COMPARED_COLUMNS = 100;

const STAGE = 'temp.sluice_stage';
const STAGE_COLUMNS =
  'epoch UINTEGER, commit_ordinal DOUBLE, row_part UINTEGER, op VARCHAR, committed_at_us DOUBLE, position VARCHAR, body VARCHAR';
const STAGE_TYPES = [UINTEGER, DOUBLE, UINTEGER, VARCHAR, DOUBLE, VARCHAR, VARCHAR];

/**
 * Where rows wait for one INSERT … SELECT that DuckDB's own JSON reader turns into typed columns: no
 * value passes through a JavaScript number. Doubles carry only integers below 2^53, which spares a
 * BigInt per row.
 */
export class RowStage {
  readonly #connection: DuckDBConnection;
  readonly #chunk = DuckDBDataChunk.create(STAGE_TYPES, CHUNK_ROWS);

  /** Not known before the first statement: the setting is one of the whole file. */
  #comparesExpressions: boolean | undefined;

  constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  /**
   * Appends the rows to the table's changelog, within the transaction that is open, in pieces when
   * they are large.
   */
  async store(all: TableRows, table: StoredTable, ingestedAtUs: number): Promise<void> {
    for (const { form, rows: ofForm } of rowsByForm(table, all.rows))
      for (const rows of apart(ofForm).flatMap(piecesOf))
        await this.#store({ ...all, rows }, form, ingestedAtUs);
  }

  /**
   * Rows that were deleted from a temporary table keep their blocks for as long as it exists, so each
   * piece has one of its own.
   */
  async #store(rows: TableRows, table: StoredTable, ingestedAtUs: number): Promise<void> {
    await this.#connection.run(`CREATE OR REPLACE TEMP TABLE sluice_stage (${STAGE_COLUMNS})`);
    await this.#fill(rows, table);
    await this.#compareExpressions(rows.schema.columns.length <= MOST_COMPARED_COLUMNS);
    await this.#connection.run(insertStatement(rows, table, ingestedAtUs));
    await this.#connection.run(`DROP TABLE ${STAGE}`);
  }

  /**
   * The search for common parts compares every column's expression with every other's, which takes a
   * minute for a thousand dates.
   */
  async #compareExpressions(wanted: boolean): Promise<void> {
    if (this.#comparesExpressions === wanted) return;
    const without = wanted ? '' : 'common_subexpressions';
    await this.#connection.run(`SET disabled_optimizers = '${without}'`);
    this.#comparesExpressions = wanted;
  }

  async #fill({ rows, schema }: TableRows, table: StoredTable): Promise<void> {
    const imageOf = schema.columns.some(mayBeNegativeZero)
      ? (row: ChangeRow) => keepNegativeZeros(row.row)
      : (row: ChangeRow) => row.row;
    const bodyOf = hasInvalidTexts(rows) ? withInvalidTexts(imageOf, schema, table) : imageOf;
    const appender = await this.#connection.createAppender('sluice_stage', 'main', 'temp');
    try {
      for (let start = 0; start < rows.length; start += CHUNK_ROWS) {
        const part = rows.slice(start, start + CHUNK_ROWS);
        this.#chunk.reset();
        this.#chunk.rowCount = part.length;
        this.#chunk.setColumns([
          part.map(({ seq }) => Number.parseInt(seq.slice(0, 8), 16)),
          part.map(({ seq }) => Number.parseInt(seq.slice(9, 25), 16)),
          part.map(({ seq }) => Number.parseInt(seq.slice(26), 16)),
          part.map(({ op }) => op),
          part.map(({ committedAtUs }) => committedAtUs),
          part.map(({ position }) => position),
          part.map(bodyOf),
        ]);
        appender.appendDataChunk(this.#chunk);
      }
    } finally {
      appender.closeSync();
    }
  }
}

const hasInvalidTexts = (rows: readonly ChangeRow[]): boolean => rows[0]?.invalid !== undefined;

/** Rows with values that are no texts have a statement of their own, so that the others need not look for any. */
function apart(rows: readonly ChangeRow[]): readonly (readonly ChangeRow[])[] {
  if (rows.every(({ invalid }) => invalid === undefined)) return [rows];
  return [
    rows.filter(({ invalid }) => invalid === undefined),
    rows.filter(({ invalid }) => invalid !== undefined),
  ];
}

/** An object of both: the image `r`, and `i`, the bytes by stored column. */
function withInvalidTexts(
  imageOf: (row: ChangeRow) => string,
  schema: TableSchema,
  table: StoredTable,
): (row: ChangeRow) => string {
  const stored = new Map(placesOf(schema, table).map((at) => [at.column.name, at.stored]));
  return (row) => {
    const texts = [...(row.invalid ?? [])].map(([name, bytes]) => {
      const column = stored.get(name);
      if (column !== undefined) return [column, bytes] as const;
      throw new InvariantBroken(`a row has column ${name}, its schema does not`);
    });
    return `{"r":${imageOf(row)},"i":${JSON.stringify(Object.fromEntries(texts))}}`;
  };
}

/** In order, each as long as an INSERT takes, or one row. */
function piecesOf(rows: readonly ChangeRow[]): readonly (readonly ChangeRow[])[] {
  const pieces: ChangeRow[][] = [];
  let chars = Number.POSITIVE_INFINITY;
  for (const row of rows) {
    if (chars + row.row.length > INSERT_CHARS) {
      pieces.push([]);
      chars = 0;
    }
    pieces.at(-1)?.push(row);
    chars += row.row.length;
  }
  return pieces;
}

function insertStatement(
  { schema, schemaId, rows }: TableRows,
  table: StoredTable,
  ingestedAtUs: number,
): string {
  const placed = placesOf(schema, table);
  const structure = Object.fromEntries(
    schema.columns.map(({ name, type }) => [name, columnCodec(type).jsonType]),
  );
  const values = placed.map(({ column: { name, type }, type: target }) => {
    const { storedType, value } = columnCodec(type);
    const typed = value(`x.r.${identifier(name)}`);
    return target === storedType ? typed : `CAST(${typed} AS ${target})`;
  });
  const targets = placed.map(({ stored }) => identifier(stored));
  const isNoted = hasInvalidTexts(rows);
  const lost = inexactExpression(placed, 'x.r');
  const inexact = isNoted ? `json_merge_patch(COALESCE(${lost}, '{}'), x.i)` : lost;
  const meta: readonly (readonly [string, string])[] = [
    [META.seq, '(x.epoch::HUGEINT << 96) + (x.commit_ordinal::BIGINT::HUGEINT << 32) + x.row_part'],
    [META.op, 'x.op'],
    [META.committedAt, 'make_timestamptz(x.committed_at_us::BIGINT)'],
    [META.ingestedAt, `make_timestamptz(${ingestedAtUs})`],
    [META.position, 'x.position'],
    [META.schemaId, text(schemaId)],
    [META.inexact, inexact],
  ];
  return (
    `INSERT INTO ${duckdbDialect.changes(table)} (${[...targets, ...meta.map(([name]) => name)].join(', ')})` +
    ` SELECT ${[...values, ...meta.map(([, value]) => value)].join(', ')}` +
    ` FROM (${isNoted ? notedRows(structure) : plainRows(structure)}) AS x`
  );
}

const plainRows = (structure: object): string =>
  `SELECT *, from_json_strict(body, ${text(JSON.stringify(structure))}) AS r FROM ${STAGE}`;

const notedRows = (structure: object): string =>
  `SELECT * EXCLUDE (b), b.r AS r, b.i AS i FROM (SELECT *, from_json_strict(body, ${text(JSON.stringify({ r: structure, i: 'VARCHAR' }))}) AS b FROM ${STAGE}) AS y`;

interface PlacedColumn extends RowColumn {
  readonly type: string;
}

/** Where the columns of a schema are in the physical tables, for a table in the form that its rows have. */
function placesOf(schema: TableSchema, table: StoredTable): readonly PlacedColumn[] {
  const byName = new Map(table.columns.map((column) => [column.wanted ?? column.name, column]));
  return schema.columns.map((column) => {
    const found = byName.get(column.name) ?? findColumn(table.columns, column.name);
    if (!found) throw new InvariantBroken(`column ${column.name} of ${table.name} is not stored`);
    return { column, stored: storedName(found), type: found.type };
  });
}
