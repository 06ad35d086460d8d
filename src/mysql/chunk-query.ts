import type { InvalidTextRule } from '../change/row-settings.ts';
import type { Column, TableSchema } from '../change/table.ts';
import { InvariantBroken } from '../errors/error.ts';
import type { RawRow } from './connection.ts';
import { behindKey, checkKey, keyExpression, keyLiteral, quoteName } from './key-literal.ts';
import { TextRowWriter } from './text-row-writer.ts';
import { textExpression } from './text-values.ts';

/** How the chunks of one table are read, for one definition of the table. */
export interface ChunkQuery {
  readonly schema: TableSchema;
  /** @param after literals of a key, from `keyOf` */
  sql(after: readonly string[] | undefined, limit: number): string;
  readonly writer: TextRowWriter;
  keyOf(row: RawRow): readonly string[];
}

/** @throws {SluiceError} `snapshot.key-unsupported` */
export function chunkQuery(schema: TableSchema, invalidText?: InvalidTextRule): ChunkQuery {
  const { id, columns } = schema;
  const key = schema.key.map((index) => columnAt(columns, index));
  checkKey(id, key);
  // Results have names of our own: the driver fails at a column called __proto__.
  const expressions = [
    ...columns.map((column) => textExpression(column, quoteName(column.name))),
    ...key.map(keyExpression),
  ].map((expression, index) => `${expression} AS c${index}`);
  const table = `${quoteName(id.database)}.${quoteName(id.table)}`;
  // In full, since a name alone would be that of a result.
  const order = key.map(({ name }) => `${table}.${quoteName(name)}`).join(', ');
  const select = `SELECT ${expressions.join(', ')} FROM ${table} FORCE INDEX (PRIMARY)`;
  return {
    schema,
    writer: new TextRowWriter(schema, invalidText),
    sql: (after, limit) => {
      // A cursor of another shape belongs to a key the table no longer has: read from the start.
      const usable = after?.length === key.length ? after : undefined;
      const where = usable ? ` WHERE ${behindKey(key, usable)}` : '';
      return `${select}${where} ORDER BY ${order} LIMIT ${limit}`;
    },
    keyOf: (row) =>
      key.map(({ type }, index) => {
        const bytes = row[columns.length + index];
        if (!bytes) throw new InvariantBroken('a key column holds NULL');
        return keyLiteral(type, bytes);
      }),
  };
}

function columnAt(columns: readonly Column[], index: number): Column {
  const column = columns[index];
  if (!column) throw new InvariantBroken(`a key names column ${index} of ${columns.length}`);
  return column;
}
