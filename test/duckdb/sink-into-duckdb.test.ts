import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tableName } from '../../src/change/table.ts';
import { DuckDbFile } from '../../src/duckdb/database-file.ts';
import { DuckDbDestination } from '../../src/duckdb/duckdb-destination.ts';
import type { SinkKillPoint } from '../../src/sink/kill-points.ts';
import { SCHEMAS, type SimulatedPipeline } from '../sink/simulated-pipeline.ts';
import { PREFIX } from '../sink/simulated-topics.ts';
import { play, type ScenarioWarehouse, turns } from '../sink/sink-scenario.ts';
import { TEST_SETTINGS, tempFolder } from './warehouse.ts';

const quoted = (table: string): string => `shop."${table.replaceAll('"', '""')}"`;

/** Reopens the file for every run of the sink, and folds at every chance. */
class ReopenedWarehouse implements ScenarioWarehouse {
  readonly #path: string;
  #file: DuckDbFile | undefined;
  pipeline: SimulatedPipeline | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async connect(reach: (point: SinkKillPoint) => void): Promise<DuckDbDestination> {
    await this.close();
    this.#file = await DuckDbFile.open(this.#path, TEST_SETTINGS);
    return new DuckDbDestination(this.#file, {
      pipeline: 'p',
      prefix: PREFIX,
      nowMs: () => 0,
      reach,
      folding: { minDeltaRows: 0, stateFraction: 0, maxAgeMs: 0 },
    });
  }

  async query(sql: string): Promise<readonly (readonly unknown[])[]> {
    const connection = await this.#file!.connect();
    try {
      return (await connection.runAndReadAll(sql)).getRowsJson();
    } finally {
      this.#file!.release(connection);
    }
  }

  async check(pipeline: SimulatedPipeline): Promise<void> {
    this.pipeline = pipeline;
    const known = await this.query(
      `SELECT schema_name FROM duckdb_schemas() WHERE database_name = current_database() AND schema_name = '_sluice'`,
    );
    if (known.length === 0) return;
    const [[ordinal] = []] = await this.query('SELECT commit_ordinal FROM _sluice.checkpoint');
    if (ordinal === null || ordinal === undefined) return;
    for (const { id } of SCHEMAS) {
      const expected = pipeline.statesByOrdinal.get(Number(ordinal))!.get(tableName(id))!;
      const rows = await this.query(
        `SELECT id::INTEGER, number::VARCHAR, text FROM ${quoted(id.table)} ORDER BY id`,
      );
      const wanted = [...expected.values()].sort(([a], [b]) => a - b);
      expect(rows).toEqual(wanted.map(([key, number, text]) => [key, String(number), text]));
    }
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}

describe('runSink into DuckDB', () => {
  it('shows the source as of a commit and stores every change once, wherever it crashes and is folded', async () => {
    await fc.assert(
      fc.asyncProperty(turns(6), async (list) => {
        using folder = tempFolder();
        const warehouse = new ReopenedWarehouse(join(folder.path, 'p.duckdb'));
        await play(list, warehouse);
        for (const { id } of SCHEMAS) {
          const seqs = warehouse.pipeline!.seqs.get(tableName(id))!;
          const stored = await warehouse.query(
            `SELECT _cdc.seq FROM ${quoted(`${id.table}__changes`)} WHERE _cdc.position IS NOT NULL ORDER BY 1`,
          );
          expect(stored.flat()).toEqual([...seqs].sort());
          const history = `SELECT count(*) FROM ${quoted(`${id.table}__history`)} WHERE valid_to IS NULL`;
          const live = `SELECT count(*) FROM ${quoted(id.table)}`;
          expect(await warehouse.query(`SELECT (${history}) = (${live})`)).toEqual([[true]]);
        }
        await warehouse.close();
      }),
      { numRuns: 20 },
    );
  }, 60_000);
});
