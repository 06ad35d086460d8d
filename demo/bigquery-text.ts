import { type JsonValue, parseExactJson, type SourceColumn } from './canonical-text.ts';
import type { WarehouseDialect, WarehouseText } from './warehouse-dialect.ts';

const backquoted = (name: string): string => `\`${name}\``;
const literal = (text: string): string => `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
const asString = (expression: string): string => `CAST(${expression} AS STRING)`;

/** Texts of the present rows' values that their types cannot hold, by column: what `_cdc.inexact` has. */
const TEXTS = 'inexact_texts';

/** The views of a project, in GoogleSQL. BigQuery does not compare structs by order. */
export function bigQueryViews(project: string): WarehouseDialect {
  const view = (database: string, table: string): string =>
    [project, database, table].map(backquoted).join('.');
  return {
    view,
    rows({ database, table, columns, key }) {
      const rows = view(database, table);
      if (!columns.some(({ dataType }) => dataType === 'time')) return rows;
      const keys = key.map(backquoted).map((column) => `h.${column} = v.${column}`);
      const present = ['h.valid_to IS NULL', ...keys].join(' AND ');
      return `(SELECT v.*, h._cdc.inexact AS ${TEXTS} FROM ${rows} AS v LEFT JOIN ${view(database, `${table}__history`)} AS h ON ${present})`;
    },
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

const spelledOut = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));
const shortest = (digits: string): string => spelledOut(Number(digits));
const double: WarehouseText = { expression: asString, polish: shortest };
/** A topic names the four bytes by a shorter text than the source's, and that is what is loaded. */
const float: WarehouseText = {
  expression: asString,
  polish: (digits) => spelledOut(Math.fround(Number(digits))),
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
const ORIGINAL = 'text ';
/** What no TIME can be is NULL in the view, and the text it has in {@link TEXTS} stands for it. */
const time = (name: string): WarehouseText => ({
  expression: (column) =>
    `COALESCE(${asString(`TIME_DIFF(${column}, TIME '00:00:00', MICROSECOND)`)}, CONCAT('${ORIGINAL}', JSON_VALUE(${TEXTS}, '$.${name}')))`,
  polish(given) {
    if (!given.startsWith(ORIGINAL)) return given;
    const microseconds = durationOf(given.slice(ORIGINAL.length));
    const fitsTime = microseconds >= 0n && microseconds < DAY_US;
    return fitsTime ? given : String(microseconds);
  },
});

/** Microseconds of `-838:59:58.999999`. */
function durationOf(text: string): bigint {
  const [, sign = '', hours = '', minutes = '', seconds = '', micros = ''] =
    /^(-?)(\d+):(\d\d):(\d\d)\.(\d{6})$/.exec(text) ?? [];
  const total = (BigInt(hours) * 60n + BigInt(minutes)) * 60n + BigInt(seconds);
  return BigInt(`${sign}1`) * (total * 1_000_000n + BigInt(micros));
}

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
  json,
  binary: bytes,
  varbinary: bytes,
  tinyblob: bytes,
  blob: bytes,
  mediumblob: bytes,
  longblob: bytes,
};

/** Types as docs/05-bigquery.md has them; what is not named here is a STRING. */
function bigQueryText({ name, dataType, columnType }: SourceColumn): WarehouseText {
  const [, first = '0', second = '0'] = /\((\d+)(?:,(\d+))?/.exec(columnType) ?? [];
  if (dataType === 'bit') return Number(first) > 1 ? bits : bit;
  if (dataType === 'decimal') return decimal(Number(second));
  if (dataType === 'time') return time(name);
  return BY_TYPE[dataType] ?? text;
}
