import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DuckDbFile } from '../../src/duckdb/database-file.ts';
import { DuckDbDestination } from '../../src/duckdb/duckdb-destination.ts';
import type { TableRows } from '../../src/sink/destination.ts';

import {
  OPERATIONS,
  type SourceCommit,
  type Step,
  TableSource,
  type Truth,
} from './table-history.ts';
import { batch, openOrCreate, TEST_SETTINGS, tempFolder } from './warehouse.ts';

const RUNS = Number(process.env['SLUICE_MODEL_RUNS'] ?? 25);

interface Reading {
  /** How many commits each round ends behind the one before, and how many come along beyond it. */
  readonly advance: number;
  readonly beyond: number;
  /** Rows of which partition come in a piece of their own, before the cut. */
  readonly early: number;
  readonly fold: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  operation: fc.constantFrom(...OPERATIONS),
  choice: fc.nat(1_000_000),
});
const reading: fc.Arbitrary<Reading> = fc.record({
  advance: fc.integer({ min: 1, max: 6 }),
  beyond: fc.nat(4),
  early: fc.nat(2),
  fold: fc.boolean(),
});

/** The control topic is read first: rows come after a change of columns that they were written before. */
const ROWS_AFTER_A_CHANGE = ['insert', 'addWithDefault', 'insert'].map((operation) => ({
  operation,
  choice: 0,
}));
const ONE_THEN_TWO = [1, 2, 1, 1].map((advance) => ({ advance, beyond: 0, early: 0, fold: false }));

describe('a table in DuckDB, whatever happens to it at its source', () => {
  it('is the source as of the cut, by its view, as of now and by open versions, and shows no value of a closed column', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 3, maxLength: 16 }),
        fc.array(reading, { minLength: 4, maxLength: 8 }),
        async (steps, readings) => {
          const source = new TableSource();
          for (const each of steps) source.run(each);
          await follow(source.commits, readings);
        },
      ),
      { numRuns: RUNS, examples: [[ROWS_AFTER_A_CHANGE, ONE_THEN_TWO]] },
    );
  }, 600_000);
});

/** Reads all commits in rounds, and compares with the source behind each. */
async function follow(
  commits: readonly SourceCommit[],
  readings: readonly Reading[],
): Promise<void> {
  using folder = tempFolder();
  await using file = await DuckDbFile.open(join(folder.path, 'm.duckdb'), {
    ...TEST_SETTINGS,
    threads: 1,
  });
  const destination = new DuckDbDestination(file, {
    ...{ pipeline: 'shop', prefix: 'shop', nowMs: () => 0, reach: () => {} },
    folding: { minDeltaRows: 0, stateFraction: 0, maxAgeMs: 0 },
  });
  await openOrCreate(destination);
  const connection = await file.connect();
  const query = async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJson();
  let read = 0;
  let cut = 0;
  for (let round = 0; cut < commits.length; round += 1) {
    const { advance, beyond, early, fold } = readings[round % readings.length]!;
    const [from, shown] = [read, cut];
    cut = Math.min(commits.length, cut + advance);
    read = Math.max(read, Math.min(commits.length, cut + beyond));
    const fresh = commits.slice(from, read);
    const control = fresh.flatMap((commit) => commit.control);
    const schemas = fresh.flatMap((commit) => commit.schemas);
    const isEarly = (key: string): boolean =>
      (key.length + key.charCodeAt(key.length - 3)) % 3 < early;
    // Records of the control topic come along beyond the cut, rows with the cut that they belong to.
    const ofCut = commits.slice(shown, cut);
    const part = (wanted: boolean): readonly TableRows[] =>
      grouped(ofCut, (key) => isEarly(key) === wanted);
    await destination.apply(batch(undefined, part(true), control, schemas));
    if (shown > 0) await compare(query, commits[shown - 1]?.truth);
    await destination.apply(batch(cut, part(false)));
    await compare(query, commits[cut - 1]?.truth);
    if (!fold) continue;
    await destination.compact(Number.POSITIVE_INFINITY);
    await compare(query, commits[cut - 1]?.truth);
  }
}

/** As a piece has them: rows of one schema together, whenever they were written. */
function grouped(
  commits: readonly SourceCommit[],
  isWanted: (key: string) => boolean,
): readonly TableRows[] {
  const parts = new Map<string, TableRows>();
  for (const each of commits.flatMap(({ rows }) => rows)) {
    const rows = each.rows.filter(({ key }) => isWanted(key));
    const before = parts.get(each.schemaId)?.rows ?? [];
    if (rows.length > 0) parts.set(each.schemaId, { ...each, rows: [...before, ...rows] });
  }
  return [...parts.values()];
}

type Query = (sql: string) => Promise<readonly (readonly unknown[])[]>;

async function compare(query: Query, truth: Truth): Promise<void> {
  if (truth === undefined) return;
  const views = await query(`SELECT view_name FROM duckdb_views() WHERE schema_name = 'shop'`);
  expect(views.flat().includes('items')).toBe(truth !== 'dropped');
  if (truth === 'dropped') return;
  const described = await query(`SELECT column_name FROM (DESCRIBE shop.items)`);
  expect(described.flat()).toEqual(truth.columns);
  const list = truth.columns.map((name) => `"${name}"::VARCHAR`).join(', ');
  const rows = sorted(truth.rows);
  expect(sorted(await query(`SELECT ${list} FROM shop.items`))).toEqual(rows);
  expect(sorted(await query(`SELECT ${list} FROM shop.items__as_of('2099-01-01')`))).toEqual(rows);
  const open = `SELECT ${list} FROM shop.items__history WHERE valid_to IS NULL`;
  expect(sorted(await query(open))).toEqual(rows);
}

const sorted = (rows: readonly (readonly unknown[])[]): readonly string[] =>
  rows.map((row) => JSON.stringify(row)).sort();
