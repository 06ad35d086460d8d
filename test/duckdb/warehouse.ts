import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RowValues } from '../../src/change/column-value.ts';
import { formatSequence, lastSequenceOf, type Sequence } from '../../src/change/sequence.ts';
import {
  type Column,
  type ColumnType,
  type TableSchema,
  tableName,
} from '../../src/change/table.ts';
import { DuckDbFile } from '../../src/duckdb/database-file.ts';
import { DuckDbDestination } from '../../src/duckdb/duckdb-destination.ts';
import type {
  ChangeRow,
  Cut,
  DestinationState,
  SinkBatch,
  TableRows,
} from '../../src/sink/destination.ts';
import type { SinkKillPoint } from '../../src/sink/kill-points.ts';
import type { ControlRecord } from '../../src/topic/control-record.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import { encodeKey, encodeRow } from '../support/row-json.ts';

const START_US = Date.UTC(2026, 10, 23) * 1000;

export const integer: ColumnType = { kind: 'integer', bytes: 8, unsigned: false };
export const varchar: ColumnType = { kind: 'text', charset: 'utf8mb4' };

export function schemaOf(
  table: string,
  columns: readonly (readonly [name: string, type: ColumnType])[],
  key: readonly string[] = ['id'],
): TableSchema {
  const [database = '', name = ''] = table.split('.');
  const list: Column[] = columns.map(([column, type]) => ({ name: column, type, nullable: true }));
  return {
    id: { database, table: name },
    columns: list,
    key: key.map((column) => list.findIndex(({ name: n }) => n === column)),
  };
}

export const seqAt = (ordinal: number, row = 1, epoch = 1): Sequence =>
  formatSequence({ epoch, commitOrdinal: ordinal, row });

/** A change of commit `ordinal`; its commit time is `ordinal` seconds after {@link START_US}. */
export function change(
  schema: TableSchema,
  op: ChangeRow['op'],
  values: RowValues,
  ordinal: number,
  row = 1,
): ChangeRow {
  return {
    op,
    seq: seqAt(ordinal, row),
    key: encodeKey(schema, values) ?? '',
    row: encodeRow(schema, values),
    committedAtUs: START_US + ordinal * 1_000_000,
    position: `binlog.000001:${ordinal}`,
    partition: 0,
    offset: ordinal,
  };
}

export function rowsOf(schema: TableSchema, rows: readonly ChangeRow[]): TableRows {
  return { table: tableName(schema.id), schemaId: schemaIdOf(schema), schema, rows };
}

export function cutAt(ordinal: number, epoch = 1): Cut {
  return {
    commitOrdinal: ordinal,
    lastSequence: lastSequenceOf(epoch, ordinal),
    committedAtUs: START_US + ordinal * 1_000_000,
    gtidSet: `3e11fa47-71ca-11e1-9e33-c80aa9429562:1-${ordinal}`,
  };
}

export function batch(
  cut: number | undefined,
  tables: readonly TableRows[],
  control: readonly ControlRecord[] = [],
  schemas: readonly TableSchema[] = [],
): SinkBatch {
  return {
    tables,
    control,
    schemas: new Map(schemas.map((schema) => [schemaIdOf(schema), schema])),
    offsets: [],
    cut: cut === undefined ? undefined : cutAt(cut),
  };
}

export interface TestWarehouse extends AsyncDisposable {
  readonly path: string;
  readonly destination: DuckDbDestination;
  /** Rows as JSON values, over a connection of their own. */
  query(sql: string): Promise<readonly (readonly unknown[])[]>;
}

export const TEST_SETTINGS = { memoryLimitMb: 256, threads: 2 };

export async function openWarehouse(
  path: string,
  reach: (point: SinkKillPoint) => void = () => {},
): Promise<TestWarehouse> {
  const file = await DuckDbFile.open(path, TEST_SETTINGS);
  const destination = new DuckDbDestination(file, {
    pipeline: 'shop',
    prefix: 'shop',
    nowMs: () => Date.now(),
    reach,
  });
  await openOrCreate(destination);
  const connection = await file.connect();
  return {
    path,
    destination,
    query: async (sql) => (await connection.runAndReadAll(sql)).getRowsJson(),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

export async function openOrCreate(destination: DuckDbDestination): Promise<DestinationState> {
  return (await destination.open()) ?? destination.create({ warehouseId: 'w1' });
}

export function tempFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'sluice-duckdb-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
