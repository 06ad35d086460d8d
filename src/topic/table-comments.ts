import { createHash } from 'node:crypto';
import type { TableComments, TableSchema } from '../change/table.ts';

/** Of the comments those on columns that the schema has, and the one on the table. */
export function commentsOn({ columns }: TableSchema, comments: TableComments): TableComments {
  const names = new Set(columns.map(({ name }) => name));
  const kept = Object.entries(comments.columns).filter(([name]) => names.has(name));
  return { ...comments, columns: Object.fromEntries(kept) };
}

/** 16 hex digits, the same for the same comments in whatever order they were read. */
export function commentsDigest({ table = '', columns }: TableComments): string {
  const sorted = Object.entries(columns).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([table, sorted]))
    .digest('hex')
    .slice(0, 16);
}

/** Digest of a table that nobody has commented on. */
export const NO_COMMENTS = commentsDigest({ columns: {} });

/** @throws {Error} when it is none; the message quotes no text */
export function parseComments(value: unknown): TableComments {
  const { table, columns } = Object(value) as Readonly<Record<string, unknown>>;
  if (typeof columns !== 'object' || columns === null) throw new Error('comments without columns');
  if (!Object.values(columns).every((comment) => typeof comment === 'string'))
    throw new Error('a comment that is no text');
  if (table !== undefined && typeof table !== 'string')
    throw new Error('a comment that is no text');
  const texts = columns as Readonly<Record<string, string>>;
  return { ...(table === undefined ? {} : { table }), columns: texts };
}
