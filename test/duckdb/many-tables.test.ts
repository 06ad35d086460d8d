import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DuckDbFile } from '../../src/duckdb/database-file.ts';
import { DuckDbDestination } from '../../src/duckdb/duckdb-destination.ts';
import { batch, change, integer, rowsOf, schemaOf, tempFolder, varchar } from './warehouse.ts';

/** A block for each of their columns takes more than there is. */
const TABLES = 260;
const A_PIECE = 65;

it('hundreds of tables of few rows each fit into the memory of ordinary work', async () => {
  using folder = tempFolder();
  const path = join(folder.path, 'shop.duckdb');
  // No more is to be had: what does not fit stops its table.
  await using file = await DuckDbFile.open(path, { memoryLimitMb: 128, threads: 2 });
  const options = { pipeline: 'shop', prefix: 'shop', nowMs: Date.now, reach: () => undefined };
  const destination = new DuckDbDestination(file, options);
  await destination.create({ warehouseId: 'w1' });
  const columns = Array.from({ length: 12 }, (_, index) => [`c${index}`, varchar] as const);
  const schemas = Array.from({ length: TABLES }, (_, index) =>
    schemaOf(`shop.t${index}`, [['id', integer], ...columns]),
  );
  const values = columns.map(() => 'a text');
  for (let at = 0; at < TABLES; at += A_PIECE) {
    const rows = schemas
      .slice(at, at + A_PIECE)
      .map((schema) => rowsOf(schema, [change(schema, 'c', [1n, ...values], 1 + at)]));
    expect(await destination.apply(batch(1 + at, rows))).toEqual([]);
  }
  expect(destination.stopped()).toEqual([]);
  const connection = await file.connect();
  const counts = schemas.map(({ id }) => `SELECT count(*) AS n FROM shop.${id.table}`);
  const reader = await connection.runAndReadAll(
    `SELECT DISTINCT n FROM (${counts.filter((_, index) => index % 7 === 0).join(' UNION ALL ')})`,
  );
  expect(reader.getRowsJson()).toEqual([['1']]);
  file.release(connection);
  await destination.close();
}, 120_000);
