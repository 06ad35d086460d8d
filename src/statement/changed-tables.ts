import type { TableId } from '../change/table.ts';
import { isNative } from './native-functions.ts';
import type { Token } from './sql-scanner.ts';
import { sameTable } from './table-effects.ts';
import type { TokenCursor } from './token-cursor.ts';

/**
 * Tables a statement that changes rows may change. `unknown` where it could be any: it calls a
 * stored function or procedure, or could not be read. What a trigger does, or which table is behind a
 * view, is in no statement's text and is not seen.
 */
export type ChangedTables = readonly TableId[] | 'unknown';

/** `[modifiers] [INTO] name …`, behind INSERT and REPLACE: their queries read only. */
export function insertedTable(cursor: TokenCursor): ChangedTables {
  cursor.skipWords('LOW_PRIORITY', 'HIGH_PRIORITY', 'DELAYED', 'IGNORE');
  cursor.takeWords('INTO');
  return only(cursor.table(), cursor);
}

/** `… INTO TABLE name …`, behind LOAD */
export function loadedTable(cursor: TokenCursor): ChangedTables {
  while (!cursor.atEnd() && !(cursor.word() === 'INTO' && cursor.word(1) === 'TABLE'))
    cursor.take();
  cursor.takeWords('INTO', 'TABLE');
  return only(cursor.table(), cursor);
}

/** `[modifiers] references SET …`, behind UPDATE */
export function updatedTables(cursor: TokenCursor): ChangedTables {
  cursor.skipWords('LOW_PRIORITY', 'IGNORE');
  const references = cursor.takeUntil((at) => at.word() === 'SET');
  return cursor.atEnd() ? 'unknown' : several([references], namesIn(references), cursor);
}

const BEHIND_TARGETS = ['FROM', 'USING', 'WHERE', 'ORDER', 'LIMIT'];

/**
 * `[modifiers] FROM name …`, `[modifiers] names FROM references …` or
 * `[modifiers] FROM names USING references …`, behind DELETE
 */
export function deletedTables(cursor: TokenCursor): ChangedTables {
  cursor.skipWords('LOW_PRIORITY', 'QUICK', 'IGNORE');
  const isFrom = cursor.takeWords('FROM');
  const targets = namesIn(cursor.takeUntil((at) => BEHIND_TARGETS.includes(at.word())));
  if (!cursor.takeWords(isFrom ? 'USING' : 'FROM'))
    return several([], isFrom ? targets : [], cursor);
  const references = cursor.takeUntil((at) => at.word() === 'WHERE');
  const names = namesIn(references);
  const isAlias = ({ written }: Name): boolean => names.some(({ alias }) => alias === written);
  return several([references], [...targets.filter((target) => !isAlias(target)), ...names], cursor);
}

/** Whether common tables, `[RECURSIVE] name [(columns)] AS (query) [, …]*`, call what is stored. */
export function commonTablesCall(cursor: TokenCursor): boolean {
  cursor.takeWords('RECURSIVE');
  return cursor.pieces().some((piece) => {
    piece.identifier();
    piece.skipGroup();
    return callsStored(piece);
  });
}

function only(table: TableId | undefined, rest: TokenCursor): ChangedTables {
  return !table || callsStored(rest) ? 'unknown' : [table];
}

/** @param read  parts of the statement before the rest that were read already */
function several(
  read: readonly TokenCursor[],
  names: readonly Name[],
  rest: TokenCursor,
): ChangedTables {
  const tables = names
    .map(({ table }) => table)
    .filter((table, index, all) => all.findIndex((other) => sameTable(other, table)) === index);
  const calls = read.some((part) => callsStored(part.fromStart())) || callsStored(rest);
  return tables.length === 0 || calls ? 'unknown' : tables;
}

interface Name {
  readonly table: TableId;
  /** As it stands, when it stands without a database. */
  readonly written: string | undefined;
  readonly alias: string | undefined;
}

/** Words behind which a table stands, as behind a comma, a parenthesis and at the beginning. */
const TABLE_WORDS = ['JOIN', 'STRAIGHT_JOIN', 'OJ', 'LATERAL'];
const QUERY_WORDS = ['SELECT', 'WITH', 'TABLE', 'VALUES'];
/** Words that stand where an alias may. */
const NO_ALIAS = [
  'JOIN',
  'STRAIGHT_JOIN',
  'INNER',
  'CROSS',
  'LEFT',
  'RIGHT',
  'NATURAL',
  'ON',
  'USING',
  'PARTITION',
  'USE',
  'FORCE',
  'IGNORE',
  'SET',
  'WHERE',
  'ORDER',
  'LIMIT',
];

/** Every table named in table references, but for those that subqueries read. */
function namesIn(cursor: TokenCursor): readonly Name[] {
  const names: Name[] = [];
  let expected = true;
  while (!cursor.atEnd()) {
    if (cursor.isSymbol('(') && !(expected && !QUERY_WORDS.includes(cursor.word(1)))) {
      cursor.skipGroup();
      expected = false;
      continue;
    }
    const name = expected && !TABLE_WORDS.includes(cursor.word()) ? readName(cursor) : undefined;
    if (name) names.push(name);
    else {
      expected =
        ['(', ',', '{'].some((symbol) => cursor.isSymbol(symbol)) ||
        TABLE_WORDS.includes(cursor.word());
      cursor.take();
      continue;
    }
    expected = false;
  }
  return names;
}

function readName(cursor: TokenCursor): Name | undefined {
  const written = cursor.isSymbol('.', 1) && !cursor.isSymbol('*', 2) ? undefined : cursor.peek();
  const table = cursor.table();
  return table && { table, written: textOf(written), alias: takeAlias(cursor) };
}

function takeAlias(cursor: TokenCursor): string | undefined {
  if (cursor.isSymbol('.') && cursor.isSymbol('*', 1)) return undefined;
  const isMarked = cursor.takeWords('AS');
  return isMarked || !NO_ALIAS.includes(cursor.word()) ? cursor.identifier() : undefined;
}

function textOf(token: ReturnType<TokenCursor['peek']>): string | undefined {
  return token?.kind === 'word' || token?.kind === 'quoted' ? token.text : undefined;
}

/**
 * Whether a function is called from here on that may be a stored one: of a database, with its name
 * in quotes, or of a name that the server does not have.
 */
function callsStored(cursor: TokenCursor): boolean {
  let before: Token | undefined;
  while (!cursor.atEnd()) {
    if (cursor.isSymbol('(', 1) && mayBeStored(cursor.peek(), before)) return true;
    before = cursor.take();
    cursor.forget();
  }
  return false;
}

function mayBeStored(token: Token | undefined, before: Token | undefined): boolean {
  if (before?.kind === 'word' && before.upper === 'AS') return false;
  const isQualified = before?.kind === 'symbol' && before.text === '.';
  return (
    token?.kind === 'quoted' || (token?.kind === 'word' && (isQualified || !isNative(token.text)))
  );
}
