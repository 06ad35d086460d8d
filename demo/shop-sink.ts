import { RestBigQuery } from '../src/bigquery/rest-service.ts';
import { queryWarehouse } from '../src/duckdb/query-client.ts';
import { BIGQUERY_PROJECT } from '../tools/stack/bigquery.ts';
import { bigQueryViews } from './bigquery-text.ts';
import type { WarehouseQuery } from './compare-tables.ts';
import { DUCKDB, type WarehouseDialect } from './warehouse-dialect.ts';

/** The warehouse a shop is copied into, and how it is asked what it holds. */
export interface ShopSink {
  /** Its section of the pipeline file. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly dialect: WarehouseDialect;
  /** @throws {SluiceError} while nobody answers */
  readonly query: WarehouseQuery;
}

const MAX_ROWS = 1_000_000;

export function duckDbSink(file: string): ShopSink {
  return {
    settings: { kind: 'duckdb', file, commitIntervalMs: 500 },
    dialect: DUCKDB,
    query: async (sql) => {
      const { rows } = await queryWarehouse(file, { sql, limit: MAX_ROWS });
      return rows as readonly (readonly (string | null)[])[];
    },
  };
}

/** Loads every second: BigQuery's daily quotas would allow that for a few minutes, an emulator has none. */
const LOAD_INTERVAL_MS = 1_000;

/** @param endpoint  of the front of an emulator, `http://127.0.0.1:9050` */
export function bigQuerySink(endpoint: string): ShopSink {
  const place = { project: BIGQUERY_PROJECT, location: 'US', endpoint };
  const service = new RestBigQuery({
    ...place,
    labels: {},
    authorization: () => Promise.resolve({}),
  });
  return {
    settings: { kind: 'bigquery', ...place, loadIntervalMs: LOAD_INTERVAL_MS },
    dialect: bigQueryViews(BIGQUERY_PROJECT),
    query: (sql) => service.rows(sql),
  };
}
