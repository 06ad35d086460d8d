import { describe, expect, it } from 'vitest';
import { bigQueryDialect } from '../../src/bigquery/bigquery-dialect.ts';
import { type Commit, commitScript } from '../../src/bigquery/commit-script.ts';
import { emptyingScript, foldScript, probeQuery } from '../../src/bigquery/compaction.ts';
import {
  TABLES_READ_BY_APPEND,
  TABLES_READ_BY_COMMIT,
  TABLES_READ_BY_LOOK,
} from '../../src/bigquery/cost.ts';
import { commitsQuery, selectAll, usageQuery } from '../../src/bigquery/cost-report.ts';
import { rowsFoundQuery } from '../../src/bigquery/lost-stream.ts';
import {
  checkpointQuery,
  compactionRecord,
  createBookkeeping,
  loadsQuery,
  saveDefinitions,
  tablesQuery,
  takeoverStatements,
} from '../../src/bigquery/metadata.ts';
import { bigQueryLayout } from '../../src/bigquery/names.ts';
import { newCheckpoint, setAsideStatements } from '../../src/bigquery/new-warehouse.ts';
import type { Statement } from '../../src/bigquery/statement.ts';
import { declareKey, goneViews, tableScripts, tableViews } from '../../src/bigquery/table-plan.ts';
import type { SchemaId, TableName } from '../../src/change/table.ts';
import { standingChanges } from '../../src/sink/continuity.ts';
import { controlEffects } from '../../src/sink/control-effects.ts';
import type { TableStop } from '../../src/sink/table-stop.ts';
import type { Topic } from '../../src/topic/topic-name.ts';
import { expireChanges } from '../../src/view/expiry.ts';
import { liveDeleteStatement } from '../../src/view/live-delete.ts';
import { BEFORE_ALL, type StoredTable } from '../../src/view/stored-table.ts';
import { change, cutAt, integer, rowsOf, schemaOf, seqAt } from '../duckdb/warehouse.ts';
import { grammarProblems } from '../support/bigquery-grammar.ts';

const layout = bigQueryLayout('acme-data', 'sluice_shop', {
  dataset: '{database}',
  table: '{table}',
});
const dialect = bigQueryDialect(layout);
const settings = { labels: { team: 'data' }, changesExpireDays: 400 };
const AT_US = Date.UTC(2026, 10, 23, 5) * 1000;

const created: StoredTable = {
  name: 'shop.orders' as TableName,
  id: { database: 'shop', table: 'orders' },
  schemaId: '5f0e1d2c3b4a5968' as SchemaId,
  schemaSince: BEFORE_ALL,
  columns: [
    { name: 'id', type: 'INT64', mayBeInexact: false },
    { name: 'orders', type: 'STRING', mayBeInexact: false },
    { name: 'amount', type: 'NUMERIC', mayBeInexact: false },
    { name: 'due', type: 'DATE', mayBeInexact: true },
  ],
  key: ['id'],
  watermark: BEFORE_ALL,
};

/** After `amount` became a VARCHAR and a column was added. */
const changed: StoredTable = {
  ...created,
  columns: [
    ...created.columns.slice(0, 2),
    {
      name: 'amount',
      type: 'STRING',
      mayBeInexact: false,
      stored: 'amount__v2',
      earlier: [{ name: 'amount', type: 'NUMERIC' }],
    },
    ...created.columns.slice(3),
    { name: 'note', type: 'JSON', mayBeInexact: true },
  ],
};

const folded: StoredTable = {
  ...created,
  watermark: cutAt(10).lastSequence,
  watermarkAtUs: cutAt(10).committedAtUs,
};

/** After a year of changes has expired. */
const expiring: StoredTable = { ...folded, changesSinceUs: Date.UTC(2025, 9, 19) * 1000 };

/** With texts that would end a literal, or a statement. */
const described: StoredTable = {
  ...folded,
  comments: {
    table: `The customer's "orders"; see C:\\shop`,
    columns: { id: 'number', due: 'by when?\nMay be 0000-00-00' },
  },
};

/** A key that no date type holds all of, and that BigQuery can neither bound nor declare. */
const dated: StoredTable = { ...folded, key: ['due', 'id'] };

/** A key that no window takes as it is. */
const weighed: StoredTable = {
  ...created,
  columns: [...created.columns, { name: 'weight', type: 'FLOAT64', mayBeInexact: false }],
  key: ['weight', 'id'],
};

/** After another column has become the key, which is folded up to before that. */
const rekeyed: StoredTable = {
  ...folded,
  key: ['orders'],
  generations: [
    { after: BEFORE_ALL, key: ['id'] },
    { after: seqAt(11), key: ['orders'] },
  ],
};

/** Without the rows of the key before. */
const emptied: StoredTable = { ...rekeyed, watermark: seqAt(11) };

/** After a DROP TABLE. */
const gone: StoredTable = {
  ...folded,
  columns: [],
  closed: created.columns,
  key: [],
  generations: [{ after: BEFORE_ALL, key: ['id'] }],
  dropped: true,
};

const effects = controlEffects(
  {
    pending: [],
    start: undefined,
    cut: undefined,
    continuity: new Map([[folded.name, {}]]),
  },
  {
    tables: [],
    control: [
      { kind: 'truncate', seq: seqAt(11), table: folded.name },
      { kind: 'sweep', seq: seqAt(12), table: folded.name, olderThan: seqAt(9) },
      { kind: 'gap', seq: seqAt(12, 3), cause: 'binlog.purged', from: 'a:1-5', to: 'a:1-9' },
    ],
    cut: cutAt(12),
  },
);

const stop: TableStop = {
  table: 'shop.items' as TableName,
  topic: 'shop.shop.items' as Topic,
  code: 'bigquery.row-refused',
  reason: 'the row takes more than 100000000 bytes as JSON',
  seq: seqAt(11),
  place: { partition: 0, offset: 8 },
  cut: cutAt(10),
  needsSnapshot: false,
};

const eventful: Commit = {
  warehouseId: '6ea39949-8beb-4830-9ddd-42d37cb7d7ee',
  to: {
    identity: { layout: 1, warehouseId: 'w', pipeline: 'shop', prefix: 'shop' },
    commit: 42,
    offsets: new Map([['t/0', { topic: 'shop.shop.orders' as Topic, partition: 0, offset: 1207 }]]),
    cut: cutAt(12),
    start: undefined,
    newest: seqAt(12),
    pending: [],
    stopped: new Map([[stop.table, stop]]),
    continuity: effects.continuity,
  },
  atUs: AT_US,
  massDeletes: effects.deletes.map((each) =>
    liveDeleteStatement(dialect, folded, each, cutAt(12), AT_US),
  ),
  added: [{ name: folded.name, rows: 3 }],
  standings: standingChanges(
    { continuity: new Map([[folded.name, {}]]), stopped: new Map(), start: undefined },
    {
      continuity: effects.continuity,
      stopped: new Map([[stop.table, stop]]),
      start: undefined,
    },
  ),
  refused: [
    {
      table: folded.name,
      seq: seqAt(12),
      op: 'u',
      position: 'binlog.000001:4',
      topic: 'shop.shop.orders' as Topic,
      partition: 2,
      offset: 1206,
      schemaId: folded.schemaId,
      reason: 'the row takes more than 100000000 bytes as JSON',
    },
  ],
  gaps: effects.gaps,
  loaded: [{ table: folded.name, jobId: 'sluice-shop-bq-42-load', rows: 3, fileBytes: 218 }],
};

/** A statement with its data behind it. */
const withData = ({ sql, data = {} }: Statement): string =>
  [sql, ...Object.entries(data).map(([name, value]) => `-- @${name}: ${value}`)].join('\n');

const withoutData = (sql: string): string => sql.replaceAll(/^-- @.*$/gm, '');

const CONSISTENT = { facts: { since: seqAt(1) }, standing: { status: 'consistent' } } as const;

const probe = { changes: 5, known: 2, keyBounds: [['17', '99']] } as const;

const STATEMENTS: Readonly<Record<string, readonly string[]>> = {
  bookkeeping: createBookkeeping(layout),
  'bookkeeping-of-an-earlier-layout': takeoverStatements(layout, [folded, described]).map(withData),
  'cost-report': [
    usageQuery(layout, AT_US / 1000),
    commitsQuery(layout, AT_US / 1000),
    ...(['', '__latest', '__history', '__as_of'] as const).map((suffix) =>
      selectAll(layout, folded, suffix),
    ),
  ],
  'first-checkpoint': [
    withData(
      newCheckpoint(layout, { warehouseId: 'w', pipeline: 'shop', prefix: 'shop' }, undefined),
    ),
    withData(
      newCheckpoint(
        layout,
        { warehouseId: 'w2', pipeline: 'shop', prefix: 'shop' },
        {
          cut: cutAt(12),
          offsets: [{ topic: 'shop.shop.orders' as Topic, partition: 0, offset: 7 }],
        },
      ),
    ),
  ],
  'set-aside': Object.values(
    setAsideStatements(layout, '6ea39949-8beb-4830-9ddd-42d37cb7d7ee', [created], new Set(), [
      'shop__orders__changes',
      'shop__orders__state',
      'shop__orders__state__an-older-one',
      '_cdc_tables',
    ]),
  ).flat(),
  'read-state': [checkpointQuery(layout), tablesQuery(layout), loadsQuery(layout, AT_US / 1000)],
  'rows-of-a-lost-stream': [
    rowsFoundQuery(layout, folded, { ingestedAtUs: AT_US }, [
      rowsOf(schemaOf('shop.orders', [['id', integer]]), [
        change(schemaOf('shop.orders', [['id', integer]]), 'c', [2n], 12),
        change(schemaOf('shop.orders', [['id', integer]]), 'c', [1n], 11),
      ]),
    ]),
  ],
  'new-table': [
    ...tableScripts(layout, settings, undefined, created).flat(),
    ...saveDefinitions(layout, [{ table: created, ...CONSISTENT }]).map(withData),
  ],
  'changed-table': [
    ...tableScripts(layout, settings, created, changed).flat(),
    ...saveDefinitions(layout, [{ table: changed, ...CONSISTENT }]).map(withData),
  ],
  'altered-column': tableScripts(layout, settings, created, {
    ...created,
    columns: [{ name: 'id', type: 'NUMERIC', mayBeInexact: false }, ...created.columns.slice(1)],
  }).flat(),
  'new-table-with-comments': tableScripts(layout, settings, undefined, described).flat(),
  'changed-comments': [
    ...tableScripts(layout, settings, folded, described).flat(),
    ...saveDefinitions(layout, [{ table: described, ...CONSISTENT }]).map(withData),
  ],
  views: tableViews(layout, folded, undefined),
  'views-with-descriptions': tableViews(layout, described, undefined),
  'views-of-a-changed-table': tableViews(layout, changed, undefined),
  'views-with-an-inexact-key': tableViews(layout, dated, undefined),
  'views-of-a-changed-key': tableViews(layout, rekeyed, cutAt(12).lastSequence),
  'views-of-a-dropped-table': [
    ...goneViews(layout, gone, cutAt(12).lastSequence, undefined, new Set()),
    ...tableViews(layout, gone, cutAt(12).lastSequence),
  ],
  'views-with-a-double-in-the-key': tableViews(layout, weighed, undefined),
  commit: [withData(commitScript(layout, eventful))],
  'fold-probe': [probeQuery(layout, folded, cutAt(12)), probeQuery(layout, dated, cutAt(12))],
  'fold-merge': [withData(foldScript(layout, folded, cutAt(12), probe, AT_US))],
  'fold-of-a-changed-key': [
    emptyingScript(layout, rekeyed, emptied),
    ...declareKey(layout, emptied),
    probeQuery(layout, emptied, cutAt(12)),
    foldScript(layout, emptied, cutAt(12), { ...probe, known: 0, keyBounds: [] }, AT_US).sql,
  ],
  'fold-append': [foldScript(layout, folded, cutAt(12), { ...probe, known: 0 }, AT_US).sql],
  'fold-with-an-inexact-key': [
    foldScript(layout, dated, cutAt(12), { ...probe, keyBounds: [] }, AT_US).sql,
  ],
  'fold-of-a-changed-table': [withData(foldScript(layout, changed, cutAt(12), probe, AT_US))],
  expiry: expireChanges(dialect, expiring),
  'views-of-a-table-whose-changes-expire': tableViews(layout, expiring, cutAt(12).lastSequence),
  'compaction-record': [
    compactionRecord(
      layout,
      folded,
      { jobId: 'j', kind: 'merge', changes: 5, bytesBilled: 7 },
      AT_US,
    ),
  ],
};

/** Line ends where a reader wants them; nothing but white space differs from what is sent. */
function readable(sql: string): string {
  const [statement = '', ...data] = sql.split(/(?=\n-- @)/);
  const lines = statement.replaceAll(
    / (?=(?:FROM|WHERE|AND(?! \d)|QUALIFY|UNION ALL|WHEN|LEFT JOIN|USING|SET|VALUES|OPTIONS|PARTITION BY DATE|CLUSTER BY|INNER JOIN|CROSS JOIN)\b)/g,
    '\n  ',
  );
  return [lines, ...data].join('');
}

describe('the statements BigQuery gets', () => {
  it.each(Object.entries(STATEMENTS))(
    '%s is what a reviewer has read',
    async (name, statements) => {
      const text = `${statements.map((sql) => readable(sql).replace(/;?((?:\n--.*)*)$/, ';$1')).join('\n\n')}\n`;
      await expect(text).toMatchFileSnapshot(`../fixtures/bigquery/${name}.sql`);
    },
  );

  it.each(Object.entries(STATEMENTS))('%s is what BigQuery accepts', (_, statements) => {
    expect(statements.map(withoutData).flatMap(grammarProblems)).toEqual([]);
  });

  it.each([
    ['SELECT a.b FROM `p`.`t` WHERE a.b = 1', 'no alias'],
    ['SELECT a::INT64 AS b FROM `p`.`t` AS a', 'not GoogleSQL'],
    ['SELECT "a" AS b FROM `p`.`t` AS a', 'not GoogleSQL'],
    ['SELECT a.rows FROM `p`.`t` AS a', 'reserved word'],
    ['SELECT a.x AS hash FROM `p`.`t` AS a', 'reserved word'],
    ['SELECT strftime(a.x) AS b FROM `p`.`t` AS a', 'no function'],
    ['SELECT a.x FROM `p`.`t` AS a QUALIFY ROW_NUMBER() OVER (ORDER BY a.x) = 1', 'QUALIFY'],
    ['SELECT (a.x FROM `p`.`t` AS a', 'parenthesis'],
    ['SELECT a.x FROM `p`.`d`.`t__changes` AS a WHERE a.x = 1', 'no bound'],
    [
      'MERGE INTO `p`.`t` AS s USING `p`.`u` AS f ON s.a = f.a AND s.a IN (SELECT x.a FROM `p`.`u` AS x) WHEN MATCHED THEN DELETE',
      'sub-query in the ON',
    ],
    ['BEGIN TRANSACTION; CREATE TABLE `p`.`t` (a INT64); COMMIT TRANSACTION;', 'DDL'],
    ['CREATE OR REPLACE TABLE FUNCTION `p`.`f`(`x`) AS (SELECT 1 AS a)', 'table function'],
  ])('are checked by one who would notice: %s', (sql, problem) => {
    expect(grammarProblems(sql).join('\n')).toContain(problem);
  });
});

describe('a fold', () => {
  const bounds = [
    ['LOW_KEY', 'HIGH_KEY'],
    ['LOW_SECOND', 'HIGH_SECOND'],
  ] as const;
  const fold = (table: StoredTable, known: number): Statement =>
    foldScript(layout, table, cutAt(12), { changes: 5, known, keyBounds: bounds }, AT_US);

  it.each(Object.entries({ folded, changed, rekeyed, emptied, dated, weighed }))(
    'of the table %s has no value of a key in its text, which whoever may list jobs can read',
    (_, table) => {
      for (const known of [0, 2]) expect(fold(table, known).sql).not.toMatch(/LOW_|HIGH_/);
    },
  );

  it('has the bounds of its keys as data', () => {
    const { sql, data = {} } = fold(folded, 2);
    expect(Object.values(data)).toEqual(expect.arrayContaining(['LOW_KEY', 'HIGH_KEY']));
    expect(sql).toContain('@low0');
    expect(fold(folded, 0).data).toBeUndefined();
  });
});

/** Tables that each statement reads, added up: what is only inserted into is not read. */
function readsOf(script: string): number {
  return script
    .split(';\n')
    .map((sql) => sql.replace(/^INSERT INTO [^ ]+ /, ''))
    .reduce((reads, sql) => reads + new Set(sql.match(/`acme-data`\.`\w+`\.`\w+`/g)).size, 0);
}

describe('what BigQuery bills by its minimum', () => {
  const plain: Commit = { ...eventful, massDeletes: [], standings: [], refused: [], gaps: [] };
  it.each([
    ['a commit', commitScript(layout, plain).sql, TABLES_READ_BY_COMMIT],
    ['the look before a fold', probeQuery(layout, folded, cutAt(12)), TABLES_READ_BY_LOOK],
    [
      'a fold that only inserts',
      foldScript(layout, folded, cutAt(12), { ...probe, known: 0 }, AT_US).sql,
      TABLES_READ_BY_APPEND,
    ],
  ])('is for %s what its statements read', (_, script, reads) => {
    expect(readsOf(script)).toBe(reads);
  });
});
