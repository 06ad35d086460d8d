import type { EvolutionRules } from '../view/evolve-table.ts';
import { namesOf } from '../view/naming-rules.ts';
import { META, type StoredTable } from '../view/stored-table.ts';
import { physicalColumns } from '../view/table-form.ts';
import { columnsMade } from '../view/unmade-form.ts';
import { columnCodec, constantExpression } from './column-type.ts';
import { duckdbDialect } from './duckdb-dialect.ts';
import { DUCKDB_NAMING } from './names.ts';
import { widenType } from './widen-type.ts';

const { identifier } = duckdbDialect;

export const CHANGES_META = [
  `${META.seq} HUGEINT`,
  `${META.op} VARCHAR`,
  `${META.committedAt} TIMESTAMPTZ`,
  `${META.ingestedAt} TIMESTAMPTZ`,
  `${META.position} VARCHAR`,
  `${META.schemaId} VARCHAR`,
  `${META.inexact} JSON`,
];
const STATE_META = [`${META.seq} HUGEINT`, `${META.inexact} JSON`];

/** A statement ends at the character, which no literal can write; its picture stands in for it. */
const withoutNul = (comment: string): string => comment.replaceAll('\0', '\u2400');

export const DUCKDB_RULES: EvolutionRules = {
  columnName: (source) => source,
  column: ({ name, type }) => {
    const { storedType, mayBeInexact } = columnCodec(type);
    return { name, type: storedType, mayBeInexact };
  },
  constant: constantExpression,
  widen: (stored, wanted) => {
    const type = widenType(stored.type, wanted.type);
    if (type === undefined) return undefined;
    return { ...stored, type, mayBeInexact: stored.mayBeInexact || wanted.mayBeInexact };
  },
  comments: ({ table, columns }) => ({
    ...(table === undefined ? {} : { table: withoutNul(table) }),
    columns: Object.fromEntries(
      Object.entries(columns).map(([name, comment]) => [name, withoutNul(comment)]),
    ),
  }),
  naming: DUCKDB_NAMING,
  maxColumns: Number.POSITIVE_INFINITY,
};

/** Statements that turn one form of a table into the next, without its views. Both physical tables have the same columns. */
export function tableStatements(from: StoredTable | undefined, to: StoredTable): readonly string[] {
  if (!from) return createStatements(to);
  const before = new Map(columnsMade(from).map(({ name, type }) => [name.toLowerCase(), type]));
  return physicalColumns(to).flatMap(({ name, type }) => {
    const old = before.get(name.toLowerCase());
    if (old === type) return [];
    const change =
      old === undefined
        ? `ADD COLUMN ${identifier(name)} ${type}`
        : `ALTER COLUMN ${identifier(name)} TYPE ${type}`;
    return [duckdbDialect.changes(to), duckdbDialect.state(to)].map(
      (table) => `ALTER TABLE ${table} ${change}`,
    );
  });
}

function createStatements(table: StoredTable): readonly string[] {
  const columns = physicalColumns(table).map(({ name, type }) => `${identifier(name)} ${type}`);
  const create = (name: string, meta: readonly string[]): string =>
    `CREATE TABLE ${name} (${[...columns, ...meta].join(', ')})`;
  return [
    `CREATE SCHEMA IF NOT EXISTS ${identifier(namesOf(DUCKDB_NAMING, table).schema)}`,
    create(duckdbDialect.changes(table), CHANGES_META),
    create(duckdbDialect.state(table), STATE_META),
  ];
}
