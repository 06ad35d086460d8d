/** Questions to a warehouse go to the worker that owns its file. */
export { queryWarehouse } from '../duckdb/query-client.ts';
export type { QueryAnswer } from '../duckdb/query-protocol.ts';
