import type { TableId } from '../change/table.ts';
import { type AlterContext, AlteredColumns } from './altered-columns.ts';
import { type DefinitionOf, renamed, sameTable, type TableEffect } from './table-effects.ts';
import { skipOptions, takeOptions } from './table-option.ts';
import type { TokenCursor } from './token-cursor.ts';

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
  const pieces = cursor.pieces();
  const charset = pieces.some(namesCharset) ? 'changed' : 'kept';
  const alteration = new Alteration(
    table,
    new AlteredColumns(context, definitionOf(table), charset),
  );
  if (ignores) alteration.rewrite('ALTER IGNORE may have removed rows');
  for (const piece of pieces) alteration.take(piece);
  return alteration.effects();
}

/** Collects what the actions of one ALTER TABLE do; all names are those before the statement. */
class Alteration {
  readonly #table: TableId;
  readonly #columns: AlteredColumns;
  readonly #others: TableEffect[] = [];
  /** The rest is the list of an action whose first item has been taken. */
  #isList = false;
  #target: TableId | undefined;

  constructor(table: TableId, columns: AlteredColumns) {
    this.#table = table;
    this.#columns = columns;
  }

  rewrite(why: string): void {
    this.#columns.whys.push(why);
  }

  effects(): readonly TableEffect[] {
    const moved = this.#target && !sameTable(this.#target, this.#table) ? this.#target : undefined;
    const table = moved ?? this.#table;
    const { changes, isKeyChanged, whys } = this.#columns;
    const hasChanges = Object.values(changes).some((list) => list.length > 0);
    return [
      ...(moved ? renamed([{ from: this.#table, to: moved }]) : []),
      ...this.#others,
      ...(hasChanges ? [{ table, kind: 'columns', changes } as const] : []),
      ...(isKeyChanged ? [{ table, kind: 'keyChanged' } as const] : []),
      ...(whys.length > 0 ? [{ table, kind: 'rewritten', why: whys.join('; ') } as const] : []),
      { table, kind: 'touched' },
    ];
  }

  /** Takes one action, or one of several table options. */
  take(piece: TokenCursor): void {
    if (this.#isList) return;
    if (!this.#action(piece) || !takeOptions(piece))
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
        return this.#columns.change(piece, piece.takeWord() === 'CHANGE');
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
        skipOptions(piece);
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
    if (isKeyWord(piece.word())) return this.#addElement(piece, false);
    piece.takeWords('COLUMN');
    const mayExist = piece.takeWords('IF', 'NOT', 'EXISTS');
    if (!piece.isSymbol('(')) return this.#columns.add(piece, mayExist);
    const elements = piece.takeGroup().pieces();
    return elements.filter((element) => !this.#addElement(element, mayExist)).length === 0;
  }

  /** A column, a key or a constraint. */
  #addElement(piece: TokenCursor, mayExist: boolean): boolean {
    if (!isKeyWord(piece.word())) return this.#columns.add(piece, mayExist);
    if (isPrimary(piece)) this.#columns.isKeyChanged = true;
    skipOptions(piece);
    return true;
  }

  #drop(piece: TokenCursor): boolean {
    switch (piece.word()) {
      case 'PARTITION':
        this.#others.push({ table: this.#table, kind: 'rowsRemoved' });
        return this.#all(piece);
      case 'PRIMARY':
        this.#columns.isKeyChanged = true;
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
        return this.#columns.drop(piece, piece.takeWords('IF', 'EXISTS'));
    }
  }

  /** The primary key is an index of that name, and a constraint. */
  #dropIndex(name: string | undefined): boolean {
    if (name?.toUpperCase() === 'PRIMARY') this.#columns.isKeyChanged = true;
    return name !== undefined;
  }

  #rename(piece: TokenCursor): boolean {
    if (piece.takeWords('COLUMN')) {
      const from = piece.identifier();
      const to = piece.takeWords('TO') ? piece.identifier() : undefined;
      if (from === undefined || to === undefined) return false;
      this.#columns.rename(from, to);
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
      skipOptions(piece);
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
