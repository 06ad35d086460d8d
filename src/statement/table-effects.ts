import type { ColumnType, TableId } from '../change/table.ts';
import type { ColumnChanges } from '../topic/control-record.ts';
import type { TokenCursor } from './token-cursor.ts';

/**
 * What a statement did to one table, beyond rows that have events of their own. Several may stand
 * for one table, in the order in which they hold.
 */
export type TableEffect = { readonly table: TableId } & (
  | {
      /** Empty from here; with `ifNotExists` it may have existed, and then nothing has changed. */
      readonly kind: 'created';
      readonly ifNotExists: boolean;
    }
  /** Gone from here; it may not have existed. */
  | { readonly kind: 'dropped' }
  | { readonly kind: 'emptied' }
  /** Holds other rows than before: all those that `from` had before the statement, or unknown ones. */
  | { readonly kind: 'replaced'; readonly from?: TableId }
  /** Stored values may have changed without row events. */
  | { readonly kind: 'rewritten'; readonly why: string }
  /** Rows are gone without row events, and no value of the others has changed. */
  | { readonly kind: 'rowsRemoved' }
  | { readonly kind: 'columns'; readonly changes: ColumnChanges }
  /** Rows get another identity: the primary key has other columns or other names. */
  | { readonly kind: 'keyChanged' }
  /** The definition may differ. Stands for every table that was altered. */
  | { readonly kind: 'touched' }
);

/** A table as it was just before a statement. */
export interface KnownDefinition {
  readonly columns: readonly KnownColumn[];
  /** Names of the columns of the primary key. */
  readonly key: readonly string[];
  /** Charset of columns that name none; without it every such MODIFY counts as a rewrite. */
  readonly defaultCharset?: string;
}

export interface KnownColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** COLUMN_TYPE of information_schema and the charset: `varchar(20) charset utf8mb4`. */
  readonly fullType?: string;
  /** EXTRA of information_schema: `auto_increment`, `VIRTUAL GENERATED`, … */
  readonly extra?: string;
}

/** `undefined` for a table whose definition is not known. */
export type DefinitionOf = (table: TableId) => KnownDefinition | undefined;

const keyOf = ({ database, table }: TableId): string => JSON.stringify([database, table]);

export function sameTable(one: TableId, other: TableId): boolean {
  return one.database === other.database && one.table === other.table;
}

/** `[TABLE] name`, behind TRUNCATE. */
export function truncateTable(cursor: TokenCursor): readonly TableEffect[] {
  cursor.takeWords('TABLE');
  const table = cursor.table();
  return table ? [{ table, kind: 'emptied' }] : [];
}

/** `[IF EXISTS] name [, name]*`, behind DROP TABLE. */
export function dropTables(cursor: TokenCursor): readonly TableEffect[] {
  cursor.takeWords('IF', 'EXISTS');
  const effects: TableEffect[] = [];
  do {
    const table = cursor.table();
    if (!table) return [];
    effects.push({ table, kind: 'dropped' });
  } while (cursor.takeSymbol(','));
  return effects;
}

/** `[IF EXISTS] name [WAIT n | NOWAIT] TO name [, …]*`, behind RENAME TABLE; one after another. */
export function renameTables(cursor: TokenCursor): readonly TableEffect[] {
  const renames: { from: TableId; to: TableId }[] = [];
  cursor.takeWords('IF', 'EXISTS');
  do {
    const from = cursor.table();
    cursor.takeWords('NOWAIT');
    if (cursor.takeWords('WAIT')) cursor.take();
    const to = cursor.takeWords('TO') ? cursor.table() : undefined;
    if (!from || !to) return [];
    renames.push({ from, to });
  } while (cursor.takeSymbol(','));
  return renamed(renames);
}

/**
 * Renames one after another, as they are together: each name that is filled in the end holds the
 * rows of the table it came from at first; a name that is only passed through is not told of.
 */
export function renamed(
  renames: readonly { readonly from: TableId; readonly to: TableId }[],
): readonly TableEffect[] {
  const holders = new Map<string, { readonly table: TableId; readonly origin: TableId }>();
  const vacated = new Map<string, TableId>();
  for (const { from, to } of renames) {
    const origin = holders.get(keyOf(from))?.origin ?? from;
    if (sameTable(origin, from) && !vacated.has(keyOf(from))) vacated.set(keyOf(from), from);
    holders.delete(keyOf(from));
    holders.set(keyOf(to), { table: to, origin });
  }
  const filled = [...holders.values()].map(
    ({ table, origin }): TableEffect =>
      sameTable(table, origin)
        ? { table, kind: 'touched' }
        : { table, kind: 'replaced', from: origin },
  );
  const dropped = [...vacated]
    .filter(([key]) => !holders.has(key))
    .map(([, table]): TableEffect => ({ table, kind: 'dropped' }));
  return [...filled, ...dropped];
}

/** Words behind the list of columns that say that the table has rows no event tells of. */
const FILLED = ['SELECT', 'WITH', 'VALUES', 'TABLE', 'UNION', 'CONNECTION', 'AS'];

/**
 * `[IF NOT EXISTS] name …`, behind CREATE TABLE. In row format the log has no query: the server
 * writes the definition and row events. A query in the text has filled the table itself.
 */
export function createTable(cursor: TokenCursor): readonly TableEffect[] {
  const ifNotExists = cursor.takeWords('IF', 'NOT', 'EXISTS');
  const table = cursor.table();
  if (!table) return [];
  const created: TableEffect = { table, kind: 'created', ifNotExists };
  return isFilled(cursor)
    ? [created, { table, kind: 'rewritten', why: 'the statement that created it also filled it' }]
    : [created];
}

function isFilled(cursor: TokenCursor): boolean {
  if (cursor.isSymbol('(') && (cursor.isSymbol('(', 1) || FILLED.includes(cursor.word(1))))
    return true;
  while (!cursor.atEnd()) {
    if (cursor.skipGroup()) continue;
    if (FILLED.includes(cursor.word())) return true;
    cursor.take();
  }
  return false;
}

/** `name [type] ON table …`, behind CREATE INDEX and DROP INDEX. */
export function indexTable(cursor: TokenCursor, drops: boolean): readonly TableEffect[] {
  cursor.takeWords('IF', 'NOT', 'EXISTS');
  cursor.takeWords('IF', 'EXISTS');
  const name = cursor.identifier();
  while (!cursor.atEnd() && cursor.word() !== 'ON') cursor.take();
  cursor.take();
  const table = cursor.table();
  if (!table) return [];
  const touched: TableEffect = { table, kind: 'touched' };
  return drops && name?.toUpperCase() === 'PRIMARY'
    ? [{ table, kind: 'keyChanged' }, touched]
    : [touched];
}
