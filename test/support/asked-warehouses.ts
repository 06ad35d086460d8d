import { bigQueryViews } from '../../demo/bigquery-text.ts';
import { eventually } from '../../demo/shop-pipeline.ts';
import { DUCKDB } from '../../demo/warehouse-dialect.ts';
import { RestBigQuery } from '../../src/bigquery/rest-service.ts';
import { queryWarehouse } from '../../src/duckdb/query-client.ts';
import { SluiceError } from '../../src/errors/error.ts';
import { BIGQUERY_PROJECT } from '../../tools/stack/bigquery.ts';
import type { AskedWarehouse } from './warehouse-truth.ts';

const MAX_ROWS = 100_000;
const ANSWERED_WITHIN_MS = 60_000;
/** Later than every commit of a test. */
const LATER = '2100-01-01 00:00:00+00';

export function askedDuckDb(file: string): AskedWarehouse {
  // Between two attempts of the sink nobody has the file open.
  const query: AskedWarehouse['query'] = (sql) =>
    eventually(`an answer from ${file}`, ANSWERED_WITHIN_MS, async () => {
      try {
        const { rows } = await queryWarehouse(file, { sql, limit: MAX_ROWS });
        return rows as readonly (readonly (string | null)[])[];
      } catch (error) {
        if (error instanceof SluiceError && error.code === 'query.no-worker') return undefined;
        throw error;
      }
    });
  return {
    name: 'DuckDB',
    dialect: DUCKDB,
    query,
    status: '_cdc_status',
    checkpoint: '_sluice.checkpoint',
    views: async (database) => {
      const rows = await query(
        `SELECT view_name FROM duckdb_views() WHERE schema_name = '${database}' ORDER BY view_name`,
      );
      return rows.map(([name]) => name ?? '');
    },
    asOf: (database, table) =>
      `${DUCKDB.view(database, `${table}__as_of`)}(TIMESTAMPTZ '${LATER}')`,
  };
}

/** @param pipeline  whose internal dataset has the default name */
export function askedBigQuery(endpoint: string, pipeline: string): AskedWarehouse {
  const service = new RestBigQuery({
    project: BIGQUERY_PROJECT,
    location: 'US',
    endpoint,
    authorization: () => Promise.resolve({}),
    labels: {},
  });
  const dialect = bigQueryViews(BIGQUERY_PROJECT);
  const own = (table: string): string => dialect.view(`sluice_${pipeline}`, table);
  return {
    name: 'BigQuery',
    dialect,
    query: (sql) => service.rows(sql),
    status: own('_cdc_status'),
    checkpoint: own('_cdc_checkpoints'),
    views: (database) =>
      listTables(
        `${endpoint}/bigquery/v2/projects/${BIGQUERY_PROJECT}/datasets/${database}/tables`,
      ),
    asOf: (database, table) => `${dialect.view(database, `${table}__as_of`)}(TIMESTAMP '${LATER}')`,
  };
}

async function listTables(address: string): Promise<readonly string[]> {
  const answer = await fetch(`${address}?maxResults=1000`);
  const { tables = [] } = (await answer.json()) as {
    readonly tables?: readonly { readonly tableReference: { readonly tableId: string } }[];
  };
  return tables.map(({ tableReference }) => tableReference.tableId);
}
