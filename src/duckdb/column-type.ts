import { unreachable } from '../change/brand.ts';
import type { Column, ColumnType } from '../change/table.ts';
import { duckdbDialect } from './duckdb-dialect.ts';

/** The largest precision of DuckDB's DECIMAL; MySQL's goes up to 65. */
const MAX_DECIMAL_DIGITS = 38;

/**
 * How a column is stored and how its value gets there from a row's JSON.
 *
 * | source | stored | from JSON |
 * | --- | --- | --- |
 * | integer of 1, 2, 3 and 4, 8 bytes | TINYINT, SMALLINT, INTEGER, BIGINT, or UTINYINT … UBIGINT | number |
 * | decimal up to 38 digits | DECIMAL(p, s) | text |
 * | decimal beyond | VARCHAR, the digits as they are | text |
 * | float, double | FLOAT, DOUBLE | number |
 * | bit(1), bit(n) | BOOLEAN, BLOB (little-endian) | boolean, base64 |
 * | year | SMALLINT | number |
 * | date | DATE | days; any other text is inexact |
 * | time | INTERVAL: exact and comparable, and unlike TIME it has a sign and goes beyond a day | microseconds |
 * | datetime | TIMESTAMP | milli- or microseconds; any other text is inexact |
 * | timestamp | TIMESTAMPTZ | ISO text; any other text is inexact |
 * | text, enum, set | VARCHAR | text |
 * | binary | BLOB | base64 |
 * | json | JSON, which keeps the text byte for byte | text |
 * | geometry | STRUCT(srid UINTEGER, wkb BLOB) | object |
 * | vector | FLOAT[] | array |
 */
export interface ColumnCodec {
  readonly storedType: string;
  /** Structure for from_json_strict: what is cut out of the row before anything else. */
  readonly jsonType: unknown;
  /** The stored value, given the field that `jsonType` describes. */
  readonly value: (field: string) => string;
  /** Whether {@link value} may be NULL although `field` is not; the field is then VARCHAR. */
  readonly mayBeInexact: boolean;
}

const asIs = (storedType: string): ColumnCodec => ({
  storedType,
  jsonType: storedType,
  value: (field) => field,
  mayBeInexact: false,
});

const fromText = (storedType: string, value: ColumnCodec['value']): ColumnCodec => ({
  storedType,
  jsonType: 'VARCHAR',
  value,
  mayBeInexact: true,
});

const BLOB: ColumnCodec = {
  storedType: 'BLOB',
  jsonType: 'VARCHAR',
  value: (field) => `from_base64(${field})`,
  mayBeInexact: false,
};

const INTERVAL: ColumnCodec = {
  storedType: 'INTERVAL',
  jsonType: 'BIGINT',
  value: (field) => `to_microseconds(${field})`,
  mayBeInexact: false,
};

const GEOMETRY: ColumnCodec = {
  storedType: 'STRUCT(srid UINTEGER, wkb BLOB)',
  jsonType: { srid: 'UINTEGER', wkb: 'VARCHAR' },
  value: (field) =>
    `CASE WHEN ${field} IS NULL THEN NULL ELSE {'srid': ${field}.srid, 'wkb': from_base64(${field}.wkb)} END`,
  mayBeInexact: false,
};

const DATE = fromText('DATE', (field) => `DATE '1970-01-01' + TRY_CAST(${field} AS INTEGER)`);

const TIMESTAMPTZ = fromText('TIMESTAMPTZ', (field) => `TRY_CAST(${field} AS TIMESTAMPTZ)`);

const JSON_TEXT = fromText('JSON', (field) => `TRY_CAST(${field} AS JSON)`);

/** Values carry milliseconds up to three fraction digits, microseconds beyond. */
function timestamp(fractionDigits: number): ColumnCodec {
  const scale = fractionDigits <= 3 ? ' * 1000' : '';
  return fromText('TIMESTAMP', (field) => `make_timestamp(TRY_CAST(${field} AS BIGINT)${scale})`);
}

const INTEGERS = { 1: 'TINYINT', 2: 'SMALLINT', 3: 'INTEGER', 4: 'INTEGER', 8: 'BIGINT' } as const;

export function columnCodec(type: ColumnType): ColumnCodec {
  switch (type.kind) {
    case 'integer':
      return asIs(`${type.unsigned ? 'U' : ''}${INTEGERS[type.bytes]}`);
    case 'decimal':
      return asIs(
        type.precision <= MAX_DECIMAL_DIGITS
          ? `DECIMAL(${type.precision},${type.scale})`
          : 'VARCHAR',
      );
    case 'float':
      return asIs('FLOAT');
    case 'double':
      return asIs('DOUBLE');
    case 'bit':
      return type.bits === 1 ? asIs('BOOLEAN') : BLOB;
    case 'year':
      return asIs('SMALLINT');
    case 'date':
      return DATE;
    case 'time':
      return INTERVAL;
    case 'datetime':
      return timestamp(type.fractionDigits);
    case 'timestamp':
      return TIMESTAMPTZ;
    case 'text':
    case 'enum':
    case 'set':
      return asIs('VARCHAR');
    case 'binary':
      return BLOB;
    case 'json':
      return JSON_TEXT;
    case 'geometry':
      return GEOMETRY;
    case 'vector':
      return { ...asIs('FLOAT[]'), jsonType: ['FLOAT'] };
    default:
      return unreachable(type);
  }
}

/** Whether numbers of the column may be a negative zero, whose sign JSON readers drop from `-0`. */
export function mayBeNegativeZero({ type }: Column): boolean {
  return type.kind === 'float' || type.kind === 'double' || type.kind === 'vector';
}

/** A value in the JSON of a row as an expression of the type that its column is stored as. */
export function constantExpression({ type }: Column, json: string): string {
  const { text } = duckdbDialect;
  const { jsonType, value } = columnCodec(type);
  const row = text(`{"v":${json}}`);
  return value(`from_json_strict(${row}, ${text(JSON.stringify({ v: jsonType }))}).v`);
}

/** A column of a row and the name in the physical tables that its value goes to. */
export interface RowColumn {
  readonly column: Column;
  readonly stored: string;
}

/** JSON object stored column → text for the values that their columns cannot hold, else NULL. */
export function inexactExpression(columns: readonly RowColumn[], row: string): string {
  const { identifier, text } = duckdbDialect;
  const losses = columns.flatMap(({ column: { name, type }, stored }) => {
    const codec = columnCodec(type);
    if (!codec.mayBeInexact) return [];
    const field = `${row}.${identifier(name)}`;
    return [{ stored, field, lost: `${field} IS NOT NULL AND (${codec.value(field)}) IS NULL` }];
  });
  if (losses.length === 0) return 'NULL';
  const members = losses.map(
    ({ stored, field, lost }) =>
      `CASE WHEN ${lost} THEN ${text(`${JSON.stringify(stored)}:`)} || CAST(to_json(${field}) AS VARCHAR) END`,
  );
  const any = losses.map(({ lost }) => `(${lost})`).join(' OR ');
  return `CASE WHEN ${any} THEN '{' || concat_ws(',', ${members.join(', ')}) || '}' END`;
}
