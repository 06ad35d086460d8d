import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { columnCodec } from '../../src/duckdb/column-type.ts';
import { COLUMN_SAMPLES } from '../support/column-samples.ts';
import {
  batch,
  change,
  integer,
  openWarehouse,
  rowsOf,
  schemaOf,
  tempFolder,
} from './warehouse.ts';

const name = (index: number): string => `v${index}`;
const storedTypes = COLUMN_SAMPLES.map(([type]) => columnCodec(type).storedType);

/** A text that says all of a value. */
const textOf = (value: string, type: string): string =>
  type === 'BLOB' ? `hex(${value})` : `CAST(${value} AS VARCHAR)`;

describe('a column in DuckDB whose type changes', () => {
  it.each(COLUMN_SAMPLES)(
    'from %o (%o) to any other is followed: new values are exact, and old ones are too or are not shown as present',
    async (from, value) => {
      using folder = tempFolder();
      await using warehouse = await openWarehouse(join(folder.path, 'shop.duckdb'));
      const before = schemaOf('shop.t', [
        ['id', integer],
        ...COLUMN_SAMPLES.map((_, index) => [name(index), from] as const),
      ]);
      const after = schemaOf('shop.t', [
        ['id', integer],
        ...COLUMN_SAMPLES.map(([type], index) => [name(index), type] as const),
      ]);
      const fresh = schemaOf('shop.fresh', [
        ['id', integer],
        ['old', from],
        ...COLUMN_SAMPLES.map(([type], index) => [name(index), type] as const),
      ]);
      const [olds, news] = [COLUMN_SAMPLES.map(() => value), COLUMN_SAMPLES.map(([, v]) => v)];
      await warehouse.destination.apply(
        batch(2, [
          rowsOf(before, [change(before, 'c', [1n, ...olds], 1)]),
          rowsOf(fresh, [change(fresh, 'c', [2n, value, ...news], 2)]),
        ]),
      );
      await warehouse.destination.apply(
        batch(3, [rowsOf(after, [change(after, 'c', [2n, ...news], 3)])]),
      );
      const stored = columnCodec(from).storedType;
      const lists = COLUMN_SAMPLES.map((_, index) => {
        const [v, to] = [name(index), storedTypes[index] ?? ''];
        const same = `${textOf(`try_cast(t.${v} AS ${to})`, to)} = ${textOf(`f.${v}`, to)}`;
        const kept = `${textOf(`try_cast(o.${v} AS ${stored})`, stored)} = ${textOf('f.old', stored)}`;
        return `[${same}, o.${v} IS NULL OR ${kept}]`;
      });
      const [found = []] = await warehouse.query(
        `SELECT ${lists.join(', ')} FROM shop.t AS t, shop.t AS o, shop.fresh AS f WHERE t.id = 2 AND o.id = 1`,
      );
      const wrong = found.flatMap((pair, index) =>
        JSON.stringify(pair) === '[true,true]' ? [] : [[COLUMN_SAMPLES[index]?.[0], pair]],
      );
      expect(wrong).toEqual([]);
    },
  );
});
