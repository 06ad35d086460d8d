import { unreachable } from '../change/brand.ts';
import type { ColumnType } from '../change/table.ts';
import { keepNegativeZeros } from '../sink/negative-zeros.ts';
import { exactJson } from './exact-json.ts';

/**
 * How a column is stored and how its value gets there from a row's JSON.
 *
 * | source | stored | in a load file |
 * | --- | --- | --- |
 * | integer, signed or below 8 bytes | INT64 | digits as text: a number may pass through a double |
 * | BIGINT UNSIGNED | NUMERIC | digits as text |
 * | decimal, at most 29 digits before the point and 9 behind | NUMERIC | text |
 * | decimal, at most 38 digits before the point | BIGNUMERIC | text |
 * | decimal beyond | STRING, the digits as they are | text |
 * | float, double | FLOAT64, a float by its shortest decimal form | number; a negative zero as `-0.0` |
 * | bit(1), bit(n) | BOOL, BYTES (little-endian) | boolean, base64 |
 * | year | INT64 | digits as text |
 * | date | DATE | text; what is no day from year 1 on is inexact |
 * | time | TIME | text; what is negative or beyond a day is inexact |
 * | datetime | DATETIME | text; what is no day from year 1 on is inexact |
 * | timestamp | TIMESTAMP | text; what is no instant is inexact |
 * | text, enum, set | STRING | text |
 * | binary | BYTES | base64 |
 * | json | JSON: equal as a value, not byte for byte | the value itself; what BigQuery's JSON cannot hold (the value `null`, digits beyond a double, a name twice) is inexact |
 * | geometry | STRUCT<srid INT64, wkb BYTES> | object |
 * | vector | ARRAY<FLOAT64>; NULL is the empty array, which MySQL does not have | array |
 *
 * A column is inexact in a row when it is NULL there and the original text is in `_cdc_inexact`. Of a
 * value that is no text of its charset, `_cdc_inexact` has the bytes beside what stands for it.
 */
export interface ColumnForm {
  readonly type: StoredType;
  readonly mayBeInexact: boolean;
  /** JSON text of the row's value, never `null`, → that of the load file; `undefined` when the type cannot hold it. */
  readonly write: (json: string) => string | undefined;
  /** Text for what `write` cannot: the value's own when absent. */
  readonly original?: (json: string) => string;
}

/** The types of BigQuery that Sluice stores anything in. */
export type StoredType =
  | 'INT64'
  | 'NUMERIC'
  | 'BIGNUMERIC'
  | 'FLOAT64'
  | 'BOOL'
  | 'BYTES'
  | 'STRING'
  | 'DATE'
  | 'TIME'
  | 'DATETIME'
  | 'TIMESTAMP'
  | 'JSON'
  | 'STRUCT<srid INT64, wkb BYTES>'
  | 'ARRAY<FLOAT64>';

const asIs = (type: StoredType): ColumnForm => ({
  type,
  mayBeInexact: false,
  write: (json) => json,
});

const quoted = (type: StoredType): ColumnForm => ({
  type,
  mayBeInexact: false,
  write: (json) => `"${json}"`,
});

const partial = (type: StoredType, write: ColumnForm['write']): ColumnForm => ({
  type,
  mayBeInexact: true,
  write,
});

const FLOAT64: ColumnForm = { type: 'FLOAT64', mayBeInexact: false, write: keepNegativeZero };
const VECTOR: ColumnForm = {
  type: 'ARRAY<FLOAT64>',
  mayBeInexact: false,
  write: keepNegativeZeros,
};
const TIMESTAMP = partial('TIMESTAMP', (json) => (/^"\d{4}-.*Z"$/.test(json) ? json : undefined));
const DATE = partial('DATE', (json) => (isInteger(json) ? dayText(Number(json)) : undefined));
const TIME: ColumnForm = {
  ...partial('TIME', (json) => timeText(Number(json))),
  original: (json) => mysqlTime(Number(json)),
};
const DATETIME_MILLIS = partial('DATETIME', (json) =>
  isInteger(json) ? datetimeText(BigInt(json) * 1000n) : undefined,
);
const DATETIME_MICROS = partial('DATETIME', (json) =>
  isInteger(json) ? datetimeText(BigInt(json)) : undefined,
);
const JSON_VALUE = partial('JSON', (json) => exactJson(JSON.parse(json) as string));

const NUMERIC_WHOLE_DIGITS = 29;
const NUMERIC_SCALE = 9;
const BIGNUMERIC_WHOLE_DIGITS = 38;

export function columnForm(type: ColumnType): ColumnForm {
  switch (type.kind) {
    case 'integer':
      return quoted(type.unsigned && type.bytes === 8 ? 'NUMERIC' : 'INT64');
    case 'decimal':
      return asIs(decimalType(type.precision - type.scale, type.scale));
    case 'float':
    case 'double':
      return FLOAT64;
    case 'bit':
      return asIs(type.bits === 1 ? 'BOOL' : 'BYTES');
    case 'year':
      return quoted('INT64');
    case 'date':
      return DATE;
    case 'time':
      return TIME;
    case 'datetime':
      return type.fractionDigits <= 3 ? DATETIME_MILLIS : DATETIME_MICROS;
    case 'timestamp':
      return TIMESTAMP;
    case 'text':
    case 'enum':
    case 'set':
      return asIs('STRING');
    case 'binary':
      return asIs('BYTES');
    case 'json':
      return JSON_VALUE;
    case 'geometry':
      return asIs('STRUCT<srid INT64, wkb BYTES>');
    case 'vector':
      return VECTOR;
    default:
      return unreachable(type);
  }
}

function decimalType(wholeDigits: number, scale: number): StoredType {
  if (wholeDigits <= NUMERIC_WHOLE_DIGITS && scale <= NUMERIC_SCALE) return 'NUMERIC';
  // MySQL has at most 30 digits behind the point, BIGNUMERIC 38.
  return wholeDigits <= BIGNUMERIC_WHOLE_DIGITS ? 'BIGNUMERIC' : 'STRING';
}

function isInteger(json: string): boolean {
  return /^-?\d+$/.test(json);
}

function keepNegativeZero(json: string): string {
  return json === '-0' ? '-0.0' : json;
}

const SECOND_US = 1_000_000;
const DAY_US = 86_400 * SECOND_US;
/** 0001-01-01, the first day BigQuery has; 9999-12-31, the last of both. */
const FIRST_DAY = -719_162;
const LAST_DAY = 2_932_896;

function dayText(day: number): string | undefined {
  const text = dayOf(day);
  return text === undefined ? undefined : `"${text}"`;
}

function dayOf(day: number): string | undefined {
  if (day < FIRST_DAY || day > LAST_DAY) return undefined;
  return new Date(day * (DAY_US / 1000)).toISOString().slice(0, 10);
}

function timeText(us: number): string | undefined {
  return us >= 0 && us < DAY_US ? `"${clockOf(us)}"` : undefined;
}

/** As MySQL writes what is no time of a day. */
function mysqlTime(us: number): string {
  return `${us < 0 ? '-' : ''}${clockOf(Math.abs(us))}`;
}

/** @param us  beyond 2^53 in the far years */
function datetimeText(us: bigint): string | undefined {
  const inDay = ((us % BigInt(DAY_US)) + BigInt(DAY_US)) % BigInt(DAY_US);
  const day = dayOf(Number((us - inDay) / BigInt(DAY_US)));
  return day === undefined ? undefined : `"${day} ${clockOf(Number(inDay))}"`;
}

/** `hh:mm:ss.ffffff` */
function clockOf(us: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const second = Math.floor(us / SECOND_US);
  const micros = String(us % SECOND_US).padStart(6, '0');
  return `${two(Math.floor(second / 3600))}:${two(Math.floor(second / 60) % 60)}:${two(second % 60)}.${micros}`;
}
