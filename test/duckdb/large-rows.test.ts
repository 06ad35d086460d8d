import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ColumnType } from '../../src/change/table.ts';
import { DEFAULT_DUCKDB_MEMORY_MB } from '../../src/config/defaults.ts';
import { DuckDbFile } from '../../src/duckdb/database-file.ts';
import { DuckDbDestination } from '../../src/duckdb/duckdb-destination.ts';
import { queryWarehouse } from '../../src/duckdb/query-client.ts';
import { type QueryServer, serveQueries } from '../../src/duckdb/query-server.ts';
import { batch, change, integer, rowsOf, schemaOf, tempFolder, varchar } from './warehouse.ts';

const MIB = 1 << 20;
const MOST_COLUMNS = 1_017;
const TIMEOUT_MS = 120_000;

/** A type and a value of it, in turn. */
const KINDS: readonly (readonly [ColumnType, string | number | bigint])[] = [
  [{ kind: 'text', charset: 'utf8mb4' }, 'abc'],
  [{ kind: 'integer', bytes: 8, unsigned: true }, 18_446_744_073_709_551_615n],
  [{ kind: 'integer', bytes: 1, unsigned: false }, 1],
  [{ kind: 'date' }, 20_000],
  [{ kind: 'double' }, 1.5],
  [{ kind: 'datetime', fractionDigits: 6 }, 1_700_000_000_000_000],
];

describe('a DuckDB warehouse with default settings', () => {
  let folder: ReturnType<typeof tempFolder>;
  let path = '';
  let file: DuckDbFile;
  let server: QueryServer;
  let destination: DuckDbDestination;

  beforeEach(async () => {
    folder = tempFolder();
    path = join(folder.path, 'shop.duckdb');
    file = await DuckDbFile.open(path, { memoryLimitMb: DEFAULT_DUCKDB_MEMORY_MB, threads: 2 });
    const options = { pipeline: 'shop', prefix: 'shop', nowMs: Date.now, reach: () => {} };
    destination = new DuckDbDestination(file, {
      ...options,
      folding: { minDeltaRows: 1, stateFraction: 0, maxAgeMs: 0 },
    });
    await destination.create({ warehouseId: 'w1' });
    server = serveQueries(file);
  });
  afterEach(async () => {
    await server.close();
    await destination.close();
    await file.close();
    folder[Symbol.dispose]();
  });

  const ask = async (sql: string) => (await queryWarehouse(path, { sql, limit: 1000 })).rows;

  it.each([
    ['six types', KINDS],
    ['texts', KINDS.slice(0, 1)],
    ['dates', KINDS.slice(3, 4)],
  ])(
    'takes and shows rows of 1,017 columns of %s',
    async (_, kinds) => {
      const others = Array.from({ length: MOST_COLUMNS - 1 }, (__, index) => index);
      const kindOf = (index: number) => kinds[index % kinds.length] ?? ([integer, 0] as const);
      const wide = schemaOf('shop.wide', [
        ['id', integer],
        ...others.map((index) => [`c${index}`, kindOf(index)[0]] as const),
      ]);
      const values = others.map((index) => kindOf(index)[1]);
      const rows = [1n, 2n].map((id, at) => change(wide, 'c', [id, ...values], 1, at + 1));
      await destination.apply(batch(1, [rowsOf(wide, rows)]));
      await destination.apply(batch(2, [rowsOf(wide, [change(wide, 'u', [1n, ...values], 2)])]));
      const shown = await ask('SELECT * FROM shop.wide ORDER BY id');
      expect(shown.map((row) => row.length)).toEqual([MOST_COLUMNS, MOST_COLUMNS]);
      expect(shown.map(([id]) => id)).toEqual(['1', '2']);
      expect(shown[0]?.slice(1)).toEqual(shown[1]?.slice(1));
      expect(await ask('SELECT * FROM shop.wide__history')).toHaveLength(3);
      await destination.compact(Number.POSITIVE_INFINITY);
      expect(await ask('SELECT * FROM shop.wide')).toHaveLength(2);
    },
    TIMEOUT_MS,
  );

  it(
    'takes and shows rows of 60 MB, one and several in a batch',
    async () => {
      const docs = schemaOf('shop.docs', [
        ['id', integer],
        ['body', varchar],
        ['doc', { kind: 'json' }],
        ['amount', { kind: 'double' }],
      ]);
      const body = 'ab'.repeat(30 * MIB);
      const doc = JSON.stringify({ text: 'x'.repeat(60 * MIB) });
      const rows = (ordinal: number, values: readonly (string | null)[][]) =>
        rowsOf(
          docs,
          values.map(([text = null, json = null], index) =>
            change(docs, 'c', [BigInt(ordinal * 10 + index), text, json, -0], ordinal, index + 1),
          ),
        );
      await destination.apply(batch(1, [rows(1, [[body, null]])]));
      await destination.apply(batch(2, [rows(2, [[null, doc]])]));
      await destination.apply(batch(3, [rows(3, [[body], [body], ['after']])]));
      expect(await ask('SELECT id, length(body), length(doc) FROM shop.docs ORDER BY id')).toEqual([
        ['10', String(body.length), null],
        ['20', null, String(doc.length)],
        ['30', String(body.length), null],
        ['31', String(body.length), null],
        ['32', '5', null],
      ]);
      const [row] = await ask('SELECT * FROM shop.docs WHERE id = 10');
      expect(row?.[1] === body).toBe(true);
      await destination.compact(Number.POSITIVE_INFINITY);
      expect(await ask('SELECT count(*) FROM shop.docs')).toEqual([['5']]);
    },
    TIMEOUT_MS,
  );
});
