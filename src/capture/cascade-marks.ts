import type { RowsEvent } from '../binlog/event.ts';
import { type TableName, tableName } from '../change/table.ts';
import { readForeignKeys } from '../statement/foreign-keys.ts';
import type { StatementContext } from '../statement/statement.ts';
import type { TableEffect } from '../statement/table-effects.ts';
import type { Cascades, KeyChanges } from './cascades.ts';
import type { StreamPosition } from './position.ts';
import type { Tables } from './tables.ts';

export interface CascadeParts {
  readonly cascades: Cascades;
  readonly position: StreamPosition;
  readonly tables: Tables;
}

/**
 * Marks the tables that foreign keys may have changed, which no event tells of: whatever becomes of
 * the rows that set them off.
 */
export class CascadeMarks {
  readonly #parts: CascadeParts;

  constructor(parts: CascadeParts) {
    this.#parts = parts;
  }

  /** Rows of a table were changed, also of one that is not passed on. */
  rows(event: RowsEvent, keys?: KeyChanges): void {
    const { cascades, tables } = this.#parts;
    if (event.op === 'insert' || cascades.isEmpty) return;
    const parent = tableName(event.table.id);
    for (const child of cascades.reachedBy(parent, event, keys)) tables.cascaded(child, parent);
  }

  /** The same where nothing is known of the rows. */
  anyRows(parent: TableName): void {
    const { cascades, tables } = this.#parts;
    for (const change of ['delete', 'update'] as const)
      for (const child of cascades.reachedFrom(parent, change)) tables.cascaded(child, parent);
  }

  /**
   * A statement may have made foreign keys or dropped some: the source tells what they are now, later
   * than rows come, and not what they were before.
   */
  statement(sql: string, context: StatementContext, effects: readonly TableEffect[]): void {
    const { cascades, position, tables } = this.#parts;
    const { added, drops } = readForeignKeys(sql, context);
    const wasUnknown = position.transaction && cascades.isPast(position.transaction.gtid);
    for (const { table: child } of effects) {
      for (const reference of added) cascades.suspect({ ...reference, child });
      if (drops && wasUnknown)
        tables.rewritten(
          child,
          'cascade',
          'a foreign key that was dropped since may have changed its rows',
        );
    }
  }
}
