import { join } from 'node:path';
import { DuckDBConnection } from '@duckdb/node-api';
import { describe, expect, it, vi } from 'vitest';
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

  it('is ended soon by an abort in the middle of a fold, and the file shows the same rows', async () => {
    using folder = tempFolder();
    await using file = await DuckDbFile.open(join(folder.path, 'c.duckdb'), TEST_SETTINGS);
    const abort = new AbortController();
    const sink = (): DuckDbDestination =>
      new DuckDbDestination(file, {
        ...{ pipeline: 'shop', prefix: 'shop', nowMs: () => 0, reach: () => {} },
        folding: { minDeltaRows: 0, stateFraction: 0, maxAgeMs: 0 },
        signal: abort.signal,
      });
    const first = sink();
    await openOrCreate(first);
    const [schema] = SCHEMAS;
    await first.apply(batch(1, [rowsOf(schema!, [change(schema!, 'c', [0n], 1)])]));
    const connection = await file.connect();
    // So many that a fold takes much longer than an interrupt.
    await connection.run(
      `INSERT INTO _sluice."shop.a__changes" SELECT c.* REPLACE (r.n AS id, c._cdc_seq + r.n AS _cdc_seq)
       FROM _sluice."shop.a__changes" AS c CROSS JOIN range(1, 1_000_000) AS r(n)`,
    );
    const shown = async (): Promise<unknown> =>
      (await connection.runAndReadAll('SELECT count(*), sum(id) FROM shop.a')).getRowsJson();
    const before = await shown();
    const isFolding = Promise.withResolvers<void>();
    const run: DuckDBConnection['run'] = Reflect.get(DuckDBConnection.prototype, 'run');
    const spy = vi.spyOn(DuckDBConnection.prototype, 'run').mockImplementation(function (
      this: DuckDBConnection,
      sql,
      ...others
    ) {
      if (sql.includes('sluice_folded')) isFolding.resolve();
      return Reflect.apply(run, this, [sql, ...others]);
    });
    const second = sink();
    await second.open();
    const compacting = second.compact(0);
    await isFolding.promise;
    abort.abort();
    await expect(compacting).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    spy.mockRestore();
    await second.close();
    const state = await connection.runAndReadAll(
      'SELECT count(*)::INTEGER FROM _sluice."shop.a__state"',
    );
    expect(state.getRowsJson()).toEqual([[0]]);
    expect(await shown()).toEqual(before);
  }, 60_000);
});
