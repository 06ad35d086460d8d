import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { loadFile } from '../../src/bigquery/load-file.ts';
import { tableName } from '../../src/change/table.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import type { Topic } from '../../src/topic/topic-name.ts';
import { BEFORE_ALL, type StoredTable } from '../../src/view/stored-table.ts';
import { change, integer, rowsOf, schemaOf, varchar } from '../duckdb/warehouse.ts';

const docs = schemaOf('shop.docs', [
  ['id', integer],
  ['body', varchar],
]);
const stored: StoredTable = {
  name: tableName(docs.id),
  id: docs.id,
  columns: [
    { name: 'id', type: 'INT64', mayBeInexact: false },
    { name: 'body', type: 'STRING', mayBeInexact: false },
  ],
  key: ['id'],
  schemaId: schemaIdOf(docs),
  schemaSince: BEFORE_ALL,
  watermark: BEFORE_ALL,
};

const fileOf = async (body: string, rows: number) => {
  const row = change(docs, 'c', [1n, body], 1);
  const parts = [
    rowsOf(
      docs,
      Array.from({ length: rows }, () => row),
    ),
  ];
  const made = await loadFile(stored, parts, 'shop.shop.docs' as Topic, 0, 'stop');
  if ('code' in made) throw new Error(made.reason);
  return made;
};

it('a load file has a line for every row', async () => {
  const { file, rows } = await fileOf('text', 3_000);
  const lines = gunzipSync(file).toString().trimEnd().split('\n');
  expect(rows).toBe(3_000);
  expect(lines).toHaveLength(3_000);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ id: '1', body: 'text' });
});

it('a load file may hold more than a text can: ten rows of 60 MB', async () => {
  const { file, rows } = await fileOf('x'.repeat(60_000_000), 10);
  expect(rows).toBe(10);
  // The last four bytes of a gzip member are the length of what was compressed, modulo 2^32.
  expect(file.readUInt32LE(file.length - 4)).toBeGreaterThan(600_000_000);
}, 60_000);
