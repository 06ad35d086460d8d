import type { TableId } from './table.ts';

/** Schemas that belong to the server itself; their tables are never captured. */
const SYSTEM_DATABASES = new Set(['mysql', 'sys', 'information_schema', 'performance_schema']);

/** One side of a pattern: a name to be met exactly, or text in which `*` stands for any run of characters. */
interface PatternPart {
  readonly text: string;
  readonly isExact: boolean;
}

interface TablePattern {
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
function patternMatcher(text: string): (table: TableId) => boolean {
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
