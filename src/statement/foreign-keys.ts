import type { TableId } from '../change/table.ts';
import { SqlScanner } from './sql-scanner.ts';
import type { StatementContext } from './statement.ts';
import { TokenCursor } from './token-cursor.ts';

/** A reference to another table, with what it does to its own when rows of that change. */
export interface Reference {
  readonly parent: TableId;
  readonly onDelete: boolean;
  readonly onUpdate: boolean;
  /** Of the parent. */
  readonly columns: readonly string[];
}

/** What the text of a CREATE or ALTER TABLE says of foreign keys of its table. */
export interface ForeignKeyChanges {
  /** Those that change rows. */
  readonly added: readonly Reference[];
  /** One may have been dropped. */
  readonly drops: boolean;
}

/** Nearly every statement says nothing of them. */
const MAY_SAY = /REFERENCES|FOREIGN|CONSTRAINT/i;

/**
 * Reads more rather than less: a constraint that is dropped may be one of another kind, and a server
 * may ignore a reference beside a column.
 */
export function readForeignKeys(sql: string, context: StatementContext): ForeignKeyChanges {
  const added: Reference[] = [];
  let drops = false;
  if (!MAY_SAY.test(sql)) return { added, drops };
  const scanner = new SqlScanner(sql, { sqlMode: context.sqlMode, withoutNewer: false });
  const cursor = new TokenCursor(scanner, context);
  while (!cursor.atEnd()) {
    if (cursor.word() === 'DROP' && /^(FOREIGN|CONSTRAINT)$/.test(cursor.word(1))) drops = true;
    if (cursor.takeWord() !== 'REFERENCES') continue;
    const reference = takeReference(cursor);
    if (reference && (reference.onDelete || reference.onUpdate)) added.push(reference);
  }
  return { added, drops };
}

/** `table (columns) [MATCH word] [ON DELETE action] [ON UPDATE action]` */
function takeReference(cursor: TokenCursor): Reference | undefined {
  const parent = cursor.table();
  if (!parent) return undefined;
  const columns = cursor.isSymbol('(')
    ? cursor
        .takeGroup()
        .pieces()
        .flatMap((piece) => piece.identifier() ?? [])
    : [];
  if (cursor.takeWords('MATCH')) cursor.take();
  const acts = { onDelete: false, onUpdate: false };
  while (cursor.takeWords('ON')) {
    const isDelete = cursor.takeWord() === 'DELETE';
    if (/^(CASCADE|SET)$/.test(cursor.word())) acts[isDelete ? 'onDelete' : 'onUpdate'] = true;
    cursor.skipWords('CASCADE', 'RESTRICT', 'SET', 'NULL', 'DEFAULT', 'NO', 'ACTION');
  }
  return { parent, ...acts, columns };
}
