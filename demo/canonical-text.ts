/**
 * One spelling for every value, reached from three sides without any code of src/: by the source
 * server's own SQL, by DuckDB's own SQL, and from the JSON of a topic. Two values are equal if and
 * only if these texts are.
 */
export interface CanonicalText {
  /** Expression over a quoted column of the source; text or NULL. The session's time zone is UTC. */
  readonly mysql: (column: string) => string;
  /** Expression over a quoted column of a warehouse view; text or NULL. */
  readonly duckdb: (column: string) => string;
  /** From a member of a row in a topic; never called for null. */
  readonly topic: (value: JsonValue) => string;
  /** Last step for texts of both servers, where their spellings differ. */
  readonly polish?: (text: string) => string;
}

/** JSON whose numbers are their digits as written. */
export type JsonValue =
  | string
  | boolean
  | JsonNumber
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue | null };

export interface JsonNumber {
  readonly digits: string;
}

/** TypeScript's library does not know the reviver's third argument yet (ES2025, in Node 24). */
const parseWithSource = JSON.parse as (
  text: string,
  reviver: (name: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown;

export function parseExactJson(text: string): JsonValue | null {
  return parseWithSource(text, (_name, value, { source = '' }) =>
    typeof value === 'number' ? { digits: source } : value,
  ) as JsonValue | null;
}

const asText = (column: string): string => `CAST(${column} AS CHAR CHARACTER SET utf8mb4)`;
const asVarchar = (column: string): string => `CAST(${column} AS VARCHAR)`;

const digitsOf = (value: JsonValue): string => {
  if (typeof value === 'object' && 'digits' in value && typeof value.digits === 'string')
    return value.digits;
  throw new Error('a number was expected in the topic');
};
const textOf = (value: JsonValue): string => {
  if (typeof value === 'string') return value;
  throw new Error('a text was expected in the topic');
};

const integer: CanonicalText = { mysql: asText, duckdb: asVarchar, topic: digitsOf };
const text: CanonicalText = {
  mysql: (column) => `CONVERT(${column} USING utf8mb4)`,
  duckdb: asVarchar,
  topic: textOf,
};

/** Shortest text of the double; negative zero keeps its sign. */
const shortest = (digits: string): string => {
  const value = Number(digits);
  return Object.is(value, -0) ? '-0' : String(value);
};
const double: CanonicalText = {
  mysql: (column) => `CAST(CAST(${column} AS DOUBLE) AS CHAR)`,
  duckdb: (column) => `CAST(CAST(${column} AS DOUBLE) AS VARCHAR)`,
  topic: (value) => shortest(digitsOf(value)),
  polish: shortest,
};
/** The server widens the four bytes exactly; a topic names them by a shorter text. */
const float: CanonicalText = {
  ...double,
  topic: (value) => shortest(String(Math.fround(Number(digitsOf(value))))),
};

const bit: CanonicalText = {
  mysql: (column) => `HEX(CAST(${column} AS UNSIGNED))`,
  duckdb: (column) => `hex(CAST(${column} AS UTINYINT))`,
  topic: (value) => (value === true ? '1' : '0'),
  polish: (hex) => BigInt(`0x${hex}`).toString(),
};
/** Bytes with the lowest bits first. */
const fromLittleEndian = (bytes: Buffer): string =>
  BigInt(
    `0x${bytes.toReversed().reduce((hex, byte) => hex + byte.toString(16).padStart(2, '0'), '')}`,
  ).toString();
const bits: CanonicalText = {
  mysql: (column) => `CONCAT('=', CAST(${column} AS UNSIGNED))`,
  duckdb: (column) => `hex(${column})`,
  topic: (value) => fromLittleEndian(Buffer.from(textOf(value), 'base64')),
  polish: (text) =>
    text.startsWith('=') ? text.slice(1) : fromLittleEndian(Buffer.from(text, 'hex')),
};

const bytes: CanonicalText = {
  mysql: (column) => `HEX(${column})`,
  duckdb: (column) => `hex(${column})`,
  topic: (value) => Buffer.from(textOf(value), 'base64').toString('hex').toUpperCase(),
};

/** Days and microseconds since 1970, and microseconds of a duration. */
const date: CanonicalText = {
  mysql: (column) => `CAST(DATEDIFF(${column}, '1970-01-01') AS CHAR)`,
  duckdb: (column) => `CAST(date_diff('day', DATE '1970-01-01', ${column}) AS VARCHAR)`,
  topic: digitsOf,
};
const microseconds = (column: string): string =>
  `CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', ${column}) AS CHAR)`;
const datetime = (fractionDigits: number): CanonicalText => ({
  mysql: microseconds,
  duckdb: (column) => `CAST(epoch_us(${column}) AS VARCHAR)`,
  topic: (value) => String(BigInt(digitsOf(value)) * (fractionDigits <= 3 ? 1000n : 1n)),
});
const timestamp: CanonicalText = {
  mysql: microseconds,
  duckdb: (column) => `CAST(epoch_us(${column}) AS VARCHAR)`,
  topic: (value) => microsecondsOf(textOf(value)),
};
const time: CanonicalText = {
  mysql: (column) =>
    `CAST(TIMESTAMPDIFF(MICROSECOND, '2000-01-01 00:00:00', ADDTIME('2000-01-01 00:00:00.000000', ${column})) AS CHAR)`,
  duckdb: (column) =>
    `CAST(epoch_us(TIMESTAMP '2000-01-01 00:00:00' + ${column}) - epoch_us(TIMESTAMP '2000-01-01 00:00:00') AS VARCHAR)`,
  topic: digitsOf,
};

/** Of `2026-11-23T01:02:03.123456Z`. */
function microsecondsOf(iso: string): string {
  const [seconds = '', fraction = ''] = iso.replace('Z', '').split('.');
  const wholeMs = Date.parse(`${seconds}Z`);
  return String(BigInt(wholeMs) * 1000n + BigInt(fraction.padEnd(6, '0')));
}

/** What information_schema.columns says about a column. */
export interface SourceColumn {
  readonly name: string;
  readonly dataType: string;
  /** `bit(12)`, `datetime(6)`. */
  readonly columnType: string;
}

const BY_TYPE: Readonly<Record<string, CanonicalText>> = {
  tinyint: integer,
  smallint: integer,
  mediumint: integer,
  int: integer,
  bigint: integer,
  year: { ...integer, mysql: (column) => `CAST(${column} + 0 AS CHAR)` },
  decimal: { ...integer, topic: textOf },
  float,
  double,
  date,
  timestamp,
  time,
  char: text,
  varchar: text,
  tinytext: text,
  text,
  mediumtext: text,
  longtext: text,
  enum: text,
  set: text,
  json: { ...text, mysql: asText },
  binary: bytes,
  varbinary: bytes,
  tinyblob: bytes,
  blob: bytes,
  mediumblob: bytes,
  longblob: bytes,
};

/** @throws {Error} for a type that no table of the demo has */
export function canonicalText({ name, dataType, columnType }: SourceColumn): CanonicalText {
  const argument = Number(/\((\d+)/.exec(columnType)?.[1] ?? 0);
  if (dataType === 'bit') return argument > 1 ? bits : bit;
  if (dataType === 'datetime') return datetime(argument);
  const found = BY_TYPE[dataType];
  if (found === undefined)
    throw new Error(`the comparison does not know ${columnType} (column ${name})`);
  return found;
}
