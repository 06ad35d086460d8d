import type { TableId } from '../change/table.ts';
import {
  type ColumnDefinition,
  readColumnDefinition,
  type SqlType,
  withCharset,
} from './column-definition.ts';
import { constantText } from './constant-default.ts';
import { keepsValues } from './kept-values.ts';
import { SQL_MODE, SqlScanner } from './sql-scanner.ts';
import {
  type DefinitionOf,
  type KnownColumn,
  type KnownDefinition,
  renamed,
  sameTable,
  type TableEffect,
} from './table-effects.ts';
import { takeOption } from './table-option.ts';
import { TokenCursor } from './token-cursor.ts';

/** What the meaning of a column's definition depends on. */
export interface AlterContext {
  readonly sqlMode: bigint;
  /** `undefined` when the event does not say. */
  readonly explicitDefaultsForTimestamp: boolean | undefined;
}

/**
 * The effects of the part of ALTER TABLE that stands behind TABLE.
 *
 * @param ignores  ALTER IGNORE, which removes rows that a new unique key does not take
 */
export function alterTable(
  cursor: TokenCursor,
  context: AlterContext,
  definitionOf: DefinitionOf,
  ignores: boolean,
): readonly TableEffect[] {
  cursor.takeWords('IF', 'EXISTS');
  const table = cursor.table();
  if (!table) return [];
  cursor.takeWords('NOWAIT');
  if (cursor.takeWords('WAIT')) cursor.take();
  const alteration = new Alteration(table, context, definitionOf(table));
  if (ignores) alteration.rewrite('ALTER IGNORE may have removed rows');
  const pieces = cursor.pieces();
  alteration.keepsDefaultCharset = !pieces.some(namesCharset);
  for (const piece of pieces) alteration.take(piece);
  return alteration.effects();
}

/** Collects what the actions of one ALTER TABLE do; all names are those before the statement. */
class Alteration {
  readonly #table: TableId;
  readonly #context: AlterContext;
  readonly #known: KnownDefinition | undefined;
  readonly #closed: string[] = [];
  readonly #renamed: { readonly from: string; readonly to: string }[] = [];
  readonly #defaults: { readonly name: string; readonly value: string }[] = [];
  readonly #others: TableEffect[] = [];
  readonly #whys: string[] = [];
  /** The rest is the list of an action whose first item has been taken. */
  #isList = false;
  #target: TableId | undefined;
  #isKeyChanged = false;
  /** Whether columns that name no charset get the one the table had before. */
  keepsDefaultCharset = true;

  constructor(table: TableId, context: AlterContext, known: KnownDefinition | undefined) {
    this.#table = table;
    this.#context = context;
    this.#known = known;
  }

  rewrite(why: string): void {
    this.#whys.push(why);
  }

  effects(): readonly TableEffect[] {
    const moved = this.#target && !sameTable(this.#target, this.#table) ? this.#target : undefined;
    const table = moved ?? this.#table;
    const changes = { closed: this.#closed, renamed: this.#renamed, defaults: this.#defaults };
    const hasChanges = Object.values(changes).some((list) => list.length > 0);
    return [
      ...(moved ? renamed([{ from: this.#table, to: moved }]) : []),
      ...this.#others,
      ...(hasChanges ? [{ table, kind: 'columns', changes } as const] : []),
      ...(this.#isKeyChanged ? [{ table, kind: 'keyChanged' } as const] : []),
      ...(this.#whys.length > 0
        ? [{ table, kind: 'rewritten', why: this.#whys.join('; ') } as const]
        : []),
      { table, kind: 'touched' },
    ];
  }

  /** Takes one action, or one of several table options. */
  take(piece: TokenCursor): void {
    if (this.#isList) return;
    if (!this.#action(piece) || !takeTail(piece))
      this.rewrite('a part of the statement is not known');
  }

  /** False when the piece does not begin with an action that is known. */
  #action(piece: TokenCursor): boolean {
    switch (piece.word()) {
      case 'ADD':
        piece.take();
        return this.#add(piece);
      case 'DROP':
        piece.take();
        return this.#drop(piece);
      case 'CHANGE':
      case 'MODIFY':
        return this.#change(piece, piece.takeWord() === 'CHANGE');
      case 'RENAME':
        piece.take();
        return this.#rename(piece);
      case 'ALTER':
        piece.take();
        return alterPart(piece);
      case 'ORDER':
        return this.#all(piece);
      case 'CONVERT':
        this.rewrite('its text was converted to another charset');
        skipToTail(piece);
        return true;
      case 'EXCHANGE':
        return this.#exchange(piece);
      case 'TRUNCATE':
        this.#others.push({
          table: this.#table,
          kind: piece.word(2) === 'ALL' ? 'emptied' : 'rowsRemoved',
        });
        return this.#all(piece);
      case 'DISCARD':
        this.rewrite('a tablespace was discarded');
        return this.#all(piece);
      case 'IMPORT':
        this.#others.push({ table: this.#table, kind: 'replaced' });
        return this.#all(piece);
      case 'REPAIR':
        this.rewrite('a repair may have lost rows');
        return this.#all(piece);
      case 'COALESCE':
      case 'REORGANIZE':
      case 'REBUILD':
      case 'ANALYZE':
      case 'CHECK':
      case 'OPTIMIZE':
      case 'PARTITION':
        return piece.word() === 'PARTITION' || piece.word(1) === 'PARTITION'
          ? this.#all(piece)
          : false;
      case 'REMOVE':
        return true;
      case 'ENABLE':
      case 'DISABLE':
        piece.take();
        return piece.takeWords('KEYS');
      case 'WITH':
      case 'WITHOUT':
        piece.take();
        return piece.takeWords('VALIDATION');
      case 'UPGRADE':
        return piece.takeWords('UPGRADE', 'PARTITIONING');
      case 'FORCE':
      case 'SECONDARY_LOAD':
      case 'SECONDARY_UNLOAD':
        piece.take();
        return true;
      default:
        return true;
    }
  }

  /** The action takes everything that follows, whatever it is. */
  #all(piece: TokenCursor): true {
    while (!piece.atEnd()) piece.take();
    this.#isList = true;
    return true;
  }

  #add(piece: TokenCursor): boolean {
    if (piece.word() === 'PARTITION') return this.#all(piece);
    if (isKeyWord(piece.word())) {
      if (isPrimary(piece)) this.#isKeyChanged = true;
      skipToTail(piece);
      return true;
    }
    piece.takeWords('COLUMN');
    const mayExist = piece.takeWords('IF', 'NOT', 'EXISTS');
    if (!piece.isSymbol('(')) return this.#addColumn(piece, mayExist);
    const elements = piece.takeGroup().pieces();
    return elements.every((element) => {
      if (!isKeyWord(element.word())) return this.#addColumn(element, mayExist);
      if (isPrimary(element)) this.#isKeyChanged = true;
      return true;
    });
  }

  #addColumn(piece: TokenCursor, mayExist: boolean): boolean {
    const name = piece.identifier();
    if (name === undefined) return false;
    if (mayExist && this.#column(name)) {
      skipToTail(piece);
      return true;
    }
    const definition = this.#definition(piece);
    if (!definition) return false;
    if (definition.primaryKey) this.#isKeyChanged = true;
    this.#fill(name, definition, mayExist && !this.#known);
    return true;
  }

  /** What stored rows have in a new column. */
  #fill(name: string, definition: ColumnDefinition, mayExist: boolean): void {
    const { defaultValue, type } = definition;
    const isFilled =
      definition.generated ||
      definition.autoIncrement ||
      definition.primaryKey ||
      this.#refusesNull(definition);
    const isConstant = typeof defaultValue === 'object';
    if (!isFilled && (defaultValue === 'none' || defaultValue === 'null')) return;
    const isUnsure = definition.generated || definition.autoIncrement || mayExist;
    const value =
      isConstant && !isUnsure
        ? constantText(withCharset(type, this.#defaultCharset), defaultValue)
        : undefined;
    if (value === undefined)
      this.rewrite(`column ${name} has values that the statement does not tell`);
    else this.#defaults.push({ name, value });
  }

  get #defaultCharset(): string | undefined {
    return this.keepsDefaultCharset ? this.#known?.defaultCharset : undefined;
  }

  get #defaultsAreExplicit(): boolean {
    return this.#context.explicitDefaultsForTimestamp === true;
  }

  #drop(piece: TokenCursor): boolean {
    switch (piece.word()) {
      case 'PARTITION':
        this.#others.push({ table: this.#table, kind: 'rowsRemoved' });
        return this.#all(piece);
      case 'PRIMARY':
        this.#isKeyChanged = true;
        return piece.takeWords('PRIMARY', 'KEY');
      case 'FOREIGN':
        piece.takeWords('FOREIGN', 'KEY');
        piece.takeWords('IF', 'EXISTS');
        return piece.identifier() !== undefined;
      case 'INDEX':
      case 'KEY':
      case 'CHECK':
      case 'CONSTRAINT':
        piece.take();
        piece.takeWords('IF', 'EXISTS');
        return this.#dropIndex(piece.identifier());
      default:
        piece.takeWords('COLUMN');
        return this.#dropColumn(piece, piece.takeWords('IF', 'EXISTS'));
    }
  }

  /** The primary key is an index of that name, and a constraint. */
  #dropIndex(name: string | undefined): boolean {
    if (name?.toUpperCase() === 'PRIMARY') this.#isKeyChanged = true;
    return name !== undefined;
  }

  #dropColumn(piece: TokenCursor, mayLack: boolean): boolean {
    const name = piece.identifier();
    piece.skipWords('RESTRICT', 'CASCADE');
    if (name === undefined) return false;
    const column = this.#column(name);
    if (mayLack && this.#known && !column) return true;
    this.#closed.push(column?.name ?? name);
    if (!column || this.#isInKey(column)) this.#isKeyChanged = true;
    return true;
  }

  #rename(piece: TokenCursor): boolean {
    if (piece.takeWords('COLUMN')) {
      const from = piece.identifier();
      const to = piece.takeWords('TO') ? piece.identifier() : undefined;
      if (from === undefined || to === undefined) return false;
      this.#renameColumn(from, to);
      return true;
    }
    if (piece.word() === 'INDEX' || piece.word() === 'KEY') {
      piece.take();
      return piece.identifier() !== undefined && piece.takeWords('TO') && !!piece.identifier();
    }
    if (!piece.takeWords('TO') && !piece.takeWords('AS')) piece.takeSymbol('=');
    this.#target = piece.table();
    return this.#target !== undefined;
  }

  #renameColumn(from: string, to: string): void {
    const column = this.#column(from);
    const spelled = column?.name ?? from;
    if (spelled === to) return;
    this.#renamed.push({ from: spelled, to });
    if (!column || this.#isInKey(column)) this.#isKeyChanged = true;
  }

  #change(piece: TokenCursor, renames: boolean): boolean {
    piece.takeWords('COLUMN');
    const mayLack = piece.takeWords('IF', 'EXISTS');
    const from = piece.identifier();
    const to = renames ? piece.identifier() : from;
    if (from === undefined || to === undefined) return false;
    const column = this.#column(from);
    if (mayLack && this.#known && !column) {
      skipToTail(piece);
      return true;
    }
    const definition = this.#definition(piece);
    if (renames) this.#renameColumn(from, to);
    if (definition?.primaryKey && !(column && this.#isInKey(column))) this.#isKeyChanged = true;
    if (definition && column && this.#keeps(column, definition)) return true;
    this.rewrite(`column ${from} was defined anew`);
    if (!column || this.#isInKey(column)) this.#isKeyChanged = true;
    return true;
  }

  /** Whether every stored value is the same under the new definition. */
  #keeps(column: KnownColumn, definition: ColumnDefinition): boolean {
    const { sqlMode } = this.#context;
    const from = storedType(column);
    const to = withCharset(definition.type, this.#defaultCharset);
    const isGenerated = definition.generated || this.#known?.columns.some(isComputed);
    const isNumbered = definition.autoIncrement && !/\bauto_increment\b/i.test(column.extra ?? '');
    if (!from || isGenerated === true || isNumbered) return false;
    const losesNull = column.nullable && this.#refusesNull(definition);
    if (losesNull && !isStrict(sqlMode)) return false;
    return keepsValues(from, to, (sqlMode & SQL_MODE.padCharToFullLength) !== 0n);
  }

  /** A TIMESTAMP of which nothing is said is NOT NULL by the rules of old. */
  #refusesNull({ type, nullable }: ColumnDefinition): boolean {
    const isImplicit = type.name === 'timestamp' && !this.#defaultsAreExplicit;
    return nullable === false || (nullable === undefined && isImplicit);
  }

  #exchange(piece: TokenCursor): boolean {
    while (!piece.atEnd() && piece.word() !== 'TABLE') piece.take();
    piece.take();
    const other = piece.table();
    if (!other) return false;
    this.#others.push(
      { table: this.#table, kind: 'replaced' },
      { table: other, kind: 'replaced' },
      { table: other, kind: 'touched' },
    );
    return this.#all(piece);
  }

  /** Reads a definition up to where the table's partitioning may begin. */
  #definition(piece: TokenCursor): ColumnDefinition | undefined {
    const tokens = piece.takeUntil(beginsTail);
    const mentionsKey = tokens.mentions('KEY');
    const definition = readColumnDefinition(tokens, this.#context.sqlMode);
    if (!definition && mentionsKey) this.#isKeyChanged = true;
    return definition;
  }

  #column(name: string): KnownColumn | undefined {
    const folded = name.toLowerCase();
    return this.#known?.columns.find((column) => column.name.toLowerCase() === folded);
  }

  #isInKey({ name }: KnownColumn): boolean {
    return this.#known?.key.includes(name) ?? true;
  }
}

/** Its values follow those of others, by rules that may change with them. */
function isComputed({ extra = '' }: KnownColumn): boolean {
  return /\b(?:VIRTUAL|STORED) GENERATED\b/i.test(extra);
}

/** In strict mode the server refuses to turn a NULL into something else. */
function isStrict(sqlMode: bigint): boolean {
  return (sqlMode & (SQL_MODE.strictTransTables | SQL_MODE.strictAllTables)) !== 0n;
}

/** The type of a column as the server describes it, which is SQL again. */
function storedType({ fullType }: KnownColumn): SqlType | undefined {
  if (fullType === undefined) return undefined;
  const scanner = new SqlScanner(fullType, { sqlMode: 0n, withoutNewer: false });
  const cursor = new TokenCursor(scanner, { database: '', lowerCaseNames: false });
  const definition = readColumnDefinition(cursor, 0n);
  return definition && withCharset(definition.type, undefined);
}

const KEY_WORDS = [
  'PRIMARY',
  'INDEX',
  'KEY',
  'UNIQUE',
  'FULLTEXT',
  'SPATIAL',
  'CONSTRAINT',
  'FOREIGN',
  'CHECK',
];

/** All reserved: a column of such a name stands in quotes. */
function isKeyWord(word: string): boolean {
  return KEY_WORDS.includes(word);
}

/** `PRIMARY KEY …` or `CONSTRAINT [name] PRIMARY KEY …` */
function isPrimary(cursor: TokenCursor): boolean {
  if (cursor.word() === 'PRIMARY') return true;
  return (
    cursor.word() === 'CONSTRAINT' && (cursor.word(1) === 'PRIMARY' || cursor.word(2) === 'PRIMARY')
  );
}

/** `[COLUMN] name SET DEFAULT …` and the like: nothing that stored rows have. */
function alterPart(piece: TokenCursor): boolean {
  const isOther =
    piece.takeWords('INDEX') || piece.takeWords('CHECK') || piece.takeWords('CONSTRAINT');
  if (!isOther) piece.takeWords('COLUMN');
  piece.takeWords('IF', 'EXISTS');
  if (piece.identifier() === undefined) return false;
  switch (piece.takeWord()) {
    case 'VISIBLE':
    case 'INVISIBLE':
    case 'ENFORCED':
      return isOther;
    case 'NOT':
      return isOther && piece.takeWords('ENFORCED');
    case 'DROP':
      return !isOther && piece.takeWords('DEFAULT');
    case 'SET':
      if (isOther) return false;
      skipToTail(piece);
      return true;
    default:
      return false;
  }
}

const ACTIONS = ['ADD', 'DROP', 'CHANGE', 'MODIFY', 'ALTER', 'RENAME'];

/** Whether the piece is table options that give the table another charset. */
function namesCharset(piece: TokenCursor): boolean {
  return (
    !ACTIONS.includes(piece.word()) && piece.mentions('CHARSET', 'CHARACTER', 'CHAR', 'COLLATE')
  );
}

/** Partitioning follows the last action without a comma. */
function beginsTail(cursor: TokenCursor): boolean {
  return (
    (cursor.word() === 'PARTITION' && cursor.word(1) === 'BY') ||
    (cursor.word() === 'REMOVE' && cursor.word(1) === 'PARTITIONING')
  );
}

function skipToTail(cursor: TokenCursor): void {
  cursor.takeUntil(beginsTail);
}

/** Table options, and the table's partitioning behind the last of all actions. */
function takeTail(cursor: TokenCursor): boolean {
  while (!cursor.atEnd() && !beginsTail(cursor)) if (!takeOption(cursor)) return false;
  return true;
}
