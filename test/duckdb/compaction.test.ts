import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DuckDbFile } from '../../src/duckdb/database-file.ts';
import { DuckDbDestination } from '../../src/duckdb/duckdb-destination.ts';
import {
  batch,
  change,
  integer,
  openOrCreate,
  rowsOf,
  schemaOf,
  TEST_SETTINGS,
  tempFolder,
} from './warehouse.ts';

const SCHEMAS = ['shop.a', 'shop.b', 'shop.c'].map((name) => schemaOf(name, [['id', integer]]));

describe('compaction in DuckDB', () => {
  it('begins no table after its time, and has those come first that have waited longest', async () => {
    using folder = tempFolder();
    await using file = await DuckDbFile.open(join(folder.path, 'c.duckdb'), TEST_SETTINGS);
    let nowMs = 0;
    const destination = new DuckDbDestination(file, {
      ...{ pipeline: 'shop', prefix: 'shop', nowMs: () => nowMs },
      reach: (point) => {
        if (point === 'sinkCompacting') nowMs += 10;
      },
      folding: { minDeltaRows: 0, stateFraction: 0, maxAgeMs: 0 },
    });
    await openOrCreate(destination);
    const connection = await file.connect();
    const folded = async (ordinal: number): Promise<readonly unknown[]> => {
      const sql = `SELECT name FROM _sluice.tables WHERE watermark LIKE '%/${ordinal.toString(16).toUpperCase().padStart(16, '0')}/%' ORDER BY name`;
      return (await connection.runAndReadAll(sql)).getRowsJson().flat();
    };
    const write = (ordinal: number): Promise<unknown> =>
      destination.apply(
        batch(
          ordinal,
          SCHEMAS.map((schema) =>
            rowsOf(schema, [change(schema, 'c', [BigInt(ordinal)], ordinal)]),
          ),
        ),
      );
    await write(1);
    await destination.compact(nowMs - 1);
    expect(await folded(1)).toEqual([]);
    await destination.compact(nowMs + 15);
    expect(await folded(1)).toEqual(['shop.a', 'shop.b']);
    await write(2);
    await destination.compact(nowMs);
    expect(await folded(2)).toEqual(['shop.c']);
    await destination.compact(nowMs + 100);
    expect(await folded(2)).toEqual(['shop.a', 'shop.b', 'shop.c']);
  });
});
