import type { CanonicalText } from '../../demo/canonical-text.ts';
import { readShapes, type TableShape } from '../../demo/compare-tables.ts';
import { DUCKDB } from '../../demo/warehouse-dialect.ts';
import { unreachable } from '../../src/change/brand.ts';
import { type TableId, tableName } from '../../src/change/table.ts';
import type { Right } from './expectation.ts';
import type { FieldCase } from './field-case.ts';
import type { PlayedCase } from './play-case.ts';
import { rowText, statedRows, tableDifference } from './table-difference.ts';

const sameTable = (a: TableId, b: TableId): boolean =>
  a.database === b.database && a.table === b.table;

const has = (tables: readonly TableId[], id: TableId): boolean =>
  tables.some((each) => sameTable(each, id));

const isOf = ({ database }: FieldCase, name: string): boolean => name.startsWith(database);

/** What is at the source and in the warehouse when a case has been played. */
export interface Findings {
  readonly played: PlayedCase;
  readonly shapes: readonly TableShape[];
  readonly views: readonly TableId[];
  /** Schema and view of each table that the warehouse says it shows, by `database.table`. */
  readonly places: ReadonlyMap<string, TableId>;
  /** Status by `database.table`. */
  readonly statuses: ReadonlyMap<string, string>;
  readonly stated: FieldCase['stated'];
}

export async function findingsOf(fieldCase: FieldCase, played: PlayedCase): Promise<Findings> {
  const { mysql, pipeline, databases } = played;
  const shapes = await Promise.all(databases.map((database) => readShapes(mysql, database)));
  // A sink that has ended answers nobody: its warehouse shows nothing.
  const rows = (sql: string): ReturnType<typeof pipeline.query> =>
    pipeline.query(sql).catch(() => []);
  const views = await rows('SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal');
  const statuses = await rows('SELECT table_name, status, view_schema, view_name FROM _cdc_status');
  return {
    played,
    shapes: shapes.flat().map((shape) => comparable(shape, fieldCase)),
    views: views
      .map(([database, table]) => ({ database: database ?? '', table: table ?? '' }))
      .filter(
        ({ database, table }) => isOf(fieldCase, database) && !/__(changes|history)$/.test(table),
      ),
    stated: fieldCase.stated,
    places: new Map(
      statuses.flatMap(([name, , database, table]) =>
        name == null || database == null || table == null ? [] : [[name, { database, table }]],
      ),
    ),
    statuses: new Map(statuses.map(([name, status]) => [name ?? '', status ?? ''])),
  };
}

/**
 * Numbers are compared by value: a column that has changed its type may be of a wider one in the
 * warehouse, which shows 2 as 2.0. Large values are compared by their digests.
 */
function comparable(shape: TableShape, { byHash }: FieldCase): TableShape {
  const columns = shape.columns.map((column) => {
    const { text, name, dataType } = column;
    if (byHash && /text|blob/.test(dataType)) return { ...column, text: digest(text) };
    return shape.key.includes(name) || !/int|decimal/.test(dataType)
      ? column
      : { ...column, text: { ...text, polish: withoutFractionZeros } };
  });
  return { ...shape, columns };
}

const withoutFractionZeros = (digits: string): string =>
  digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;

const digest = (text: CanonicalText): CanonicalText => ({
  ...text,
  mysql: (column) => `SHA2(${column}, 256)`,
  duckdb: (column) => `sha256(${column})`,
});

/** Where the warehouse shows a table. */
const placeOf = ({ places }: Findings, id: TableId): TableId => places.get(tableName(id)) ?? id;

/** What is wrong with a table, or undefined. */
export async function faultOf(
  findings: Findings,
  id: TableId,
  right: Right,
): Promise<string | undefined> {
  const shape = findings.shapes.find((each) => sameTable(each, id));
  const place = placeOf(findings, id);
  const hasView = has(findings.views, place);
  switch (right.kind) {
    case 'equal':
      if (shape === undefined) return 'the source has no such table';
      if (!hasView) return 'the warehouse has no view of it';
      return (await tableDifference(findings.played, shape, place)) ?? notConsistent(findings, id);
    case 'as stated':
      return (await notAsStated(findings, id)) ?? notConsistent(findings, id);
    case 'gone':
      if (shape !== undefined) return 'the source has it';
      return hasView ? 'the warehouse has a view of it' : left(findings, id);
    case 'stopped':
      return (await notStopped(findings, id, right.code)) ?? notAsStatedIfAny(findings, id);
    case 'left out':
      if (shape === undefined) return 'the source has no such table';
      return hasView ? 'the warehouse has it' : undefined;
    default:
      return unreachable(right);
  }
}

/** Tables that nobody expects, at the source or in the warehouse. */
export function strangers(findings: Findings, expected: readonly TableId[]): readonly string[] {
  const { shapes, views } = findings;
  const places = expected.map((id) => placeOf(findings, id));
  return [
    ...shapes
      .filter((shape) => !has(expected, shape))
      .map((id) => `${tableName(id)} at the source`),
    ...views.filter((view) => !has(places, view)).map((id) => `${tableName(id)} in the warehouse`),
  ];
}

/** The views whose rows the case states: the table's own, its changelog's, or both. */
async function notAsStated({ played, stated }: Findings, id: TableId): Promise<string | undefined> {
  const views = [...stated].filter(
    ([view]) => view === id.table || view === `${id.table}__changes`,
  );
  if (views.length === 0) return 'the case states none of its rows';
  for (const [view, expected] of views) {
    const rows = await statedRows(played, id.database, view);
    if (JSON.stringify(rows) !== JSON.stringify(expected))
      return [`${view} has other rows than the case states`, ...rows.map(rowText)].join('\n  ');
  }
  return undefined;
}

/** What a stopped table shows is its last rows: a case may state them. */
function notAsStatedIfAny(
  findings: Findings,
  id: TableId,
): Promise<string | undefined> | undefined {
  return findings.stated.has(id.table) ? notAsStated(findings, id) : undefined;
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

async function notStopped(
  { played, statuses }: Findings,
  id: TableId,
  code: string,
): Promise<string | undefined> {
  const name = tableName(id);
  const reason = played.pipeline.stopOf(name);
  if (reason === undefined) return `nothing says that it has stopped`;
  if (!reason.includes(code)) return `it has stopped for another reason: ${reason}`;
  const status = statuses.get(name) ?? 'stopped';
  if (status !== 'stopped') return `it has stopped, and its status is ${status}`;
  const late = await changesBehindStop(played, id);
  return late === 0 ? undefined : `${late} of its changes were passed on behind its stop`;
}

/** None where the warehouse has made nothing for the table. */
async function changesBehindStop({ pipeline }: PlayedCase, id: TableId): Promise<number> {
  const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
  const changelog = `${id.table}__changes`;
  const made = await pipeline.query(
    `SELECT 1 FROM duckdb_views() WHERE schema_name = ${text(id.database)} AND view_name = ${text(changelog)}`,
  );
  if (made.length === 0) return 0;
  const [[late] = []] = await pipeline.query(
    `SELECT count(*)::VARCHAR FROM ${DUCKDB.view(id.database, changelog)} AS c JOIN _cdc_status AS s
     ON s.table_name = ${text(tableName(id))} WHERE c._cdc.seq > s.not_consistent_since`,
  );
  return Number(late);
}
