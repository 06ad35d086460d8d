import { join } from 'node:path';
import { expect, it } from 'vitest';
import { rowWriter } from '../../src/bigquery/row-line.ts';
import { tableName } from '../../src/change/table.ts';
import { schemaIdOf } from '../../src/topic/schema-record.ts';
import {
  batch,
  change,
  integer,
  openWarehouse,
  rowsOf,
  schemaOf,
  tempFolder,
  varchar,
} from './warehouse.ts';

const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];
const race = schemaOf('shop.race', [
  ['id', integer],
  ...NAMES.map((name) => [name, varchar] as const),
]);
const made = change(race, 'c', [1n, ...NAMES.map((name) => `made ${name}`)], 1);
const deleted = change(race, 'd', [1n, ...NAMES.map(() => null)], 3);
const updated = change(race, 'u', [1n, ...NAMES.map((name) => `updated ${name}`)], 2);

it('DuckDB shows the values of columns whose names mean something to JavaScript', async () => {
  using folder = tempFolder();
  await using warehouse = await openWarehouse(join(folder.path, 'shop.duckdb'));
  const list = NAMES.map((name) => `"${name}"`).join(', ');
  await warehouse.destination.apply(batch(1, [rowsOf(race, [made])]));
  await warehouse.destination.apply(batch(2, [rowsOf(race, [updated])]));
  expect(await warehouse.query(`SELECT ${list} FROM shop.race`)).toEqual([
    NAMES.map((name) => `updated ${name}`),
  ]);
  await warehouse.destination.apply(batch(3, [rowsOf(race, [deleted])]));
  expect(await warehouse.query('SELECT count(*)::INTEGER FROM shop.race')).toEqual([[0]]);
});

it('a line of a BigQuery load file has the values of columns whose names mean something to JavaScript', () => {
  const table = {
    name: tableName(race.id),
    id: race.id,
    columns: NAMES.map((name) => ({ name, type: 'STRING', mayBeInexact: false })),
    key: [],
    schemaId: schemaIdOf(race),
  };
  const write = rowWriter(
    race,
    {
      ...table,
      columns: [{ name: 'id', type: 'INT64', mayBeInexact: false }, ...table.columns],
    } as never,
    0,
  );
  const written = write(made);
  for (const name of NAMES)
    expect(written).toMatchObject({ line: expect.stringContaining(`"${name}":"made ${name}"`) });
});
