import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import { auditChangelog, type ChangelogAudit } from '../../demo/audit-changelog.ts';
import type { TopicAudit } from '../../demo/audit-topics.ts';
import { canonicalText } from '../../demo/canonical-text.ts';
import type { TableShape } from '../../demo/compare-tables.ts';
import { DUCKDB } from '../../demo/warehouse-dialect.ts';

const KEY = { name: 'id', dataType: 'int', columnType: 'int' };
const SHAPE: TableShape = {
  database: 'shop',
  table: 'orders',
  columns: [{ ...KEY, text: canonicalText(KEY) }],
  key: ['id'],
};
const TRUNCATE = 's3';

type Change = readonly [seq: string, id: number];

/** The audit of a changelog with these changes, beside a topic with records of these sequences. */
async function audited(
  changes: readonly Change[],
  topicSeqs: readonly string[],
  besides: Partial<TopicAudit> = {},
): Promise<Pick<ChangelogAudit, 'differences' | 'duplicates'>> {
  const db = await (await DuckDBInstance.create()).connect();
  await db.run('CREATE SCHEMA shop');
  await db.run('CREATE TABLE shop.orders__changes (id INT, _cdc STRUCT(op VARCHAR, seq VARCHAR))');
  for (const [seq, id] of changes)
    await db.run(`INSERT INTO shop.orders__changes VALUES (${id}, {op: 'u', seq: '${seq}'})`);
  const query = async (sql: string) =>
    (await db.runAndReadAll(sql)).getRows() as (string | null)[][];
  const topic: TopicAudit = {
    topic: 'shop.shop.orders',
    records: topicSeqs.length,
    duplicates: 0,
    disorders: 0,
    differences: 0,
    examples: [],
    seqs: new Set(topicSeqs),
    isWhole: true,
    tableEvents: [TRUNCATE],
    ...besides,
  };
  const { differences, duplicates } = await auditChangelog(query, DUCKDB, SHAPE, topic);
  db.closeSync();
  return { differences, duplicates };
}

describe('the changelog of a table beside its topic', () => {
  it.each<[string, readonly Change[], readonly string[], object]>([
    ['has no fault when both are empty', [], [], {}],
    [
      'has no fault when every change is there once',
      [
        ['s1', 7],
        ['s2', 7],
      ],
      ['s1', 's2'],
      {},
    ],
    [
      'may have a delete a row where the topics have one truncate',
      [
        ['s1', 7],
        ['s2', 8],
        [TRUNCATE, 7],
        [TRUNCATE, 8],
      ],
      ['s1', 's2'],
      {},
    ],
    ['may begin later than the topic', [['s2', 7]], ['s1', 's2'], {}],
    [
      'has a duplicate when a change was loaded twice',
      [
        ['s1', 7],
        ['s2', 7],
        ['s2', 7],
      ],
      ['s1', 's2'],
      { duplicates: 1 },
    ],
    [
      'has a duplicate when a truncate was carried out twice',
      [
        ['s1', 7],
        [TRUNCATE, 7],
        [TRUNCATE, 7],
      ],
      ['s1'],
      { duplicates: 1 },
    ],
    [
      'differs when a change is missing, though a later one hides it',
      [
        ['s1', 7],
        ['s4', 7],
      ],
      ['s1', 's2', 's4'],
      { differences: 1 },
    ],
    [
      'differs when it has a change that no record made',
      [
        ['s1', 7],
        ['s2', 8],
      ],
      ['s1'],
      { differences: 1 },
    ],
  ])('%s', async (_, changes, topicSeqs, faults) => {
    expect(await audited(changes, topicSeqs)).toEqual({ differences: 0, duplicates: 0, ...faults });
  });

  it('is not counted against a topic whose first records have expired, duplicates aside', async () => {
    const changes: readonly Change[] = [
      ['s1', 7],
      ['s1', 7],
      ['s2', 7],
    ];
    expect(await audited(changes, ['s2'], { isWhole: false })).toEqual({
      differences: 0,
      duplicates: 1,
    });
  });
});
