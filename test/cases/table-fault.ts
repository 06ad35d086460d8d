import type { CanonicalText } from '../../demo/canonical-text.ts';
import {
  compareTable,
  readShapes,
  sourceRows,
  type TableShape,
} from '../../demo/compare-tables.ts';
import { DUCKDB } from '../../demo/warehouse-dialect.ts';
import { unreachable } from '../../src/change/brand.ts';
import { type TableId, tableName } from '../../src/change/table.ts';
import type { Right } from './expectation.ts';
import type { FieldCase } from './field-case.ts';
import type { PlayedCase } from './play-case.ts';

const SHOWN_ROWS = 8;
const SHOWN_CHARS = 60;

const sameTable = (a: TableId, b: TableId): boolean =>
  a.database === b.database && a.table === b.table;

const isOf = ({ database }: FieldCase, name: string): boolean => name.startsWith(database);

/** What is at the source and in the warehouse when a case has been played. */
export interface Findings {
  readonly played: PlayedCase;
  readonly shapes: readonly TableShape[];
  readonly views: readonly TableId[];
  /** Status by `database.table`. */
  readonly statuses: ReadonlyMap<string, string>;
}

export async function findingsOf(fieldCase: FieldCase, played: PlayedCase): Promise<Findings> {
  const { mysql, pipeline, databases } = played;
  const shapes = await Promise.all(databases.map((database) => readShapes(mysql, database)));
  // A sink that has ended answers nobody: its warehouse shows nothing.
  const rows = (sql: string): ReturnType<typeof pipeline.query> =>
    pipeline.query(sql).catch(() => []);
  const views = await rows('SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal');
  const statuses = await rows('SELECT table_name, status FROM _cdc_status');
  return {
    played,
    shapes: fieldCase.byHash ? shapes.flat().map(hashed) : shapes.flat(),
    views: views
      .map(([database, table]) => ({ database: database ?? '', table: table ?? '' }))
      .filter(
        ({ database, table }) => isOf(fieldCase, database) && !/__(changes|history)$/.test(table),
      ),
    statuses: new Map(statuses.map(([name, status]) => [name ?? '', status ?? ''])),
  };
}

/** With texts and bytes replaced by their digests. */
function hashed(shape: TableShape): TableShape {
  const digest = (text: CanonicalText): CanonicalText => ({
    ...text,
    mysql: (column) => `SHA2(${column}, 256)`,
    duckdb: (column) => `sha256(${column})`,
  });
  const columns = shape.columns.map((column) =>
    /text|blob/.test(column.dataType) ? { ...column, text: digest(column.text) } : column,
  );
  return { ...shape, columns };
}

/** What is wrong with a table, or undefined. */
export async function faultOf(
  findings: Findings,
  id: TableId,
  right: Right,
): Promise<string | undefined> {
  const shape = findings.shapes.find((each) => sameTable(each, id));
  const hasView = findings.views.some((view) => sameTable(view, id));
  switch (right.kind) {
    case 'equal':
      if (shape === undefined) return 'the source has no such table';
      return (await unequal(findings, shape, hasView)) ?? notConsistent(findings, id);
    case 'gone':
      if (shape !== undefined) return 'the source has it';
      return (await notEmpty(findings, id, hasView)) ?? left(findings, id);
    case 'stopped':
      return notStopped(findings, id, right.code);
    case 'left out':
      if (shape === undefined) return 'the source has no such table';
      return hasView ? 'the warehouse has it' : undefined;
    default:
      return unreachable(right);
  }
}

/** Tables that nobody expects, at the source or in the warehouse. */
export function strangers(
  { shapes, views }: Findings,
  expected: readonly TableId[],
): readonly string[] {
  const known = ({ database, table }: TableId): boolean =>
    expected.some((id) => sameTable(id, { database, table }));
  return [
    ...shapes.filter((shape) => !known(shape)).map((id) => `${tableName(id)} at the source`),
    ...views.filter((view) => !known(view)).map((id) => `${tableName(id)} in the warehouse`),
  ];
}

async function unequal(
  { played }: Findings,
  shape: TableShape,
  hasView: boolean,
): Promise<string | undefined> {
  if (!hasView) return 'the warehouse has no view of it';
  const { mysql, pipeline } = played;
  const names = await pipeline.query(`SELECT column_name FROM (DESCRIBE ${DUCKDB.rows(shape)})`);
  const wanted = shape.columns.map(({ name }) => name);
  // Those that the source has dropped come behind.
  const shown = names.flat().slice(0, wanted.length);
  if (shown.join() !== wanted.join())
    return `its columns are called ${shown.join(', ')} and not ${wanted.join(', ')}`;
  const keyed =
    shape.key.length > 0 ? shape : { ...shape, key: shape.columns.map(({ name }) => name) };
  const comparison = await compareTable(mysql, (sql) => pipeline.query(sql), keyed);
  if (comparison.differences === 0) return undefined;
  const source: unknown[] = [];
  for await (const { values } of sourceRows(mysql, keyed)) source.push(values);
  const view = await pipeline.query(
    `SELECT * FROM ${DUCKDB.rows(shape)} ORDER BY ALL LIMIT ${SHOWN_ROWS}`,
  );
  return [
    `${comparison.differences} rows differ`,
    ...comparison.examples,
    'at the source',
    ...source.slice(0, SHOWN_ROWS).map(rowText),
    'in the warehouse',
    ...view.map(rowText),
  ].join('\n  ');
}

const rowText = (row: unknown): string =>
  JSON.stringify(row, (_, value: unknown) =>
    typeof value === 'string' && value.length > SHOWN_CHARS
      ? `${value.slice(0, SHOWN_CHARS)}… (${value.length})`
      : value,
  );

async function notEmpty(
  { played }: Findings,
  { database, table }: TableId,
  hasView: boolean,
): Promise<string | undefined> {
  if (!hasView) return undefined;
  const rows = await played.pipeline.query(
    `SELECT * FROM ${DUCKDB.view(database, table)} LIMIT ${SHOWN_ROWS}`,
  );
  return rows.length === 0 ? undefined : ['it has rows', ...rows.map(rowText)].join('\n  ');
}

function notConsistent({ statuses }: Findings, id: TableId): string | undefined {
  const status = statuses.get(tableName(id));
  return status === 'consistent' ? undefined : `its status is ${status ?? 'not known'}`;
}

/** A table that is gone may go on being listed, but nothing is expected of it any more. */
function left({ statuses }: Findings, id: TableId): string | undefined {
  const status = statuses.get(tableName(id)) ?? 'consistent';
  return status === 'consistent' ? undefined : `its status is ${status}`;
}

function notStopped({ played, statuses }: Findings, id: TableId, code: string): string | undefined {
  const name = tableName(id);
  const reason = played.pipeline.stopOf(name);
  if (reason === undefined) return `nothing says that it has stopped`;
  if (!reason.includes(code)) return `it has stopped for another reason: ${reason}`;
  const status = statuses.get(name) ?? 'stopped';
  return status === 'stopped' ? undefined : `it has stopped, and its status is ${status}`;
}
