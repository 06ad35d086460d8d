import { describe, expect, it } from 'vitest';
import type { Sequence } from '../../src/change/sequence.ts';
import type { SchemaId, TableName } from '../../src/change/table.ts';
import type { Dialect } from '../../src/view/dialect.ts';
import { foldedChanges, foldStatements, massDelete } from '../../src/view/fold-plan.ts';
import { BEFORE_ALL, type StoredTable } from '../../src/view/stored-table.ts';
import { viewStatements } from '../../src/view/table-views.ts';

/** Marks everything that the plan leaves to the warehouse, in words of no warehouse. */
const marking: Dialect = {
  changes: ({ name }) => `changes‹${name}›`,
  state: ({ name }) => `state‹${name}›`,
  view: (_, suffix) => `view‹${suffix}›`,
  relation: ({ view }, suffix) => `${view}‹${suffix}›`,
  suffixes: ['', '__changes', '__history', '__as_of'],
  cut: '(cut)',
  convert: (expression) => expression,
  typed: (constant) => `typed(${constant})`,
  isSame: (a, b) => `same(${a}, ${b})`,
  groupable: (_, value) => value,
  antiJoin: 'notExists',
  committedSince: () => '',
  identifier: (name) => `‹${name}›`,
  text: (value) => `text‹${value}›`,
  sequence: (seq) => `sequence‹${seq}›`,
  sequenceText: (expression) => `sequenceText(${expression})`,
  jsonMember: (object, member) => `member(${object}, ‹${member}›)`,
  timestamp: (us) => `timestamp(${us})`,
  asText: (expression) => `asText(${expression})`,
  asTimestamp: (expression) => `asTimestamp(${expression})`,
  fail: (message) => `ERROR('${message}')`,
  struct: (fields) => `struct(${fields.map(([name]) => name).join(', ')})`,
  createView: (name, body, { columns, comments }) => [
    `VIEW ${name}(${columns.join(', ')}) ${comments?.table ?? ''} ${body}`,
  ],
  createTableFunction: (name, parameter, body) => `TABLE FUNCTION ${name}(${parameter}) ${body}`,
  dropView: (name) => `NO VIEW ${name}`,
  dropTableFunction: (name) => `NO TABLE FUNCTION ${name}`,
};

const SEQ = '00000001/0000000000000007/00000000' as Sequence;

const table: StoredTable = {
  name: 'shop.orders' as TableName,
  id: { database: 'shop', table: 'orders' },
  schemaId: 'abc' as SchemaId,
  schemaSince: BEFORE_ALL,
  columns: [
    { name: 'id', type: 'BIGINT', mayBeInexact: false },
    { name: 'day', type: 'DATE', mayBeInexact: true },
    { name: 'as_of', type: 'DATE', mayBeInexact: true },
    { name: 'VALID_FROM', type: 'DATE', mayBeInexact: true },
  ],
  key: ['id', 'day'],
  watermark: SEQ,
};

const views = viewStatements(marking, table, SEQ);
const all = [
  ...views,
  foldedChanges(marking, table, SEQ),
  ...foldStatements(marking, table, SEQ, 'folded'),
  massDelete(marking, table, { seq: SEQ, olderThan: SEQ, committedAt: 'c', ingestedAt: 'i' }),
];

describe('the plan of a warehouse', () => {
  it.each(all)('leaves quoting, casts and literals to the dialect: %s', (sql) => {
    expect(sql).not.toMatch(/["`[\]{}]|::|CAST\(/);
    expect(sql.replaceAll("'d'", '')).not.toContain("'");
    expect(sql.replaceAll(/[‹(][^‹›]*›/g, '')).not.toContain('orders');
  });

  it('asks for the cut when a view is asked, and has the watermark as a literal', () => {
    const [current = ''] = views;
    expect(current).toContain('<= (cut)');
    expect(current.split(`sequence‹${SEQ}›`)).toHaveLength(3);
  });

  it('tells keys apart by the text of what their columns cannot hold', () => {
    const text = 'COALESCE(asText(c.‹day›), member(c._cdc_inexact, ‹day›))';
    for (const sql of [views[0], views[2], views[3], all[4]])
      expect(sql).toContain(`c.‹id›, ${text}`);
  });

  it('gives way where a column of the source has the name of its own', () => {
    expect(views[2]).toContain('AS ‹valid_from_›');
    expect(views[2]).toContain('AS ‹valid_to›');
    expect(views[3]).toContain('(as_of_)');
  });
});
