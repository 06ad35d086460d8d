import type { TableId } from './table.ts';

/** Schemas that belong to the server itself; their tables are never captured. */
const SYSTEM_DATABASES = new Set(['mysql', 'sys', 'information_schema', 'performance_schema']);

/** In place of patterns, for a snapshot: the child tables of cascading foreign keys. */
export const CASCADES_SELECTOR = '@cascades';

/** One side of a pattern: a name to be met exactly, or text in which `*` stands for any run of characters. */
export interface PatternPart {
  readonly text: string;
  readonly isExact: boolean;
}

export interface TablePattern {
  readonly database: PatternPart;
  readonly table: PatternPart;
}

const QUOTED = '`((?:[^`]|``)*)`';
const PATTERN = new RegExp(`^(?:${QUOTED}|([^.\`]*))\\.(?:${QUOTED}|((?:[^\`].*)?))$`, 's');

/**
 * Reads `database.table`. Without quotes `*` stands for any run of characters, and the first dot
 * ends the database. A side in backticks is a name taken literally, dots and stars included, with
 * each backtick of its own doubled: `` `example.com`.* ``. What a `TableName` says is such a pattern.
 *
 * @returns `undefined` when the text has not both sides, or a quote is in the wrong place
 */
export function parseTablePattern(text: string): TablePattern | undefined {
  const [match, quotedDatabase, database = '', quotedTable, table = ''] = PATTERN.exec(text) ?? [];
  return match === undefined
    ? undefined
    : { database: part(quotedDatabase, database), table: part(quotedTable, table) };
}

const part = (quoted: string | undefined, plain: string): PatternPart =>
  quoted === undefined
    ? { text: plain, isExact: !plain.includes('*') }
    : { text: quoted.replaceAll('``', '`'), isExact: true };

/** The pattern that names exactly this table. */
export function exactPattern({ database, table }: TableId): string {
  const name = (text: string): string =>
    /[.*`,@]/.test(text) ? `\`${text.replaceAll('`', '``')}\`` : text;
  return `${name(database)}.${name(table)}`;
}

/**
 * The two things that a pattern without quotes may be meant to say, when it has a star behind a
 * second dot: all tables of a database with a dot, or tables with one. `undefined` when it is clear.
 */
export function twoReadings(text: string): readonly [string, string] | undefined {
  const dot = text.indexOf('.');
  const lastDot = text.lastIndexOf('.');
  if (text.includes('`') || dot === lastDot || !text.includes('*', dot)) return undefined;
  const cutAt = (index: number): string => `\`${text.slice(0, index)}\`${text.slice(index)}`;
  return [cutAt(lastDot), cutAt(dot)];
}

/** Texts between commas; a comma in backticks is part of a name. */
export function splitPatterns(list: string): readonly string[] {
  return (list.match(/(?:`[^`]*`|[^,`]|`)+/g) ?? []).map((text) => text.trim());
}

/** The tables of a pipeline, as its specification says. */
export interface TablePatterns {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Whether the tables are followed that schema change tools fill beside the real one; `skip` when absent. */
  readonly ghostTables?: 'skip' | 'follow' | undefined;
}

/** Whether a pipeline follows a table: the one place that decides it. */
export function followedTables(patterns: TablePatterns): (table: TableId) => boolean {
  const { include, exclude, ghostTables = 'skip' } = patterns;
  const selected = tableFilter(include, exclude);
  if (ghostTables === 'follow') return selected;
  const named = tableFilter(
    include.filter((pattern) => singleTable(pattern) !== undefined),
    [],
  );
  return (table) => selected(table) && (!isGhostTable(table) || named(table));
}

/** The one table that a pattern names; `undefined` when it may name several, or is none. */
export function singleTable(pattern: string): TableId | undefined {
  const { database, table } = parseTablePattern(pattern) ?? {};
  return database?.isExact && table?.isExact
    ? { database: database.text, table: table.text }
    : undefined;
}

/**
 * Names of gh-ost (`_orders_gho`, `_ghc`, `_del`) and pt-online-schema-change (`_orders_new`, `_old`).
 * @see https://github.com/github/gh-ost/blob/master/go/base/context.go getSafeTableName
 */
const GHOST_NAME = /^_.+_(?:gho|ghc|del|new|old)$/s;

export function isGhostTable({ table }: TableId): boolean {
  return GHOST_NAME.test(table);
}

/** One predicate for lists of patterns, letter case included. Tables of the server itself never match. */
export function tableFilter(
  include: readonly string[],
  exclude: readonly string[],
): (table: TableId) => boolean {
  const included = include.map(patternMatcher);
  const excluded = exclude.map(patternMatcher);
  return (table) =>
    !SYSTEM_DATABASES.has(table.database) &&
    included.some((matches) => matches(table)) &&
    !excluded.some((matches) => matches(table));
}

/** A text that is no pattern matches nothing; a database alone, all of its tables. */
export function patternMatcher(text: string): (table: TableId) => boolean {
  const pattern = parseTablePattern(text.includes('.') ? text : `${text}.*`);
  if (!pattern) return () => false;
  const database = partMatcher(pattern.database);
  const table = partMatcher(pattern.table);
  return (id) => database(id.database) && table(id.table);
}

function partMatcher({ text, isExact }: PatternPart): (name: string) => boolean {
  if (isExact) return (name) => name === text;
  const escaped = text.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  const whole = new RegExp(`^${escaped}$`, 's');
  return (name) => whole.test(name);
}
