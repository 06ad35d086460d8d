import type { TableId } from '../change/table.ts';
import { SqlScanner } from './sql-scanner.ts';
import type { StatementContext } from './statement.ts';
import { TokenCursor } from './token-cursor.ts';

/** What the text of a CREATE or ALTER TABLE says of foreign keys of its table. */
export interface ForeignKeyChanges {
  /** Tables that new ones may refer to. */
  readonly parents: readonly TableId[];
  /** One may have been dropped. */
  readonly drops: boolean;
}

/** Nearly every statement says nothing of them. */
const MAY_SAY = /REFERENCES|FOREIGN|CONSTRAINT/i;

/** Reads more rather than less: a constraint that is dropped may be one of another kind. */
export function readForeignKeys(sql: string, context: StatementContext): ForeignKeyChanges {
  const parents: TableId[] = [];
  let drops = false;
  if (!MAY_SAY.test(sql)) return { parents, drops };
  const scanner = new SqlScanner(sql, { sqlMode: context.sqlMode, withoutNewer: false });
  const cursor = new TokenCursor(scanner, context);
  while (!cursor.atEnd()) {
    if (cursor.word() === 'DROP' && /^(FOREIGN|CONSTRAINT)$/.test(cursor.word(1))) drops = true;
    if (cursor.takeWord() !== 'REFERENCES') continue;
    const parent = cursor.table();
    if (parent) parents.push(parent);
  }
  return { parents, drops };
}
