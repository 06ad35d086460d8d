import { join } from 'node:path';
import { queryWarehouse } from '../src/duckdb/query-client.ts';
import type { Job } from './contender.ts';
import type { Place } from './place.ts';

/** The file that the job's worker loads. */
export const warehouseFile = ({ programs }: Place, { prefix, warehouse }: Job): string =>
  join(programs, prefix, warehouse ?? '');

/** The first cell of an answer; 0 while the warehouse does not answer. */
export async function warehouseNumber(file: string, sql: string): Promise<number> {
  const answer = await queryWarehouse(file, { sql, limit: 1 }).catch(() => undefined);
  return Number(answer?.rows[0]?.[0] ?? 0);
}
