/** Questions to a warehouse go to the worker that owns its file. */
export { streamQuery } from '../duckdb/query-client.ts';
export type { QueryPart } from '../duckdb/query-protocol.ts';
