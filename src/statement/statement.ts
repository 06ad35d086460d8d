import { alterTable } from './alter-table.ts';
import {
  type ChangedTables,
  commonTablesCall,
  deletedTables,
  insertedTable,
  loadedTable,
  updatedTables,
} from './changed-tables.ts';
import { SqlScanner } from './sql-scanner.ts';
import {
  createTable,
  type DefinitionOf,
  dropTables,
  indexTable,
  renameTables,
  sameTable,
  type TableEffect,
  truncateTable,
} from './table-effects.ts';
import { TokenCursor } from './token-cursor.ts';

/** What the meaning of a statement depends on beside its text. */
export interface StatementContext {
  /** Default database of the session, from the event. */
  readonly database: string;
  readonly sqlMode: bigint;
  /** From the event, which has it only where the text names TIMESTAMP. */
  readonly explicitDefaultsForTimestamp: boolean | undefined;
  /** lower_case_table_names of the server is 1 or 2. */
  readonly lowerCaseNames: boolean;
}

/**
 * What the text of a QUERY event means for capture.
 *
 * The text is a signal, never a source of schema: rows bring their own. What it does to tables it
 * does not say in full either, so whatever is not known to leave stored values alone rewrites them.
 */
export type Statement =
  | {
      readonly kind:
        | 'begin'
        | 'commit'
        | 'rollback'
        | 'rollbackTo'
        | 'savepoint'
        | 'xa'
        | 'harmless';
    }
  /** Rows were changed by a statement, not by row events: at most those of the tables. */
  | { readonly kind: 'changesRows'; readonly tables: ChangedTables }
  | {
      readonly kind: 'ddl';
      readonly effects: readonly TableEffect[];
      /** Every table of it is gone. */
      readonly dropsDatabase?: string;
    };

const BEGIN: Statement = { kind: 'begin' };
const HARMLESS: Statement = { kind: 'harmless' };
const UNKNOWN_ROWS: Statement = { kind: 'changesRows', tables: 'unknown' };

const NO_DEFINITIONS: DefinitionOf = () => undefined;

export function readStatement(
  sql: string,
  context: StatementContext,
  definitionOf: DefinitionOf = NO_DEFINITIONS,
): Statement {
  // Half of all statements in the log, one per transaction.
  if (sql === 'BEGIN') return BEGIN;
  const scanner = new SqlScanner(sql, { sqlMode: context.sqlMode, withoutNewer: false });
  const statement = read(scanner, context, definitionOf);
  const isMisread = scanner.unended || sql.includes(UNDECODED);
  if (isMisread) return doubted(statement, statement, 'its text could not be read exactly');
  if (!scanner.sawNewer) return statement;
  const older = new SqlScanner(sql, { sqlMode: context.sqlMode, withoutNewer: true });
  const other = read(older, context, definitionOf);
  return JSON.stringify(other) === JSON.stringify(statement)
    ? statement
    : doubted(statement, other, 'its meaning depends on the version of the server');
}

/** Stands for what could not be decoded in the charset of the client. */
const UNDECODED = '\ufffd';

/** One of two readings holds, or none: every table of either may have been rewritten. */
function doubted(one: Statement, other: Statement, why: string): Statement {
  if (one === other && one.kind !== 'ddl') return one;
  if (one.kind === 'changesRows' || other.kind === 'changesRows') return UNKNOWN_ROWS;
  const readings = [one, other].filter((reading) => reading.kind === 'ddl');
  const [first] = readings;
  if (!first) return one;
  const tables = readings
    .flatMap(({ effects }) => effects.map(({ table }) => table))
    .filter((table, index, all) => all.findIndex((same) => sameTable(same, table)) === index);
  const rewritten = tables.map((table): TableEffect => ({ table, kind: 'rewritten', why }));
  return { ...first, effects: [...first.effects, ...rewritten] };
}

/** Verbs of statements that change no row of any table, wherever they stand. */
const HARMLESS_VERBS: ReadonlySet<string> = new Set([
  'ANALYZE',
  'CACHE',
  'CHANGE',
  'CHECK',
  'CHECKSUM',
  'DEALLOCATE',
  'DESC',
  'DESCRIBE',
  'EXPLAIN',
  'FLUSH',
  'GRANT',
  'HELP',
  'INSTALL',
  'KILL',
  'LOCK',
  'OPTIMIZE',
  'PREPARE',
  'PURGE',
  'RESET',
  'RESTART',
  'REVOKE',
  'SET',
  'SHOW',
  'SHUTDOWN',
  'STOP',
  'UNINSTALL',
  'UNLOCK',
  'USE',
]);

function read(
  scanner: SqlScanner,
  context: StatementContext,
  definitionOf: DefinitionOf,
): Statement {
  const cursor = new TokenCursor(scanner, context);
  if (cursor.takeWords('SET', 'STATEMENT')) {
    while (!cursor.atEnd() && cursor.word() !== 'FOR') cursor.take();
    cursor.take();
  }
  if (cursor.atEnd()) return HARMLESS;
  const verb = cursor.takeWord();
  switch (verb) {
    case 'BEGIN':
      return cursor.takeWords('WORK') || cursor.atEnd() ? BEGIN : UNKNOWN_ROWS;
    case 'START':
      return cursor.word() === 'TRANSACTION' ? BEGIN : HARMLESS;
    case 'COMMIT':
      return { kind: 'commit' };
    case 'ROLLBACK':
      cursor.takeWords('WORK');
      return { kind: cursor.word() === 'TO' ? 'rollbackTo' : 'rollback' };
    case 'SAVEPOINT':
    case 'RELEASE':
      return { kind: 'savepoint' };
    case 'XA':
      return { kind: 'xa' };
    case 'INSERT':
    case 'REPLACE':
      return { kind: 'changesRows', tables: insertedTable(cursor) };
    case 'UPDATE':
      return { kind: 'changesRows', tables: updatedTables(cursor) };
    case 'DELETE':
      return { kind: 'changesRows', tables: deletedTables(cursor) };
    case 'LOAD':
      return cursor.word() === 'INDEX'
        ? HARMLESS
        : { kind: 'changesRows', tables: loadedTable(cursor) };
    case 'WITH':
      return behindCommonTables(cursor);
    case 'TRUNCATE':
      return ddl(truncateTable(cursor));
    case 'REPAIR':
      return repair(cursor);
    case 'DROP':
      return drop(cursor);
    case 'RENAME':
      return cursor.takeWords('TABLE') || cursor.takeWords('TABLES')
        ? ddl(renameTables(cursor))
        : HARMLESS;
    case 'ALTER':
      return alter(cursor, context, definitionOf);
    case 'CREATE':
      return create(cursor);
    default:
      return HARMLESS_VERBS.has(verb) ? HARMLESS : UNKNOWN_ROWS;
  }
}

/** Without an effect, the statement is about a table whose name could not be read. */
function ddl(effects: readonly TableEffect[]): Statement {
  return effects.length === 0 ? UNKNOWN_ROWS : { kind: 'ddl', effects };
}

/** `WITH [RECURSIVE] name [(columns)] AS (query) [, …]* UPDATE …` or `DELETE …` */
function behindCommonTables(cursor: TokenCursor): Statement {
  const verbs = ['UPDATE', 'DELETE', 'SELECT', 'INSERT', 'REPLACE'];
  const calls = commonTablesCall(cursor.takeUntil((at) => verbs.includes(at.word())));
  const verb = calls ? '' : cursor.takeWord();
  if (verb === 'UPDATE') return { kind: 'changesRows', tables: updatedTables(cursor) };
  if (verb === 'DELETE') return { kind: 'changesRows', tables: deletedTables(cursor) };
  return UNKNOWN_ROWS;
}

/** Rows that a repair cannot save are gone. Engines that never need one do nothing, and log it. */
function repair(cursor: TokenCursor): Statement {
  cursor.skipWords('NO_WRITE_TO_BINLOG', 'LOCAL');
  if (!cursor.takeWords('TABLE') && !cursor.takeWords('TABLES')) return HARMLESS;
  return ddl(
    dropTables(cursor).map(({ table }) => ({
      table,
      kind: 'rewritten',
      why: 'a repair may have lost rows',
    })),
  );
}

function drop(cursor: TokenCursor): Statement {
  cursor.skipWords('ONLINE', 'OFFLINE');
  if (cursor.takeWords('TABLE') || cursor.takeWords('TABLES')) return ddl(dropTables(cursor));
  if (cursor.takeWords('INDEX')) return ddl(indexTable(cursor, true));
  if (!cursor.takeWords('DATABASE') && !cursor.takeWords('SCHEMA')) return HARMLESS;
  cursor.takeWords('IF', 'EXISTS');
  const dropsDatabase = cursor.database();
  return dropsDatabase === undefined ? UNKNOWN_ROWS : { kind: 'ddl', effects: [], dropsDatabase };
}

function create(cursor: TokenCursor): Statement {
  cursor.takeWords('OR', 'REPLACE');
  cursor.skipWords('ONLINE', 'OFFLINE', 'UNIQUE', 'FULLTEXT', 'SPATIAL');
  if (cursor.takeWords('INDEX')) return ddl(indexTable(cursor, false));
  return cursor.takeWords('TABLE') ? ddl(createTable(cursor)) : HARMLESS;
}

function alter(
  cursor: TokenCursor,
  context: StatementContext,
  definitionOf: DefinitionOf,
): Statement {
  cursor.skipWords('ONLINE', 'OFFLINE');
  const ignores = cursor.takeWords('IGNORE');
  if (!cursor.takeWords('TABLE')) return HARMLESS;
  return ddl(alterTable(cursor, context, definitionOf, ignores));
}
