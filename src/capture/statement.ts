import type { TableId } from '../change/table.ts';

/**
 * What the text of a QUERY event means for capture.
 *
 * The text is a signal, never a source of schema: rows bring their own. `rewrites` are tables whose
 * stored rows the statement may have changed without a row event (a default filled in, a type
 * converted, a partition dropped, a table renamed into place); `empties` are tables left without
 * rows; `touches` are all tables named, whose chunks in flight can no longer be trusted.
 */
export type Statement =
  | { readonly kind: 'begin' | 'commit' | 'rollback' | 'savepoint' | 'xa' | 'other' }
  /** Rows changed by a statement, not by row events. Empty `tables`: the target could not be read. */
  | { readonly kind: 'dml'; readonly tables: readonly TableId[] }
  | {
      readonly kind: 'ddl';
      readonly verb: string;
      readonly touches: readonly TableId[];
      readonly empties: readonly TableId[];
      readonly rewrites: readonly TableId[];
      /** DROP DATABASE: every table of it is gone. */
      readonly dropsDatabase?: string;
    };

const ANSI_QUOTES = 4n;

/** @param database  default database of the session, from the event */
export function classifyStatement(sql: string, database: string, sqlMode: bigint): Statement {
  // Half of all statements in the log, one per transaction.
  if (sql === 'BEGIN') return { kind: 'begin' };
  const tokens = tokenize(sql, (sqlMode & ANSI_QUOTES) !== 0n);
  const cursor = new Cursor(tokens, database);
  if (cursor.word() === 'SET' && cursor.word(1) === 'STATEMENT') cursor.skipPast('FOR');
  switch (cursor.word()) {
    case 'BEGIN':
      return { kind: 'begin' };
    case 'START':
      return { kind: cursor.word(1) === 'TRANSACTION' ? 'begin' : 'other' };
    case 'COMMIT':
      return { kind: 'commit' };
    case 'ROLLBACK':
      return { kind: tokens.some((token) => isWord(token, 'TO')) ? 'savepoint' : 'rollback' };
    case 'SAVEPOINT':
    case 'RELEASE':
      return { kind: 'savepoint' };
    case 'XA':
      return { kind: 'xa' };
    case 'INSERT':
    case 'REPLACE':
    case 'UPDATE':
    case 'DELETE':
    case 'LOAD':
      return { kind: 'dml', tables: dmlTarget(cursor) };
    case 'TRUNCATE':
      return truncate(cursor);
    case 'DROP':
      return drop(cursor);
    case 'RENAME':
      return rename(cursor);
    case 'ALTER':
      return alter(cursor);
    case 'CREATE':
      return create(cursor);
    case undefined:
    default:
      return { kind: 'other' };
  }
}

const ddl = (
  verb: string,
  tables: Partial<Record<'touches' | 'empties' | 'rewrites', readonly TableId[]>>,
): Extract<Statement, { kind: 'ddl' }> => {
  const { empties = [], rewrites = [], touches = [] } = tables;
  return { kind: 'ddl', verb, empties, rewrites, touches: [...touches, ...empties, ...rewrites] };
};

function dmlTarget(cursor: Cursor): readonly TableId[] {
  const verb = cursor.take();
  const keyword = verb === 'DELETE' ? 'FROM' : verb === 'UPDATE' ? undefined : 'INTO';
  if (keyword === undefined) cursor.skipWords('LOW_PRIORITY', 'IGNORE');
  else if (!cursor.skipPast(keyword)) cursor.skipWords('LOW_PRIORITY', 'IGNORE', 'DELAYED');
  cursor.skipWords('TABLE');
  const table = cursor.table();
  return table ? [table] : [];
}

function truncate(cursor: Cursor): Statement {
  cursor.take();
  cursor.skipWords('TABLE');
  const table = cursor.table();
  return ddl('TRUNCATE', { empties: table ? [table] : [] });
}

function drop(cursor: Cursor): Statement {
  cursor.take();
  if (cursor.word() === 'TEMPORARY') return { kind: 'other' };
  const what = cursor.take();
  cursor.skipWords('IF', 'EXISTS');
  if (what === 'DATABASE' || what === 'SCHEMA') {
    const name = cursor.identifier();
    return { ...ddl('DROP DATABASE', {}), ...(name === undefined ? {} : { dropsDatabase: name }) };
  }
  if (what === 'TABLE' || what === 'TABLES')
    return ddl('DROP TABLE', { empties: cursor.tableList() });
  return { kind: 'other' };
}

/** The new name holds other rows than before; the old name holds none. */
function rename(cursor: Cursor): Statement {
  cursor.take();
  const what = cursor.take();
  if (what !== 'TABLE' && what !== 'TABLES') return { kind: 'other' };
  const from: TableId[] = [];
  const to: TableId[] = [];
  do {
    cursor.skipWords('IF', 'EXISTS');
    const source = cursor.table();
    if (!source || !cursor.skipPast('TO')) break;
    const target = cursor.table();
    if (!target) break;
    from.push(source);
    to.push(target);
  } while (cursor.takeSymbol(','));
  const key = (table: TableId): string => `${table.database}.${table.table}`;
  const filled = new Set(to.map(key));
  return ddl('RENAME', { rewrites: to, empties: from.filter((table) => !filled.has(key(table))) });
}

function create(cursor: Cursor): Statement {
  cursor.take();
  cursor.skipWords('OR', 'REPLACE', 'UNIQUE', 'FULLTEXT', 'SPATIAL');
  if (cursor.word() !== 'TABLE') return { kind: 'other' };
  cursor.take();
  cursor.skipWords('IF', 'NOT', 'EXISTS');
  const table = cursor.table();
  return ddl('CREATE TABLE', { touches: table ? [table] : [] });
}

function alter(cursor: Cursor): Statement {
  cursor.take();
  cursor.skipWords('ONLINE', 'IGNORE');
  if (cursor.take() !== 'TABLE') return { kind: 'other' };
  cursor.skipWords('IF', 'EXISTS');
  const table = cursor.table();
  if (!table) return ddl('ALTER TABLE', {});
  const specs = cursor.specifications();
  const exchanged = specs.flatMap((spec) => exchangedTable(spec) ?? []);
  if (exchanged.length > 0) return ddl('ALTER TABLE EXCHANGE', { rewrites: [table, ...exchanged] });
  const renamed = specs.map((spec) => renameTarget(spec)).find((target) => target !== undefined);
  if (renamed) return ddl('ALTER TABLE RENAME', { empties: [table], rewrites: [renamed] });
  return specs.every(keepsStoredRows)
    ? ddl('ALTER TABLE', { touches: [table] })
    : ddl('ALTER TABLE', { rewrites: [table] });
}

/** `RENAME [TO|AS] name`, but not RENAME COLUMN, INDEX or KEY. */
function renameTarget(spec: Cursor): TableId | undefined {
  if (spec.word() !== 'RENAME' || ['COLUMN', 'INDEX', 'KEY'].includes(spec.word(1) ?? ''))
    return undefined;
  spec.take();
  spec.skipWords('TO', 'AS');
  return spec.table();
}

/** `EXCHANGE PARTITION p WITH TABLE name` */
function exchangedTable(spec: Cursor): TableId | undefined {
  if (spec.word() !== 'EXCHANGE') return undefined;
  return spec.skipPast('TABLE') ? spec.table() : undefined;
}

const INDEX_WORDS = [
  'INDEX',
  'KEY',
  'UNIQUE',
  'FULLTEXT',
  'SPATIAL',
  'CONSTRAINT',
  'FOREIGN',
  'CHECK',
];
const HARMLESS_OPTIONS = [
  'COMMENT',
  'ALGORITHM',
  'LOCK',
  'AUTO_INCREMENT',
  'STATS_PERSISTENT',
  'ENABLE',
  'DISABLE',
  'ANALYZE',
  'OPTIMIZE',
  'ALTER',
  'ENGINE',
  'ROW_FORMAT',
  'FORCE',
];

/**
 * True only for specifications known to leave the values of stored rows alone: indexes, options, a
 * dropped column, a new column that is NULL in every stored row. When in doubt, false.
 */
function keepsStoredRows(spec: Cursor): boolean {
  const [first = '', second = ''] = [spec.word(), spec.word(1)];
  if (first === '' || HARMLESS_OPTIONS.includes(first)) return true;
  if (first === 'DROP') return second !== 'PARTITION' && second !== 'PRIMARY';
  if (first === 'RENAME') return second === 'INDEX' || second === 'KEY';
  if (first !== 'ADD') return false;
  if (INDEX_WORDS.includes(second)) return true;
  if (second === 'PARTITION') return true;
  return (
    second !== 'PRIMARY' &&
    !spec.hasAny('DEFAULT', 'NOT', 'AS', 'GENERATED', 'SERIAL', 'AUTO_INCREMENT')
  );
}

type Token =
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'quoted'; readonly text: string }
  | { readonly kind: 'string' }
  | { readonly kind: 'symbol'; readonly text: string };

const isWord = (token: Token, upper: string): boolean =>
  token.kind === 'word' && token.text.toUpperCase() === upper;

/**
 * Splits a statement into words, quoted identifiers, strings and symbols. Comments vanish, except
 * that the inside of an executable comment (one that starts with `!` and a version) counts as text.
 */
function tokenize(sql: string, ansiQuotes: boolean): readonly Token[] {
  const text = sql.replace(/\/\*M?!\d*([\s\S]*?)\*\//g, ' $1 ');
  const pattern =
    /\/\*[\s\S]*?\*\/|--(?:\s.*|$)|#.*|`((?:[^`]|``)*)`|"((?:[^"\\]|\\.|"")*)"|'(?:[^'\\]|\\.|'')*'|([\p{L}\p{N}_$@]+)|(\S)/gmu;
  const tokens: Token[] = [];
  for (const [whole, backticked, doubled, word, symbol] of text.matchAll(pattern)) {
    if (backticked !== undefined)
      tokens.push({ kind: 'quoted', text: backticked.replaceAll('``', '`') });
    else if (doubled !== undefined)
      tokens.push(
        ansiQuotes ? { kind: 'quoted', text: doubled.replaceAll('""', '"') } : { kind: 'string' },
      );
    else if (word !== undefined) tokens.push({ kind: 'word', text: word });
    else if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol });
    else if (whole.startsWith("'")) tokens.push({ kind: 'string' });
  }
  return tokens;
}

class Cursor {
  readonly #tokens: readonly Token[];
  readonly #database: string;
  #at = 0;

  constructor(tokens: readonly Token[], database: string) {
    this.#tokens = tokens;
    this.#database = database;
  }

  /** The word `ahead` tokens on, in upper case. */
  word(ahead = 0): string | undefined {
    const token = this.#tokens[this.#at + ahead];
    return token?.kind === 'word' ? token.text.toUpperCase() : undefined;
  }

  take(): string | undefined {
    const word = this.word();
    this.#at += 1;
    return word;
  }

  takeSymbol(symbol: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'symbol' || token.text !== symbol) return false;
    this.#at += 1;
    return true;
  }

  skipWords(...words: readonly string[]): void {
    while (words.includes(this.word() ?? '')) this.#at += 1;
  }

  /** Moves behind the next occurrence of a word; stays and answers false when there is none. */
  skipPast(word: string): boolean {
    const found = this.#tokens.findIndex(
      (token, index) => index >= this.#at && isWord(token, word),
    );
    if (found >= 0) this.#at = found + 1;
    return found >= 0;
  }

  hasAny(...words: readonly string[]): boolean {
    return this.#tokens.slice(this.#at).some((token) => words.some((word) => isWord(token, word)));
  }

  identifier(): string | undefined {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'word' && token?.kind !== 'quoted') return undefined;
    this.#at += 1;
    return token.text;
  }

  table(): TableId | undefined {
    const first = this.identifier();
    if (first === undefined) return undefined;
    if (!this.takeSymbol('.')) return { database: this.#database, table: first };
    const second = this.identifier();
    return second === undefined ? undefined : { database: first, table: second };
  }

  tableList(): readonly TableId[] {
    const tables: TableId[] = [];
    for (let table = this.table(); table; table = this.takeSymbol(',') ? this.table() : undefined)
      tables.push(table);
    return tables;
  }

  /** The rest, cut at commas outside parentheses. */
  specifications(): readonly Cursor[] {
    const groups: Token[][] = [[]];
    let depth = 0;
    for (const token of this.#tokens.slice(this.#at)) {
      if (token.kind === 'symbol' && token.text === '(') depth += 1;
      if (token.kind === 'symbol' && token.text === ')') depth -= 1;
      if (token.kind === 'symbol' && token.text === ',' && depth === 0) groups.push([]);
      else groups.at(-1)?.push(token);
    }
    return groups.map((group) => new Cursor(group, this.#database));
  }
}
