import { type JsonValue, parseExactJson, type SourceColumn } from './canonical-text.ts';
import type { WarehouseDialect, WarehouseText } from './warehouse-dialect.ts';

const backquoted = (name: string): string => `\`${name}\``;
const literal = (text: string): string => `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
const asString = (expression: string): string => `CAST(${expression} AS STRING)`;

/** The views of a project, in GoogleSQL. BigQuery does not compare structs by order. */
export function bigQueryViews(project: string): WarehouseDialect {
  return {
    view: (database, table) => [project, database, table].map(backquoted).join('.'),
    quote: backquoted,
    asText: asString,
    text: bigQueryText,
    after: (expressions, texts) =>
      expressions
        .map((expression, index) => {
          const equal = expressions
            .slice(0, index)
            .map((before, at) => `${before} = ${literal(texts[at] ?? '')}`);
          return `(${[...equal, `${expression} > ${literal(texts[index] ?? '')}`].join(' AND ')})`;
        })
        .join(' OR '),
  };
}

const text: WarehouseText = { expression: (column) => column };

/** NUMERIC is written with nine digits behind the point by some, and with as few as it takes by others. */
const integer: WarehouseText = {
  expression: asString,
  polish: (digits) => digits.replace(/\.0+$/, ''),
};

/** With as many digits behind the point as the column has at the source. */
const decimal = (scale: number): WarehouseText => ({
  expression: asString,
  polish(digits) {
    const [whole = '', fraction = ''] = digits.split('.');
    const kept = fraction.replace(/0+$/, '').padEnd(scale, '0');
    return kept === '' ? whole : `${whole}.${kept}`;
  },
});

const shortest = (digits: string): string => {
  const value = Number(digits);
  return Object.is(value, -0) ? '-0' : String(value);
};
const double: WarehouseText = { expression: asString, polish: shortest };
/** A topic names the four bytes by a shorter text than the source's, and that is what is loaded. */
const float: WarehouseText = {
  expression: asString,
  polish: (digits) => String(Math.fround(Number(digits))),
};

const bit: WarehouseText = {
  expression: asString,
  polish: (flag) => (flag === 'true' ? '1' : '0'),
};

const hexOf = (column: string): string => `TO_HEX(${column})`;
const bytes: WarehouseText = {
  expression: hexOf,
  polish: (hex) => hex.toUpperCase(),
};
const bits: WarehouseText = {
  expression: hexOf,
  polish: (hex) => BigInt(`0x${Buffer.from(hex, 'hex').reverse().toString('hex')}`).toString(),
};

const date: WarehouseText = {
  expression: (column) => asString(`DATE_DIFF(${column}, DATE '1970-01-01', DAY)`),
};
const datetime: WarehouseText = {
  expression: (column) => asString(`UNIX_MICROS(CAST(${column} AS TIMESTAMP))`),
};

const DAY_US = 86_400_000_000n;
/** Of what is below zero or beyond a day, the column of the view is NULL: the changelog has its text. */
const time: WarehouseText = {
  expression: (column) => asString(`TIME_DIFF(${column}, TIME '00:00:00', MICROSECOND)`),
  expected(microseconds) {
    const duration = BigInt(microseconds);
    return duration >= 0n && duration < DAY_US ? microseconds : null;
  },
};

/** BigQuery keeps values, not texts: members are sorted, and a fraction is a double. */
const json: WarehouseText = {
  expression: (column) => `TO_JSON_STRING(${column})`,
  polish: jsonValue,
  expected: jsonValue,
};

function jsonValue(document: string): string {
  const spelled = (value: JsonValue | null): string => {
    if (value === null || typeof value !== 'object') return JSON.stringify(value);
    if (isList(value)) return `[${value.map(spelled).join()}]`;
    if (isNumber(value))
      return /^-?\d+$/.test(value.digits) ? value.digits : shortest(value.digits);
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${spelled(member)}`).join()}}`;
  };
  return spelled(parseExactJson(document));
}

const isList = (value: object): value is readonly JsonValue[] => Array.isArray(value);

/** What the exact parser makes of a number. No document of the shop has a member of this name. */
const isNumber = (value: object): value is { readonly digits: string } =>
  'digits' in value && typeof value.digits === 'string';

const BY_TYPE: Readonly<Record<string, WarehouseText>> = {
  tinyint: integer,
  smallint: integer,
  mediumint: integer,
  int: integer,
  bigint: integer,
  year: integer,
  float,
  double,
  date,
  datetime,
  timestamp: datetime,
  time,
  json,
  binary: bytes,
  varbinary: bytes,
  tinyblob: bytes,
  blob: bytes,
  mediumblob: bytes,
  longblob: bytes,
};

/** Types as docs/05-bigquery.md has them; what is not named here is a STRING. */
function bigQueryText({ dataType, columnType }: SourceColumn): WarehouseText {
  const [, first = '0', second = '0'] = /\((\d+)(?:,(\d+))?/.exec(columnType) ?? [];
  if (dataType === 'bit') return Number(first) > 1 ? bits : bit;
  if (dataType === 'decimal') return decimal(Number(second));
  return BY_TYPE[dataType] ?? text;
}
