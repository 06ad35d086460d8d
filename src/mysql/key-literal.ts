import { unreachable } from '../change/brand.ts';
import { type Column, type ColumnType, type TableId, tableName } from '../change/table.ts';
import { SluiceError } from '../errors/error.ts';

/** `` `name` `` */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/**
 * The expression by which a key column is read for its literal: ENUM, SET and BIT by number, for
 * the order of the column is the order of the numbers; anything else as it is.
 */
export function keyExpression({ name, type }: Column): string {
  const numbered = type.kind === 'enum' || type.kind === 'set' || type.kind === 'bit';
  return numbered ? `${quoteName(name)} + 0` : quoteName(name);
}

/**
 * The SQL literal of a key value, to be compared with its column in the column's own order.
 *
 * Dates and times are quoted text, which the server turns into the column's type; impossible dates
 * need a session that allows them. Text leaves the collation to the column: a literal yields to it.
 * Anything a sql_mode could read in two ways is written in hex.
 *
 * @param bytes the value of `keyExpression` in a text result
 */
export function keyLiteral(type: ColumnType, bytes: Buffer): string {
  switch (type.kind) {
    case 'integer':
    case 'year':
    case 'decimal':
    case 'enum':
    case 'set':
    case 'bit':
      return bytes.toString('latin1');
    case 'date':
    case 'time':
    case 'datetime':
    case 'timestamp':
      return `'${bytes.toString('latin1')}'`;
    case 'text':
      return textLiteral(bytes);
    case 'binary':
      return `x'${bytes.toString('hex')}'`;
    case 'float':
    case 'double':
    case 'json':
    case 'geometry':
    case 'vector':
      throw new SluiceError(
        'snapshot.key-unsupported',
        `A key of type ${type.kind} has no literal.`,
      );
    default:
      return unreachable(type);
  }
}

function textLiteral(utf8: Buffer): string {
  const text = utf8.toString('utf8');
  // biome-ignore lint: control characters are what has to be kept out
  if (/["'\\\u0000-\u001f\u007f]/.test(text)) return `_utf8mb4 x'${utf8.toString('hex')}'`;
  return `'${text}'`;
}

/**
 * The condition for rows behind a key, as a disjunction the server turns into index ranges (a row
 * comparison would scan): `(a > x) OR (a = x AND b > y)`.
 *
 * An ENUM is compared by listing the numbers behind: with `>` the server finds no range.
 */
export function behindKey(columns: readonly Column[], literals: readonly string[]): string {
  const terms = columns.map((column, at) => {
    const equal = columns
      .slice(0, at)
      .map(({ name }, index) => `${quoteName(name)} = ${literals[index] ?? 'NULL'}`);
    return `(${[...equal, greater(column, literals[at] ?? 'NULL')].join(' AND ')})`;
  });
  return terms.join(' OR ');
}

function greater({ name, type }: Column, literal: string): string {
  if (type.kind !== 'enum') return `${quoteName(name)} > ${literal}`;
  const behind = type.members
    .map((_, index) => index + 1)
    .filter((number) => number > Number(literal));
  return behind.length === 0 ? 'FALSE' : `${quoteName(name)} IN (${behind.join(', ')})`;
}

/** @throws {SluiceError} `snapshot.key-unsupported` */
export function checkKey(id: TableId, key: readonly Column[]): void {
  const inexact = key.find(({ type }) => type.kind === 'float' || type.kind === 'double');
  if (key.length > 0 && !inexact) return;
  const reason = inexact
    ? `its key column ${inexact.name} is a ${inexact.type.kind}`
    : 'it has no primary key';
  throw new SluiceError(
    'snapshot.key-unsupported',
    `Table ${tableName(id)} cannot be read in chunks: ${reason}. Exclude it, or give it another key.`,
    { facts: { table: tableName(id) } },
  );
}
