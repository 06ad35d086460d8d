import { join } from 'node:path';
import { DuckDBConnection } from '@duckdb/node-api';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BatchTransaction } from '../../src/duckdb/batch-transaction.ts';
import { DuckDbFile } from '../../src/duckdb/database-file.ts';
import { DuckDbDestination } from '../../src/duckdb/duckdb-destination.ts';
import { RowStage } from '../../src/duckdb/row-stage.ts';
import type { SinkKillPoint } from '../../src/sink/kill-points.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import { tableTopic } from '../../src/topic/topic-name.ts';
import {
  batch,
  change,
  integer,
  openOrCreate,
  rowsOf,
  schemaOf,
  seqAt,
  tempFolder,
  varchar,
} from './warehouse.ts';

const SMALL = schemaOf('shop.small', [
  ['id', integer],
  ['note', varchar],
]);
const BIG = schemaOf('shop.big', [
  ['id', integer],
  ['n', { kind: 'integer', bytes: 4, unsigned: false }],
]);
const WIDER = schemaOf('shop.big', [
  ['id', integer],
  ['n', integer],
]);

/** As DuckDB says it; no machine runs out of memory at the same place twice. */
const outOfMemory = (): Error => new Error('Out of Memory Error: could not allocate');

const openFile = (folder: string): Promise<DuckDbFile> =>
  DuckDbFile.open(join(folder, 'm.duckdb'), { memoryLimitMb: 128, threads: 1 });

async function destinationOf(
  file: DuckDbFile,
  reach: (point: SinkKillPoint) => void = () => {},
): Promise<DuckDbDestination> {
  const destination = new DuckDbDestination(file, {
    ...{ pipeline: 'shop', prefix: 'shop', nowMs: () => 0, reach },
  });
  await openOrCreate(destination);
  return destination;
}

describe('a sink into DuckDB that runs out of memory', () => {
  afterEach(() => vi.restoreAllMocks());

  it('stores no part of a batch twice when a query gives its memory back behind that part', async () => {
    using folder = tempFolder();
    await using file = await openFile(folder.path);
    let commits = 0;
    const destination = await destinationOf(file, (point) => {
      if (point !== 'sinkBeforeCommit') return;
      commits += 1;
      if (commits !== 2) return;
      // The first part is committed; memory that a query holds can be had back.
      const recalled = (signal: AbortSignal): Promise<never> =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(outOfMemory())));
      const query = file.memory.lend(recalled, new AbortController().signal, () => false);
      query.catch(() => undefined);
      throw outOfMemory();
    });
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the stage it is of
    const store = RowStage.prototype.store;
    let refusals = 0;
    vi.spyOn(RowStage.prototype, 'store').mockImplementation(function (
      this: RowStage,
      rows,
      ...rest
    ) {
      if (rows.table !== 'shop.big' || refusals === 2) return store.call(this, rows, ...rest);
      refusals += 1;
      return Promise.reject(outOfMemory());
    });
    const written = batch(
      1,
      [
        rowsOf(SMALL, [change(SMALL, 'c', [1n, 'x'], 1, 1)]),
        rowsOf(BIG, [change(BIG, 'c', [1n, 1n], 1, 3)]),
      ],
      [],
      [SMALL, BIG],
    );
    const offsets = [SMALL, BIG].map(({ id }) => ({
      ...{ topic: tableTopic('shop', id), partition: 0, offset: 2 },
    }));
    await expect(destination.apply({ ...written, offsets })).rejects.toMatchObject({
      code: 'duckdb.out-of-memory',
    });
    const connection = await file.connect();
    const reader = await connection.runAndReadAll('SELECT id FROM _sluice."shop.small__changes"');
    expect(reader.getRowsJson()).toEqual([['1']]);
  });

  it('stops a table whose new columns do not fit, and tries no batch without end', async () => {
    using folder = tempFolder();
    await using file = await openFile(folder.path);
    const destination = await destinationOf(file);
    const first = [
      rowsOf(SMALL, [change(SMALL, 'c', [1n, 'x'], 1, 1)]),
      rowsOf(BIG, [change(BIG, 'c', [1n, 1n], 1, 3)]),
    ];
    await destination.apply(batch(1, first, [], [SMALL, BIG]));
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the connection it is of
    const run = DuckDBConnection.prototype.run;
    vi.spyOn(DuckDBConnection.prototype, 'run').mockImplementation(function (
      this: DuckDBConnection,
      ...args
    ) {
      return /ALTER TABLE .*big/i.test(args[0])
        ? Promise.reject(outOfMemory())
        : run.call(this, ...args);
    });
    const attempts = vi.spyOn(BatchTransaction.prototype, 'apply');
    const second = [
      rowsOf(SMALL, [change(SMALL, 'c', [2n, 'x'], 2, 1)]),
      rowsOf(WIDER, [change(WIDER, 'c', [2n, 1n], 2, 3)]),
    ];
    const schemaId = schemaIdOf(WIDER);
    const record = { kind: 'schema', seq: seqAt(2, 2), table: 'shop.big', schemaId } as never;
    const stopped = await destination.apply(batch(2, second, [record], [WIDER]));
    expect(stopped).toEqual(['shop.shop.big']);
    expect(attempts.mock.calls.length).toBeLessThan(5);
  });
});
