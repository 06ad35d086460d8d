import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DuckDbFile } from '../../src/duckdb/database-file.ts';
import { DuckDbDestination } from '../../src/duckdb/duckdb-destination.ts';
import type { SinkBatch } from '../../src/sink/destination.ts';
import { OPERATIONS, type SourceCommit, TableSource } from './table-history.ts';
import {
  batch,
  change,
  cutAt,
  integer,
  openOrCreate,
  rowsOf,
  schemaOf,
  TEST_SETTINGS,
  tempFolder,
  varchar,
} from './warehouse.ts';

const KEPT_DAYS = 2;
const DAY_MS = 86_400_000;
const ITEMS = schemaOf('shop.items', [
  ['id', integer],
  ['note', varchar],
]);

interface Warehouse extends AsyncDisposable {
  readonly destination: DuckDbDestination;
  readonly query: (sql: string) => Promise<readonly (readonly unknown[])[]>;
}

async function newWarehouse(path: string, changesExpireDays?: number): Promise<Warehouse> {
  const file = await DuckDbFile.open(path, { ...TEST_SETTINGS, threads: 1 });
  const destination = new DuckDbDestination(file, {
    ...{ pipeline: 'shop', prefix: 'shop', nowMs: () => Date.UTC(2030, 0, 1), reach: () => {} },
    folding: { minDeltaRows: 0, stateFraction: 0, maxAgeMs: 0 },
    ...(changesExpireDays === undefined ? {} : { changesExpireDays }),
  });
  await openOrCreate(destination);
  const connection = await file.connect();
  return {
    destination,
    query: async (sql) => (await connection.runAndReadAll(sql)).getRowsJson(),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** When commit 0 was; the next ones follow a day apart. */
const FIRST_US = cutAt(0).committedAtUs;
const commitTime = (us: number): number => FIRST_US + (us - FIRST_US) * 86_400;

/** The same with a day where there was a second. */
function aDayApart({ tables, control, cut, ...rest }: SinkBatch): SinkBatch {
  const timed = <Dated extends { readonly committedAtUs: number }>(dated: Dated): Dated => ({
    ...dated,
    committedAtUs: commitTime(dated.committedAtUs),
  });
  return {
    ...rest,
    tables: tables.map((part) => ({ ...part, rows: part.rows.map(timed) })),
    control: control.map((record) =>
      record.committedAtUs === undefined
        ? record
        : { ...record, committedAtUs: commitTime(record.committedAtUs) },
    ),
    cut: cut && timed(cut),
  };
}

const dayOf = (ordinal: number): number => FIRST_US / 1000 + ordinal * DAY_MS;
const literal = (ms: number): string => `TIMESTAMPTZ '${new Date(ms).toISOString()}'`;

/** Since when the table says that its changes are whole; a fold that had nothing to do has moved nothing. */
async function wholeSince({ query }: Warehouse): Promise<number> {
  const [[us] = []] = await query(
    `SELECT json_extract_string(definition, '$.changesSinceUs') FROM _sluice.tables`,
  );
  return us === null ? dayOf(0) : Number(us) / 1000;
}

async function sameSince(kept: Warehouse, expiring: Warehouse, newest: number): Promise<void> {
  const sinceMs = await wholeSince(expiring);
  const both = async (sql: string): Promise<readonly [unknown, unknown]> => {
    const [a, b] = await Promise.all([kept.query(sql), expiring.query(sql)]);
    const sorted = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).sort();
    return [sorted(a), sorted(b)];
  };
  const since = literal(sinceMs);
  const history = `SELECT * FROM shop.items__history WHERE valid_to IS NULL OR valid_to >= ${since}`;
  const [wholeHistory, history2] = await both(history);
  expect(history2).toEqual(wholeHistory);
  const [[versions] = []] = await expiring.query('SELECT count(*) FROM shop.items__history');
  expect(Number(versions)).toBe((wholeHistory as readonly unknown[]).length);
  const changes = `SELECT * FROM shop.items__changes WHERE _cdc.committed_at >= ${since}`;
  const [wholeChanges, changes2] = await both(changes);
  expect(changes2).toEqual(wholeChanges);
  for (let ms = sinceMs; ms <= dayOf(newest) + DAY_MS; ms += DAY_MS / 2) {
    const [rows, rows2] = await both(`SELECT * FROM shop.items__as_of(${literal(ms)})`);
    expect(rows2).toEqual(rows);
  }
}

describe('changesExpireDays in DuckDB', () => {
  it('leaves as-of and history as they were for every time since, whatever happened to the table', async () => {
    const step = fc.record({
      operation: fc.constantFrom(...OPERATIONS.filter((name) => name !== 'dropTable')),
      choice: fc.nat(1_000_000),
    });
    let hasExpired = false;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 24 }), async (steps) => {
        using folder = tempFolder();
        const source = new TableSource();
        for (const each of steps) source.run(each);
        await using kept = await newWarehouse(join(folder.path, 'kept.duckdb'));
        await using expiring = await newWarehouse(join(folder.path, 'expiring.duckdb'), KEPT_DAYS);
        const [last, folds] = [source.commits.length, [0.5, 0.8, 1]];
        let from = 0;
        for (const to of folds.map((part) => Math.max(1, Math.floor(last * part)))) {
          const part = toBatch(source.commits.slice(from, to), to);
          from = to;
          for (const { destination } of [kept, expiring]) {
            await destination.apply(part);
            await destination.compact(Number.POSITIVE_INFINITY);
          }
          await sameSince(kept, expiring, to);
        }
        hasExpired ||= (await wholeSince(expiring)) > dayOf(0);
      }),
      { numRuns: Number(process.env['SLUICE_MODEL_RUNS'] ?? 12) },
    );
    expect(hasExpired).toBe(true);
  }, 600_000);

  it('groups by the key, whatever columns of the table are called', async () => {
    using folder = tempFolder();
    await using warehouse = await newWarehouse(join(folder.path, 'k.duckdb'), KEPT_DAYS);
    const schema = schemaOf('shop.items', [
      ['id', integer],
      ['k0', integer],
      ['seq', integer],
    ]);
    const { destination, query } = warehouse;
    const first = [1n, 2n].map((id) => change(schema, 'c', [id, 7n, 7n], 1, Number(id)));
    await destination.apply(aDayApart(batch(1, [rowsOf(schema, first)])));
    const newest = change(schema, 'u', [1n, 8n, 8n], 9);
    await destination.apply(aDayApart(batch(9, [rowsOf(schema, [newest])])));
    await destination.compact(Number.POSITIVE_INFINITY);
    const asOf = `SELECT id, k0 FROM shop.items__as_of(${literal(dayOf(8))}) ORDER BY id`;
    expect(await query(asOf)).toEqual([
      ['1', '7'],
      ['2', '7'],
    ]);
  });

  it('refuses as-of a time whose changes have expired, also of a table without any', async () => {
    using folder = tempFolder();
    await using warehouse = await newWarehouse(join(folder.path, 'w.duckdb'), KEPT_DAYS);
    const { destination, query } = warehouse;
    const insert = change(ITEMS, 'c', [1n, 'a'], 1);
    const remove = change(ITEMS, 'd', [1n, 'a'], 2);
    await destination.apply(aDayApart(batch(1, [rowsOf(ITEMS, [insert])])));
    await destination.apply(aDayApart(batch(9, [rowsOf(ITEMS, [remove])])));
    await destination.compact(Number.POSITIVE_INFINITY);
    const early = `SELECT * FROM shop.items__as_of(${literal(dayOf(6))})`;
    await expect(query(early)).rejects.toThrow(
      'changes of shop.items from before 2026-11-30 00:00 UTC have expired',
    );
    expect(await query(`SELECT * FROM shop.items__as_of(${literal(dayOf(8))})`)).toEqual([]);
    expect(await query('SELECT count(*) FROM _sluice."shop.items__changes"')).toEqual([['0']]);
    const [[comment] = []] = await query(
      `SELECT comment FROM duckdb_views() WHERE view_name = 'items__history'`,
    );
    expect(comment).toContain('Goes back to 2026-11-30 00:00 UTC');
  });
});

function toBatch(commits: readonly SourceCommit[], cut: number): SinkBatch {
  const control = commits.flatMap((commit) => commit.control);
  const schemas = commits.flatMap((commit) => commit.schemas);
  return aDayApart(
    batch(
      cut,
      commits.flatMap(({ rows }) => rows),
      control,
      schemas,
    ),
  );
}
